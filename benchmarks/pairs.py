"""Several ways to do the same, in turns."""

from __future__ import annotations

import asyncio
import resource
import statistics
import sys
import time
from collections.abc import Mapping

import attrs

from .sides import Call

SLOW = 2.0
"""Seconds."""


@attrs.frozen
class Quartiles:
    """The median of some figures, and between which the middle half of them lies."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, figures: list[float]) -> Quartiles:
        return cls(*statistics.quantiles(figures, n=4)) if len(figures) > 1 else cls(*figures * 3)

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


@attrs.frozen
class Found:
    """What was found of one way: its speed beside another's, and its cost.

    Attributes:
        wall: Its calls per second, as a ratio to the other's, round by round.
        cpu: Its calls per second of the processor, as such a ratio.
        per_second: Calls per second.
        cpu_per_thousand: Seconds of the processor for a thousand calls.
    """

    wall: Quartiles
    cpu: Quartiles
    per_second: float
    cpu_per_thousand: float


async def batch(call: Call, count: int, concurrency: int) -> tuple[float, float]:
    """Make `count` calls, `concurrency` at once; the seconds that passed, and those of this process's processor."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await call(number)

    began, used = time.perf_counter(), _used()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    return time.perf_counter() - began, _used() - used


async def compare(
    calls: Mapping[str, Call], base: str, *, concurrency: int, seconds: float, rounds: int
) -> dict[str, Found]:
    """Run all ways in turns, after one batch of each to warm up, and compare each with the base of the same round.

    The order is turned each round. A batch is so many calls as take about `seconds`. A way that fails is left out, and
    one of which a call for each place takes longer than `SLOW` is measured once.
    """
    sizes: dict[str, int] = {}
    costs: dict[str, list[tuple[float, float]]] = {}
    for name, call in calls.items():
        try:
            await batch(call, concurrency, concurrency)
            wall, cpu = await batch(call, concurrency, concurrency)
        except Exception as error:
            if name == base:
                raise
            print(f"{name} is left out: {type(error).__name__}: {error}", file=sys.stderr)
            continue
        if wall > SLOW and name != base:
            costs[name] = [(wall / concurrency, cpu / concurrency)]
        else:
            sizes[name], costs[name] = max(concurrency, int(concurrency * seconds / wall)), []
    for number in range(rounds):
        for name in sorted(sizes, reverse=number % 2 == 1):
            # Connections that idled while others ran may have expired: making them is not what is measured.
            await batch(calls[name], concurrency, concurrency)
            wall, cpu = await batch(calls[name], sizes[name], concurrency)
            costs[name].append((wall / sizes[name], cpu / sizes[name]))
    found = {}
    for name, own in costs.items():
        pairs = list(zip(own, costs[base], strict=False))  # of a slow way there is but one
        found[name] = Found(
            Quartiles.of([other[0] / mine[0] for mine, other in pairs]),
            Quartiles.of([other[1] / mine[1] for mine, other in pairs]),
            1 / statistics.median(wall for wall, _ in own),
            1000 * statistics.median(cpu for _, cpu in own),
        )
    return found


def _used() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def allow_connections() -> None:
    """Let this process and those that it starts open as many connections as they may: eight sides keep 500 each."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
