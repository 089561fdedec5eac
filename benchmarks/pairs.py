"""Two ways to do the same, in turns."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

import attrs

Call = Callable[[int], Awaitable[object]]


@attrs.frozen
class Comparison:
    """What a comparison found: calls per second of each side, and the ratio of ours to theirs."""

    ours: float
    theirs: float
    ratio: float
    low: float
    high: float

    def __str__(self) -> str:
        return (
            f"{self.ratio:.2f} of hand-written (quartiles {self.low:.2f} to {self.high:.2f}; "
            f"{self.ours:,.0f}/s to {self.theirs:,.0f}/s)"
        )


async def per_second(call: Call, count: int, concurrency: int) -> float:
    """Make `count` calls, `concurrency` at once, and return calls per second."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await call(number)

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    return count / (time.perf_counter() - began)


async def compare(ours: Call, theirs: Call, *, concurrency: int, batch: int, rounds: int) -> Comparison:
    """Run both sides in turns, the order swapped each round, after one batch of each to warm up."""
    sides = {"ours": ours, "theirs": theirs}
    for call in sides.values():
        await per_second(call, batch, concurrency)
    speeds: dict[str, list[float]] = {"ours": [], "theirs": []}
    for number in range(rounds):
        for name in sorted(sides, reverse=number % 2 == 1):
            speeds[name].append(await per_second(sides[name], batch, concurrency))
    ratios = [mine / other for mine, other in zip(speeds["ours"], speeds["theirs"], strict=True)]
    low, ratio, high = statistics.quantiles(ratios, n=4)
    return Comparison(statistics.median(speeds["ours"]), statistics.median(speeds["theirs"]), ratio, low, high)
