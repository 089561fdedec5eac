"""What a running job writes to its journal, and where it stands."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

import attrs

from ...clock import SYSTEM_CLOCK, Clock
from ...errors import JobError
from ..journal.base import Change, JobRow, JobStore
from ..journal.states import OPEN, State

__all__ = ["Ledger", "Progress"]


@attrs.define
class Progress:
    """Where a running job stands.

    Attributes:
        phase: What it does at the moment, in a word or two.
        counts: Rows by state.
        in_flight: Rows that are being sent. One that waits for its turn is not.
        sent: Requests for rows that left since this process began.
        in_doubt: Rows whose outcome was unknown, since this process began.
        finished_before: Rows that were finished when this process sent its first.
        sending_since: When that was, on the job's clock; None if it was not yet.
    """

    phase: str = "starting"
    counts: Counter[State] = attrs.field(factory=Counter)
    in_flight: int = 0
    sent: int = 0
    in_doubt: int = 0
    finished_before: int = 0
    sending_since: float | None = None
    _clock: Clock = attrs.field(default=SYSTEM_CLOCK, alias="clock", repr=False)

    @property
    def total(self) -> int:
        return self.counts.total()

    @property
    def left(self) -> int:
        return sum(self.counts[state] for state in OPEN)

    @property
    def finished(self) -> int:
        return self.total - self.left

    @property
    def rate(self) -> float:
        """Rows finished per second since this process sent its first; 0 before."""
        if self.sending_since is None:
            return 0.0
        # Within a moment nothing can be said of a second yet.
        return (self.finished - self.finished_before) / max(1.0, self._clock.monotonic() - self.sending_since)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until no row is left, if the rate stays; None if that cannot be said."""
        return self.left / rate if (rate := self.rate) > 0 and self.left else None

    def begin_sending(self) -> None:
        """The first row is about to be sent, or a later one."""
        if self.sending_since is None:
            self.sending_since, self.finished_before = self._clock.monotonic(), self.finished


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
        self._moved("TODO", "IN_FLIGHT", len(rows))

    def record(self, changes: Sequence[Change]) -> None:
        """Write outcomes, without waiting: a crash before they are durable leaves IN_FLIGHT, which is looked up."""
        write = self._store.record(changes, self._clock.time())
        self._writes.add(write)
        write.add_done_callback(self._noted)
        for change in changes:
            count = len(change.rows)
            self._moved("IN_FLIGHT", change.state, count)
            if change.state == "DONE":
                self.done += count

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

    def _noted(self, write: asyncio.Future[None]) -> None:
        self._writes.discard(write)
        if not write.cancelled() and isinstance(error := write.exception(), JobError):
            self._fail(error)

    def _moved(self, old: State, new: State, count: int) -> None:
        self._progress.counts[old] -= count
        self._progress.counts[new] += count
