"""The limiter: rate, concurrency, pauses and queues, on virtual time."""

from __future__ import annotations

import asyncio
import copy
import itertools
import math
import pickle
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiosymphony.clock import SystemClock
from aiosymphony.errors import ConfigError
from aiosymphony.limits import Limit, Limiter, Limits
from tests.faults.clock import JumpingLoop, LoopClock, busiest

T = TypeVar("T")


def _uvloop() -> asyncio.AbstractEventLoop:
    return pytest.importorskip("uvloop", reason="there is none for Windows").new_event_loop()


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


class MovingClock:
    """A clock that moves by itself: at each reading by some of its steps, and by each sleep, which ends late.

    What it said last is when the limiter let somebody through: no other reading lies between that and the return.
    """

    def __init__(self, steps: Sequence[float], late: Sequence[float] = (0.0,)) -> None:
        self.now = 1000.0
        self._steps = itertools.cycle(steps)
        self._late = itertools.cycle(late)
        self.slept = 0

    def monotonic(self) -> float:
        self.now += next(self._steps)
        return self.now

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept += 1
        assert self.slept < 1_000_000, "it sleeps and sleeps"
        self.now += seconds + next(self._late)
        await asyncio.sleep(0)


def finish(main: Coroutine[Any, Any, T], turns: int = 1_000_000) -> T:
    """What comes of it if nothing else happens in the world; a wait that nobody ends is an error, and not a hang."""

    async def watched() -> T:
        task = asyncio.ensure_future(main)
        for _ in range(turns):
            if task.done():
                return task.result()
            await asyncio.sleep(0)
        task.cancel()
        raise AssertionError("it waits for what nobody will do")

    with asyncio.Runner() as runner:
        return runner.run(watched())


STEPS = st.lists(st.sampled_from([0.0, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01]), min_size=1, max_size=7)
RATES = st.sampled_from([0.25, 0.5, 1.0, 1.5, 2.5, 3.0, 7.3, 10.0, 100.0, 400.0, 1025.0, 5000.0, 1e5]) | st.floats(
    0.1, 1e5
)


@given(
    rate=RATES,
    burst=st.none() | st.floats(0.5, 500.0),
    concurrency=st.integers(1, 50),
    steps=STEPS,
    late=STEPS,
    arrivals=st.lists(st.sampled_from([0, 0, 0, 1, 5, 30]), min_size=1, max_size=60),
    pauses=st.sets(st.integers(0, 59), max_size=3),
)
def test_case_47_with_a_clock_that_moves_by_itself_nobody_waits_for_ever_and_no_second_passes_the_rate(
    rate: float,
    burst: float | None,
    concurrency: int,
    steps: list[float],
    late: list[float],
    arrivals: list[int],
    pauses: set[int],
) -> None:
    clock = MovingClock(steps, late)
    gate = Limiter(Limit(concurrency=concurrency, rate=rate, burst=burst), clock=clock)
    begun: list[float] = []
    order: list[int] = []

    async def main() -> None:
        async def one(number: int) -> None:
            if not gate.try_acquire():
                await gate.acquire()
            begun.append(clock.now)
            order.append(number)
            assert gate.in_flight <= concurrency
            for _ in range(number % 3):
                await asyncio.sleep(0)
            if number in pauses:
                gate.throttled(0.7)
            gate.release()

        tasks = []
        for number, turns in enumerate(arrivals):
            tasks.append(asyncio.ensure_future(one(number)))
            for _ in range(turns):
                await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    finish(main())
    assert order == list(range(len(arrivals)))
    assert gate.in_flight == gate.waiting == 0
    assert busiest(begun) <= math.ceil(rate)
    assert busiest(begun, math.ceil(rate) / rate) <= math.ceil(rate)


@pytest.mark.parametrize("step", [0.0, 1e-7])
@pytest.mark.parametrize("rate", [1.0, 3.0, 40.0, 400.0, 1030.0, 5000.0, 20_000.0, 100_000.0])
def test_case_47_a_million_requests_pass_as_fast_as_the_rate_allows_and_no_faster(rate: float, step: float) -> None:
    """About a million over all parameters, with timers that are up to a millisecond late."""
    count = max(31_250, int(3.2 * rate))
    clock = MovingClock([step], [0.0, 0.001, 0.0005])
    gate = Limiter(Limit(rate=rate), clock=clock)
    begun: list[float] = []

    async def main() -> None:
        for _ in range(count):
            if not gate.try_acquire():
                await gate.acquire()
            begun.append(clock.now)
            gate.release()

    finish(main(), turns=10 * count)
    assert len(begun) == count
    assert busiest(begun) <= rate
    seconds = int(begun[-1] - begun[0])
    assert seconds >= 3
    assert sum(at < begun[0] + seconds for at in begun) >= 0.98 * rate * seconds


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, pytest.param(_uvloop, id="uvloop")])
@pytest.mark.parametrize("rate", [400.0, 5000.0])
def test_case_47_on_a_real_loop_all_pass_and_no_second_passes_the_rate(
    loop: Callable[[], asyncio.AbstractEventLoop], rate: float
) -> None:
    begun: list[float] = []

    class Watch(SystemClock):
        """The machine's clock; what the limiter reads last as it lets somebody through is when that one began."""

        read = 0.0

        def monotonic(self) -> float:  # type: ignore[override]
            self.read = time.monotonic()
            return self.read

    async def main() -> None:
        clock = Watch()
        gate = Limiter(Limit(concurrency=20, rate=rate), clock=clock)
        rest = iter(range(int(1.1 * rate)))

        async def work() -> None:
            for number in rest:
                if not gate.try_acquire():
                    await gate.acquire()
                begun.append(clock.read)
                if number % 2:
                    await asyncio.sleep(0)
                gate.release()

        async with asyncio.timeout(60.0):  # no bound on the speed: a run that stands still must end
            await asyncio.gather(*(work() for _ in range(50)))
        assert gate.in_flight == gate.waiting == 0

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())
    assert len(begun) == int(1.1 * rate)
    assert busiest(begun) <= rate


def test_bursts_stay_within_the_second_that_they_are_part_of() -> None:
    async def main() -> None:
        gate = limiter(concurrency=100, rate=10.0, burst=5.0)
        begun: list[float] = []
        await asyncio.gather(*(use(gate, 0.0, begun) for _ in range(45)))
        assert begun[4] == begun[0]
        assert begun[-1] - begun[0] == pytest.approx(4.0, abs=0.01)
        assert begun[5] - begun[0] == pytest.approx(0.1, abs=0.01)
        await asyncio.sleep(100.0)
        paused = len(begun)
        await asyncio.gather(*(use(gate, 0.0, begun) for _ in range(10)))
        assert begun[paused + 4] == begun[paused]
        assert begun[paused + 5] > begun[paused]
        assert busiest(begun) == 10

    run(main())


def test_a_pause_of_everybody_is_followed_by_no_more_than_the_rate() -> None:
    async def main() -> None:
        gate = limiter(concurrency=1000, rate=100.0)
        begun: list[float] = []
        users = [asyncio.ensure_future(use(gate, 0.0, begun)) for _ in range(400)]
        await asyncio.sleep(0.5)
        gate.throttled(3.0)
        await asyncio.gather(*users)
        assert busiest(begun) == 100
        assert busiest(begun, 0.1) <= 1 + 5 + 10

    run(main())


def test_a_family_that_waited_behind_the_whole_keeps_its_rate_when_it_begins() -> None:
    async def main() -> None:
        whole = limiter(concurrency=1000)
        family = limiter(whole, concurrency=50, rate=3.0, burst=3.0)
        whole.throttled(10.0)
        begun: list[float] = []
        await asyncio.gather(*(use(family, 0.0, begun) for _ in range(9)))
        assert busiest(begun) == 3
        assert whole.in_flight == family.in_flight == whole.waiting == family.waiting == 0

    run(main())


def test_waiting_for_a_place_without_taking_it_leaves_it_there() -> None:
    async def main() -> None:
        gate = limiter(concurrency=1, rate=10.0, burst=1.0)
        await gate.acquire()
        waiter = asyncio.ensure_future(gate.wait())
        await asyncio.sleep(5.0)
        assert not waiter.done()
        gate.release()
        await waiter
        assert (gate.in_flight, gate.waiting) == (0, 0)
        assert gate.try_acquire()
        gate.release()

    run(main())


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


@pytest.mark.parametrize("rate", [0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("kind", [Limit, Limits])
def test_options_name_a_rate_that_is_wrong(kind: type[Limit | Limits], rate: float) -> None:
    with pytest.raises(ConfigError, match=rf"{kind.__name__}\.rate"):
        kind(rate=rate)


def test_the_defaults_are_the_documented_limits_of_a_pod() -> None:
    limits = Limits()
    assert (limits.concurrency, limits.rate) == (200, 400.0)
    assert limits.families["search"].concurrency == 50
    assert limits.families["conversation"].concurrency == 200
    assert limits.families["membership"].rate == 3.0
    with pytest.raises(TypeError):
        limits.families["search"] = Limit()  # type: ignore[index]


@pytest.mark.parametrize(
    "limits", [Limits(), Limits(concurrency=7, rate=None, families={"search": Limit(rate=2.5)}), Limits(families={})]
)
@pytest.mark.parametrize(
    "made_again",
    [lambda limits: pickle.loads(pickle.dumps(limits)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deepcopy"],
)
def test_limits_can_be_pickled_and_copied(limits: Limits, made_again: Callable[[Limits], Limits]) -> None:
    made = made_again(limits)
    assert made == limits
    with pytest.raises(TypeError):
        made.families["search"] = Limit()  # type: ignore[index]


def test_limits_do_not_change_with_the_dict_that_they_were_made_from() -> None:
    families = {"search": Limit(concurrency=3)}
    limits = Limits(families=families)
    families["search"] = Limit(concurrency=99)
    assert limits.families["search"].concurrency == 3
