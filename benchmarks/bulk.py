"""A million items through `bulk`: how much memory that takes."""

from __future__ import annotations

import time
from pathlib import Path

from aiosymphony import bulk

ITEMS = 1_000_000


def resident_mib() -> float:
    """Resident memory of this process in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not say")


async def nothing(item: int) -> int:
    return item


async def run() -> None:
    async with bulk(range(1000), nothing) as warm_up:
        async for _ in warm_up:
            pass
    before = peak = resident_mib()
    began = time.perf_counter()
    async with bulk(range(ITEMS), nothing) as items:
        async for outcome in items:
            if outcome.index % 50_000 == 0:
                peak = max(peak, resident_mib())
    rate = ITEMS / (time.perf_counter() - began)
    print(f"bulk, {ITEMS:,} items that do nothing: memory grew by {peak - before:.1f} MiB; {rate:,.0f} items/s")
