"""One comparison after the other, those named or all: `python -m benchmarks calls instructions rate`.

`make bench` measures what docs/performance.md tells, by `benchmarks.performance`; the rest takes long.

Absolute numbers of a shared machine mean little, so each comparison runs its two sides in turns, batch by batch, and
the median of the batches' ratios is what counts.
"""

from __future__ import annotations

import asyncio
import importlib
import sys

COMPARISONS = (
    "calls", "instructions", "rate", "starting", "bulk", "decode", "planning", "jobs", "provision", "stores", "workers",
)  # fmt: skip


def main() -> int:
    names = sys.argv[1:] or list(COMPARISONS)
    if unknown := [name for name in names if name not in COMPARISONS]:
        print(f"no such comparison: {', '.join(unknown)}; there are {', '.join(COMPARISONS)}", file=sys.stderr)
        return 64
    for name in names:
        asyncio.run(importlib.import_module(f"benchmarks.{name}").run())
    return 0


sys.exit(main())
