"""What a running job writes to its journal."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from ...clock import Clock
from ...errors import JobError
from ..journal.base import Change, JobRow, JobStore
from ..journal.states import State
from ..progress import Progress
from .outcomes import in_doubt

__all__ = ["Ledger"]


class Ledger:
    """Writes outcomes to the journal, and keeps count of the rows.

    Args:
        store: The journal.
        progress: Where the rows are counted.
        clock: Time.
        fail: Called if an outcome cannot be written.
    """

    def __init__(self, store: JobStore, progress: Progress, clock: Clock, fail: Callable[[JobError], None]) -> None:
        self._store = store
        self._progress = progress
        self._clock = clock
        self._fail = fail
        self._writes: set[asyncio.Future[None]] = set()
        self.done = 0

    async def mark_in_flight(self, rows: Sequence[JobRow]) -> None:
        """Note that rows are about to be sent."""
        await self._store.mark_in_flight([row.number for row in rows], self._clock.time())
        self._progress.moved("TODO", "IN_FLIGHT", len(rows))
        self._progress.under_way += len(rows)

    def record(self, changes: Sequence[Change]) -> None:
        """Write what became of rows that were sent.

        Without waiting: a crash before it is durable leaves IN_FLIGHT, which is looked up.
        """
        self._write(changes)
        for change in changes:
            count = len(change.rows)
            self._progress.moved("IN_FLIGHT", change.state, count)
            if change.state != "IN_FLIGHT" or in_doubt(change):
                self._progress.under_way -= count
            if change.state == "DONE":
                self.done += count

    def record_found(self, changes: Sequence[Change], rows: Sequence[JobRow]) -> None:
        """Write what a look-up of these rows found, without waiting."""
        self._write(changes)
        before: dict[int, State] = {row.number: row.state for row in rows}
        for change in changes:
            for number in change.rows:
                self._progress.moved(before[number], change.state, 1)
            if change.state == "DONE":
                self.done += len(change.rows)

    async def written(self) -> None:
        """Wait until every outcome is durable, or failed."""
        while self._writes:
            await asyncio.wait(list(self._writes))

    async def count(self) -> None:
        """Count the rows anew."""
        counts: Counter[State] = Counter()
        for (_, state), count in (await self._store.counts()).items():
            counts[state] += count
        self._progress.counts = counts

    def _write(self, changes: Sequence[Change]) -> None:
        write = self._store.record(changes, self._clock.time())
        self._writes.add(write)
        write.add_done_callback(self._noted)

    def _noted(self, write: asyncio.Future[None]) -> None:
        self._writes.discard(write)
        if not write.cancelled() and isinstance(error := write.exception(), JobError):
            self._fail(error)
