"""The limiter: rate, concurrency, pauses and queues, on virtual time."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiosymphony.errors import ConfigError
from aiosymphony.limits import Limit, Limiter, Limits
from tests.faults.clock import JumpingLoop, LoopClock


def run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=lambda: JumpingLoop(grace=0.0)) as runner:
        runner.run(main)


def limiter(parent: Limiter | None = None, **limit: Any) -> Limiter:
    return Limiter(Limit(**limit), parent=parent, clock=LoopClock())


async def use(limiter: Limiter, seconds: float, begun: list[float] | None = None) -> None:
    if not limiter.try_acquire():
        await limiter.acquire()
    try:
        if begun is not None:
            begun.append(asyncio.get_running_loop().time())
        await asyncio.sleep(seconds)
    finally:
        limiter.release()


def test_concurrency_is_never_passed_and_the_queue_is_fair() -> None:
    async def main() -> None:
        gate = limiter(concurrency=3)
        most, order = 0, []

        async def one(number: int) -> None:
            nonlocal most
            await gate.acquire()
            order.append(number)
            most = max(most, gate.in_flight)
            await asyncio.sleep(1.0)
            gate.release()

        await asyncio.gather(*(one(n) for n in range(20)))
        assert most == 3
        assert order == list(range(20))
        assert gate.in_flight == gate.waiting == 0

    run(main())


def test_the_rate_is_kept_and_a_pause_in_use_allows_one_burst() -> None:
    async def main() -> None:
        gate = limiter(concurrency=100, rate=10.0, burst=5.0)
        begun: list[float] = []
        await asyncio.gather(*(use(gate, 0.0, begun) for _ in range(45)))
        assert begun[4] == begun[0]
        assert begun[-1] - begun[0] == pytest.approx(4.0)
        assert all(later - earlier >= 0.1 - 1e-6 for earlier, later in itertools.pairwise(begun[5:]))
        await asyncio.sleep(100.0)
        begun.clear()
        await asyncio.gather(*(use(gate, 0.0, begun) for _ in range(10)))
        assert begun[4] == begun[0]
        assert begun[5] > begun[0]

    run(main())


@given(
    rate=st.floats(0.1, 1000.0), burst=st.none() | st.floats(0.5, 50.0), starts=st.lists(st.floats(0, 3), max_size=60)
)
def test_in_no_span_of_time_do_more_begin_than_burst_and_rate_allow(
    rate: float, burst: float | None, starts: list[float]
) -> None:
    begun: list[float] = []

    async def main() -> None:
        gate = limiter(concurrency=1000, rate=rate, burst=burst)

        async def one(start: float) -> None:
            await asyncio.sleep(start)
            await use(gate, 0.0, begun)

        await asyncio.gather(*(one(start) for start in starts))
        assert gate.in_flight == gate.waiting == 0

    run(main())
    allowed = max(1.0, burst or rate)
    assert len(begun) == len(starts)
    for first, last in itertools.combinations_with_replacement(range(len(begun)), 2):
        assert last - first + 1 <= allowed + (begun[last] - begun[first]) * rate + 1e-3


def test_a_cancelled_wait_takes_nothing_and_wakes_the_next() -> None:
    async def main() -> None:
        gate = limiter(concurrency=1)
        await gate.acquire()
        waiters = [asyncio.ensure_future(gate.acquire()) for _ in range(3)]
        await asyncio.sleep(1.0)
        assert (gate.in_flight, gate.waiting) == (1, 3)
        gate.release()
        waiters[0].cancel()  # in the very turn in which its place became free
        await asyncio.sleep(1.0)
        assert [waiter.done() for waiter in waiters] == [True, True, False]
        assert waiters[0].cancelled()
        assert (gate.in_flight, gate.waiting) == (1, 1)
        waiters[2].cancel()
        gate.release()
        await asyncio.sleep(1.0)
        assert (gate.in_flight, gate.waiting) == (0, 0)
        assert gate.try_acquire()
        gate.release()

    run(main())


def test_nobody_overtakes_the_queue() -> None:
    async def main() -> None:
        gate = limiter(concurrency=1)
        await gate.acquire()
        waiter = asyncio.ensure_future(gate.acquire())
        await asyncio.sleep(0)
        gate.release()
        assert not gate.try_acquire()
        await waiter
        gate.release()
        assert gate.try_acquire()
        gate.release()

    run(main())


def test_throttling_pauses_everybody_and_lowers_the_limit_once_per_window() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        gate = limiter(concurrency=100)
        for _ in range(100):
            gate.throttled(5.0)
        assert gate.concurrency == 70
        assert gate.reduced
        began = loop.time()
        await gate.acquire()
        assert loop.time() - began == pytest.approx(5.0)
        gate.release()
        gate.throttled(0.0)
        assert gate.concurrency == 49
        gate.throttled(10.0)
        gate.throttled(1.0)  # a shorter pause does not end a longer one
        began = loop.time()
        await gate.acquire()
        assert loop.time() - began == pytest.approx(10.0)
        gate.release()

    run(main())


def test_the_limit_never_falls_below_one() -> None:
    async def main() -> None:
        gate = limiter(concurrency=4)
        for _ in range(50):
            gate.throttled(0.0)
            await asyncio.sleep(1.0)
        assert gate.concurrency == 1
        await use(gate, 1.0)

    run(main())


@pytest.mark.parametrize(("used", "grows"), [(7, True), (4, True), (2, False)])
def test_the_limit_grows_by_one_per_window_that_used_half_of_it(used: int, grows: bool) -> None:
    async def main() -> None:
        gate = limiter(concurrency=10)
        gate.throttled(0.0)
        assert gate.concurrency == 7
        seen = []
        for _ in range(5):
            await asyncio.sleep(1.0)
            await asyncio.gather(*(use(gate, 0.01) for _ in range(used)))
            for _ in range(20):
                gate.succeeded()
            seen.append(gate.concurrency)
        assert all(later - earlier in (0, 1) for earlier, later in itertools.pairwise([7, *seen]))
        assert (seen[-1] > 7) == grows
        assert gate.reduced == (seen[-1] < 10)

    run(main())


def test_a_family_takes_a_place_in_both_and_its_queue_holds_up_nobody_else() -> None:
    async def main() -> None:
        whole = limiter(concurrency=3)
        family = limiter(whole, concurrency=1)
        await family.acquire()
        assert (family.in_flight, whole.in_flight) == (1, 1)
        waiting = asyncio.ensure_future(family.acquire())
        await asyncio.sleep(1.0)
        assert (family.waiting, whole.waiting, whole.in_flight) == (1, 0, 1)
        assert whole.try_acquire()
        assert whole.try_acquire()
        family.release()
        await waiting
        assert (family.in_flight, whole.in_flight) == (1, 3)
        family.release()
        assert not (await refused(family, whole))
        whole.release()
        whole.release()
        assert family.in_flight == whole.in_flight == family.waiting == whole.waiting == 0

    async def refused(family: Limiter, whole: Limiter) -> bool:
        """With the whole full, the family gives its own place back, also when its wait is cancelled."""
        await whole.acquire()
        assert not family.try_acquire()
        assert family.in_flight == 0
        waiter = asyncio.ensure_future(family.acquire())
        await asyncio.sleep(1.0)
        assert (family.in_flight, whole.waiting) == (1, 1)
        waiter.cancel()
        await asyncio.sleep(1.0)
        whole.release()
        return bool(family.in_flight or whole.waiting)

    run(main())


def test_a_throttled_family_throttles_the_whole() -> None:
    async def main() -> None:
        whole = limiter(concurrency=10)
        family = limiter(whole, concurrency=10)
        family.throttled(3.0)
        assert (family.concurrency, whole.concurrency) == (7, 7)
        assert not whole.try_acquire()
        await asyncio.sleep(3.1)
        assert whole.try_acquire()
        whole.release()

    run(main())


@pytest.mark.parametrize("concurrency", [0, -1])
@pytest.mark.parametrize("kind", [Limit, Limits])
def test_options_name_a_concurrency_that_is_wrong(kind: type[Limit | Limits], concurrency: int) -> None:
    with pytest.raises(ConfigError, match=rf"{kind.__name__}\.concurrency"):
        kind(concurrency=concurrency)


@pytest.mark.parametrize("rate", [0, -1.0, math.nan])
@pytest.mark.parametrize("kind", [Limit, Limits])
def test_options_name_a_rate_that_is_wrong(kind: type[Limit | Limits], rate: float) -> None:
    with pytest.raises(ConfigError, match=rf"{kind.__name__}\.rate"):
        kind(rate=rate)


def test_the_defaults_are_the_documented_limits_of_a_pod() -> None:
    limits = Limits()
    assert limits.rate == 400.0
    assert limits.families["search"].concurrency == 50
    assert limits.families["conversation"].concurrency == 200
    assert limits.families["membership"].rate == 3.0
    with pytest.raises(TypeError):
        limits.families["search"] = Limit()  # type: ignore[index]
