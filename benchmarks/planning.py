"""What planning costs, from the file to the plan, for a company without users: ``python -m benchmarks.planning``."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from aiosymphony.provisioning.actual import Actual
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.plans.decide import plan
from aiosymphony.provisioning.plans.rules import Rules

from .files import write

ROWS = 100_000


def planned(rows: int = ROWS) -> tuple[float, float]:
    """Microseconds of the processor that a row takes to be read and checked, and to be decided."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "people.csv")
        write(path, rows)
        began = time.process_time()
        desired = Desired.read(path, "connect")
        read = time.process_time()
        with Actual("connect") as actual, plan(desired, actual, rules=Rules("connect")) as made:
            decided = time.process_time()
            assert made.counts["create"] == rows
    return (read - began) / rows * 1e6, (decided - read) / rows * 1e6


async def run() -> None:
    for rows in (ROWS // 10, ROWS):
        read, decided = planned(rows)
        print(f"planning {rows:,} rows: {read + decided:.1f} µs a row, of which {read:.1f} µs are reading and checking")


if __name__ == "__main__":
    asyncio.run(run())
