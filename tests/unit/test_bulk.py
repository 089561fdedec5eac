"""Bulk runs: N workers over one iterator, outcomes as a stream."""

from __future__ import annotations

import asyncio
import gc
import itertools
import tracemalloc
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiosymphony import Failed, Ok, bulk
from aiosymphony.auth.static import StaticToken
from aiosymphony.errors import ConfigError
from aiosymphony.session import Session
from aiosymphony.transport import Response
from aiosymphony.wire.operation import Operation, Request
from tests.faults.clock import JumpingLoop, LoopClock, busiest


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=lambda: JumpingLoop(grace=0.0)) as runner:
        runner.run(main())


async def double(n: int) -> int:
    await asyncio.sleep(0)
    if n % 7 == 3:
        raise ValueError(n)
    return 2 * n


class Listing:
    """Begins a reading each time it is iterated, as a Pager does."""

    def __init__(self) -> None:
        self.open = 0

    async def __aiter__(self) -> AsyncIterator[int]:
        self.open += 1
        try:
            for item in itertools.count():
                yield item
        finally:
            self.open -= 1


async def counted(items: range) -> AsyncIterator[int]:
    for item in items:
        await asyncio.sleep(0)
        yield item


@given(count=st.integers(0, 100), concurrency=st.integers(1, 40), ordered=st.booleans(), asynchronous=st.booleans())
def test_each_item_has_one_outcome_with_its_index(
    count: int, concurrency: int, ordered: bool, asynchronous: bool
) -> None:
    async def main() -> None:
        source = counted(range(count)) if asynchronous else range(count)
        async with bulk(source, double, concurrency=concurrency, ordered=ordered) as run:
            outcomes = [outcome async for outcome in run]
        if ordered:
            assert [outcome.index for outcome in outcomes] == list(range(count))
        assert sorted(outcome.index for outcome in outcomes) == list(range(count))
        for outcome in outcomes:
            assert outcome.item == outcome.index
            match outcome:
                case Ok(item, value):
                    assert value == 2 * item
                    assert item % 7 != 3
                    assert outcome.ok
                case Failed(item, error):
                    assert isinstance(error, ValueError)
                    assert item % 7 == 3
                    assert not outcome.ok
        assert run.started == count == run.succeeded + run.failed
        assert run.in_flight == 0
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


@pytest.mark.parametrize("ordered", [False, True])
def test_concurrency_is_bounded_and_used(ordered: bool) -> None:
    async def main() -> None:
        under_way = most = 0

        async def work(n: int) -> None:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(1.0 + n % 3)
            under_way -= 1

        async with bulk(range(50), work, concurrency=8, ordered=ordered) as run:
            assert len([outcome async for outcome in run]) == 50
        assert most == 8

    run(main)


def test_the_rate_bounds_how_many_begin() -> None:
    async def main() -> None:
        begun: list[float] = []

        async def work(_: int) -> None:
            begun.append(asyncio.get_running_loop().time())

        async with bulk(range(50), work, concurrency=10, rate=5.0, clock=LoopClock()) as run:
            assert len([outcome async for outcome in run]) == 50
        assert busiest(begun) == 5
        assert begun[-1] - begun[0] == pytest.approx(49 / 5.0, abs=0.1)
        assert all(later - earlier >= 0.15 - 1e-5 for earlier, later in itertools.pairwise(begun))

    run(main)


@pytest.mark.parametrize("ordered", [False, True])
def test_a_slow_reader_slows_the_workers_down(ordered: bool) -> None:
    async def main() -> None:
        taken = 0

        def items() -> Iterator[int]:
            nonlocal taken
            while True:
                taken += 1
                yield taken

        async with bulk(items(), double, concurrency=4, ordered=ordered) as run:
            read = 0
            async for _ in run:
                read += 1
                await asyncio.sleep(1.0)
                assert taken <= read + 4 * 4 + 2 * 4
                if read == 50:
                    break

    run(main)


def test_one_slow_item_holds_the_order_and_memory_in_bounds() -> None:
    async def main() -> None:
        started = 0

        async def work(n: int) -> int:
            nonlocal started
            started += 1
            await asyncio.sleep(1000.0 if n == 0 else 0.001)
            return n

        async with bulk(range(10**6), work, concurrency=4, ordered=True) as run:
            async for outcome in run:
                assert outcome.index == 0
                break
        assert started <= 6 * 4

    run(main)


def test_memory_is_flat_in_the_number_of_items() -> None:
    def peak(count: int) -> int:
        async def main() -> None:
            async with bulk(range(count), double, concurrency=16) as run:
                async for _ in run:
                    pass

        gc.collect()
        tracemalloc.start()
        asyncio.run(main())
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(100)
    assert peak(20_000) < peak(1_000) + 100_000


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_input_that_fails_is_raised_after_the_outcomes_of_what_was_begun(asynchronous: bool) -> None:
    def broken() -> Iterator[int]:
        yield 1
        yield 2
        raise RuntimeError("line 3 is no CSV")

    async def broken_too() -> AsyncIterator[int]:
        for item in broken():
            yield item

    async def main() -> None:
        seen = []

        async def read() -> None:
            async with bulk(broken_too() if asynchronous else broken(), double, concurrency=3) as run:
                async for outcome in run:
                    seen.append(outcome.item)  # noqa: PERF401 - what came before the error counts

        with pytest.raises(RuntimeError, match="line 3"):
            await read()
        assert sorted(seen) == [1, 2]
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_an_async_input_is_read_by_one_worker_at_a_time() -> None:
    async def main() -> None:
        inside = 0

        async def items() -> AsyncIterator[int]:
            nonlocal inside
            for item in range(30):
                inside += 1
                assert inside == 1
                await asyncio.sleep(0.1)
                inside -= 1
                yield item

        async with bulk(items(), double, concurrency=8) as run:
            assert len([outcome async for outcome in run]) == 30

    run(main)


@pytest.mark.parametrize("ordered", [False, True])
def test_an_error_of_the_reader_cancels_the_rest_and_comes_through(ordered: bool) -> None:
    async def main() -> None:
        cancelled = 0

        async def work(n: int) -> int:
            nonlocal cancelled
            try:
                await asyncio.sleep(0.0 if n == 0 else 1000.0)
            except asyncio.CancelledError:
                cancelled += 1
                raise
            return n

        async def read() -> None:
            async with bulk(range(100), work, concurrency=5, ordered=ordered) as run:
                async for _ in run:
                    raise KeyError("the reader's own")

        with pytest.raises(KeyError, match="the reader's own"):
            await read()
        assert cancelled == 5
        await asyncio.sleep(0)  # the loop closes the generators that the error left open
        assert len(asyncio.all_tasks()) == 1

    run(main)


def test_a_cancelled_inner_task_fails_its_item_alone() -> None:
    async def main() -> None:
        async def work(n: int) -> int:
            inner = asyncio.ensure_future(asyncio.sleep(5.0))
            if n % 2:
                inner.cancel()
            await inner
            return n

        async with asyncio.timeout(600.0), bulk(range(20), work, concurrency=2) as run:
            outcomes = [outcome async for outcome in run]
        assert sorted(outcome.index for outcome in outcomes if isinstance(outcome, Failed)) == list(range(1, 20, 2))
        assert len(outcomes) == 20

    run(main)


def test_cancelling_the_whole_cancels_the_workers() -> None:
    async def main() -> None:
        async def read() -> None:
            async with bulk(range(100), lambda _: asyncio.sleep(1000.0), concurrency=5) as run:
                async for _ in run:
                    pass

        task = asyncio.ensure_future(read())
        await asyncio.sleep(1.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(asyncio.all_tasks()) == 1

    run(main)


def test_attempts_count_the_requests_of_each_item() -> None:
    operation: Operation[..., Any] = Operation(
        id="thing_get", api="pod", method="GET", path="/thing", tag="t", idempotent=True,
        build=lambda n: Request(operation, "/thing", f"n={n}"),
        parse=lambda status, headers, content: None if status == 200 else _fail(status),
    )  # fmt: skip

    def _fail(status: int) -> None:
        from aiosymphony.wire.responses import error_from_response

        raise error_from_response(operation, status, {}, b"")

    class Flaky:
        """Answers 503 to item n as often as n says."""

        def __init__(self) -> None:
            self.left: dict[str, int] = {}

        async def send(self, method: str, url: str, *_: Any, **__: Any) -> Response:
            left = self.left.setdefault(url, int(url.rpartition("=")[2]))
            self.left[url] = left - 1
            return Response(503 if left > 0 else 200, {}, b"")

        def reset(self) -> None:
            pass

        async def close(self) -> None:
            pass

    async def main() -> None:
        session = Session(
            hosts=lambda _: "http://127.0.0.1", auth=StaticToken("t"), transport=Flaky(), clock=LoopClock()
        )
        items = [0, 1, 2, 3, 4, 0]
        async with bulk(items, lambda n: session.execute(operation.build(n)), concurrency=2, ordered=True) as run:
            outcomes = [outcome async for outcome in run]
        assert [outcome.attempts for outcome in outcomes] == [1, 2, 3, 4, 4, 1]
        assert [outcome.ok for outcome in outcomes] == [True, True, True, True, False, True]
        await session.close()

    run(main)


def test_the_rate_counts_items_when_they_begin_and_not_when_they_are_asked_for() -> None:
    """A source that stalls, and then has everything at once."""

    async def stalling() -> AsyncIterator[int]:
        for item in range(60):
            if item in (0, 31):
                await asyncio.sleep(0.9)
            yield item

    async def main() -> None:
        begun: list[float] = []

        async def work(_: int) -> None:
            begun.append(asyncio.get_running_loop().time())

        async with bulk(stalling(), work, concurrency=20, rate=5.0, clock=LoopClock()) as run:
            assert len([outcome async for outcome in run]) == 60
        assert busiest(begun) == 5

    run(main)


def test_a_stop_while_the_rate_is_waited_for_leaves_the_next_item_in_the_source() -> None:
    async def main() -> None:
        source = counted(range(10))
        async with bulk(source, double, concurrency=4, rate=0.1, clock=LoopClock()) as run:
            outcomes = aiter(run)
            assert (await anext(outcomes)).index == 0
            await asyncio.sleep(5.0)
            run.stop()
            assert [outcome async for outcome in outcomes] == []
        assert await anext(source) == 1

    run(main)


def _uvloop() -> asyncio.AbstractEventLoop:
    return pytest.importorskip("uvloop", reason="there is none for Windows").new_event_loop()


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, pytest.param(_uvloop, id="uvloop")])
def test_a_high_rate_on_a_real_loop_ends(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def main() -> None:
        # No bound on the speed: a run that stands still must end.
        async with asyncio.timeout(60.0), bulk(range(3000), double, rate=5000) as run:
            assert len([outcome async for outcome in run]) == 3000

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


class Bang(BaseException):
    """No Exception, as KeyboardInterrupt is none; but one that an event loop lets a task end with."""


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("where", [0, 5, 9])
def test_case_57_what_is_no_exception_ends_the_run_and_is_raised_to_the_reader(
    where: int, concurrency: int, ordered: bool
) -> None:
    async def main() -> None:
        async def work(n: int) -> int:
            await asyncio.sleep(0.0 if n == where else 0.1)
            if n == where:
                raise Bang(n)
            return n

        seen = []

        async def read() -> None:
            async with bulk(range(10), work, concurrency=concurrency, ordered=ordered) as run:
                async for outcome in run:
                    seen.append(outcome.index)  # noqa: PERF401 - what came before it counts

        with pytest.raises(Bang) as caught:
            await read()
        assert caught.value.args == (where,)
        assert where not in seen
        assert len(asyncio.all_tasks()) == 1

    run(main)


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_case_57_an_input_that_ends_by_what_is_no_exception_is_raised_to_the_reader(
    asynchronous: bool, concurrency: int, ordered: bool
) -> None:
    def broken() -> Iterator[int]:
        yield 0
        raise Bang

    async def broken_too() -> AsyncIterator[int]:
        for item in broken():
            yield item

    async def main() -> None:
        async def read() -> None:
            async with bulk(
                broken_too() if asynchronous else broken(), double, concurrency=concurrency, ordered=ordered
            ) as run:
                async for _ in run:
                    pass

        with pytest.raises(Bang):
            await read()
        assert len(asyncio.all_tasks()) == 1

    run(main)


def test_case_57_an_input_that_is_cancelled_by_itself_is_raised_to_the_reader() -> None:
    async def cancelled() -> AsyncIterator[int]:
        yield 0
        inner = asyncio.ensure_future(asyncio.sleep(5.0))
        inner.cancel()
        await inner

    async def main() -> None:
        seen = []

        async def read() -> None:
            async with bulk(cancelled(), double, concurrency=3) as run:
                async for outcome in run:
                    seen.append(outcome.index)  # noqa: PERF401 - what came before it counts

        with pytest.raises(asyncio.CancelledError):
            await read()
        assert seen == [0]

    run(main)


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("awaits", [False, True], ids=["and returns", "and awaits"])
def test_case_57_an_item_that_cancels_its_own_task_fails_and_all_others_go_on(
    awaits: bool, concurrency: int, ordered: bool
) -> None:
    async def main() -> None:
        async def work(n: int) -> int:
            task = asyncio.current_task()
            assert task is not None
            assert not task.cancelling()
            if n % 3 == 2:
                task.cancel()
                if awaits:
                    await asyncio.sleep(1.0)
            return n

        async with bulk(range(20), work, concurrency=concurrency, ordered=ordered) as run:
            outcomes = [outcome async for outcome in run]
        assert sorted(outcome.index for outcome in outcomes) == list(range(20))
        failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
        assert sorted(outcome.index for outcome in failed) == (list(range(2, 20, 3)) if awaits else [])
        assert all(isinstance(outcome.error, asyncio.CancelledError) for outcome in failed)

    run(main)


@pytest.mark.parametrize("ends", ["returns", "fails"])
def test_leaving_ends_though_items_do_not_heed_their_cancellation(ends: str) -> None:
    async def main() -> None:
        async def work(n: int) -> int:
            try:
                await asyncio.sleep(0.1 if n < 3 else 1000.0)
            except asyncio.CancelledError:
                if ends == "fails":
                    raise ValueError(n) from None
            return n

        async with bulk(range(100), work, concurrency=2) as run:
            await anext(aiter(run))
            await asyncio.sleep(10.0)  # nobody reads: two outcomes fill their queue, and two items are under way
        assert len(asyncio.all_tasks()) == 1

    run(main)


def test_several_readers_share_the_outcomes_and_all_of_them_end() -> None:
    async def main() -> None:
        async def work(n: int) -> int:
            await asyncio.sleep(0.1)
            return n

        async with bulk(range(7), work, concurrency=2) as run:

            async def read() -> list[int]:
                return [outcome.index async for outcome in run]

            shares = await asyncio.gather(*(read() for _ in range(3)))
            assert sorted(index for share in shares for index in share) == list(range(7))
            assert await read() == []

    run(main)


def test_misuse_is_named() -> None:
    with pytest.raises(ConfigError, match="concurrency"):
        bulk([], double, concurrency=0)
    for rate in (0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="rate"):
            bulk([], double, rate=rate)

    async def main() -> None:
        with pytest.raises(ConfigError, match="async with"):
            aiter(bulk([1], double))

    asyncio.run(main())


def test_a_run_that_is_left_early_ends_the_reading_that_it_began_and_no_other() -> None:
    async def main() -> None:
        listing, mine = Listing(), aiter(Listing())
        for source in (listing, mine):
            async with bulk(source, double, concurrency=2) as run:
                await anext(aiter(run))
        assert listing.open == 0
        assert await anext(mine) >= 0

    run(main)
