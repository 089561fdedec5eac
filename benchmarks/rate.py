"""A fixed rate beyond a server that takes 20 ms: how long calls take, and what they cost.

`python -m benchmarks.rate SIDE URL RATE COUNT` measures one side in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import resource
import statistics
import subprocess
import sys

import attrs

from .canned import canned_server
from .sides import ROOT, SIDES, installed

COMPARED = ("aiosymphony", "aiosymphony, fast", "hand-written aiohttp", "symphony-bdk-python")
DELAY = 0.02


@attrs.frozen
class Steady:
    """Milliseconds of a call at the median and of the slowest hundredth, and seconds of the processor a thousand."""

    p50: float
    p99: float
    cpu_per_thousand: float


async def _one(side: str, url: str, rate: float, count: int) -> Steady:
    loop = asyncio.get_running_loop()
    took: list[float] = []
    async with SIDES[side](url, 100, None) as call:

        async def timed(number: int, due: float) -> None:
            await call(number)
            took.append(loop.time() - due)  # from when it was due: a loop that is late does not hide it

        await asyncio.gather(*(call(number) for number in range(50)))
        usage = resource.getrusage(resource.RUSAGE_SELF)
        began, tasks = loop.time() + 0.1, []
        for number in range(count):
            due = began + number / rate
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            tasks.append(loop.create_task(timed(number, due)))
        await asyncio.gather(*tasks)
    after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime
    parts = statistics.quantiles(took, n=100)
    return Steady(1000 * parts[49], 1000 * parts[98], 1000 * used / count)


def measured(*, rate: float = 400, count: int = 2000) -> dict[str, Steady]:
    """Measure each side after the other."""
    found = {}
    with canned_server(delay=DELAY) as url:
        for name in installed():
            if name in COMPARED:
                command = [sys.executable, "-m", "benchmarks.rate", name, url, str(rate), str(count)]
                done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
                found[name] = Steady(**json.loads(done.stdout))
    return found


async def run() -> None:
    print("400 requests/s beyond a server that takes 20 ms")
    for name, one in measured().items():
        told = f"p50 {one.p50:.1f} ms  p99 {one.p99:.1f} ms  {one.cpu_per_thousand:.2f} s of CPU a thousand"
        print(f"  {name:22} {told}")


if __name__ == "__main__":
    _side, _url, _rate, _count = sys.argv[1:]
    print(json.dumps(attrs.asdict(asyncio.run(_one(_side, _url, float(_rate), int(_count))))))
