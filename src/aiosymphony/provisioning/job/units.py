"""What makes one request: rows to create together, or one row of any other kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from ..journal.base import JobRow, JobStore
from ..plans.actions import ONE_CREATE
from ..targets.base import Target

__all__ = ["units"]

_SHRINK: Final = 5
"""By how much a batch shrinks with each attempt, to part the row that spoils it from its neighbours."""


async def units(store: JobStore, target: Target, goes_on: Callable[[], bool]) -> AsyncIterator[list[JobRow]]:
    """The rows that are TODO, as long as it goes on."""
    batches: dict[int, list[JobRow]] = {}
    # The next rows are read while these are sent, so that no worker waits for them.
    reading = asyncio.ensure_future(store.fetch(["TODO"]))
    try:
        while goes_on() and (rows := await reading):
            reading = asyncio.ensure_future(store.fetch(["TODO"], after=rows[-1].number))
            for row in rows:
                size = _batch_size(row, target)
                batch = batches.setdefault(size, [])
                batch.append(row)
                if len(batch) == size:
                    yield batches.pop(size)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    for batch in batches.values():
        yield batch


def _batch_size(row: JobRow, target: Target) -> int:
    if row.steps is not ONE_CREATE and (row.step > 0 or row.steps[0]["do"] != "create"):
        return 1
    return target.batch if not row.attempts else max(1, target.batch // int(_SHRINK**row.attempts))
