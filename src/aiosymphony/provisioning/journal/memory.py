"""A journal in memory, for tests: it keeps the protocol of a store, and is gone with its process."""

from __future__ import annotations

import asyncio
import copy
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import attrs
import orjson

from ...clock import SYSTEM_CLOCK, Clock
from ...errors import JobInterrupted, JobRefused
from ..plans.actions import Action
from .base import Change, Fenced, JobHeader, JobRow, LeaseHeld, Pace, Wish, Worker, first_state, shard_of
from .states import FINISHED, OPEN, State

__all__ = ["MemoryJournal", "MemoryStore"]


@attrs.define
class _Shard:
    owner: MemoryStore | None = None
    epoch: int = 0
    alive_until: float = 0.0
    since: float = 0.0
    seen_at: float = 0.0


@attrs.define
class MemoryJournal:
    """What several stores share, as several processes share a file."""

    header: JobHeader | None = None
    rows: dict[int, JobRow] = attrs.field(factory=dict)
    shards: dict[int, _Shard] = attrs.field(factory=dict)
    notes: dict[str, bytes] = attrs.field(factory=dict)
    archived: dict[str, MemoryJournal] = attrs.field(factory=dict)


class MemoryStore:
    """A :class:`~aiosymphony.provisioning.JobStore` over a journal in memory.

    Args:
        journal: The journal; a new one by default.
        clock: Time.
    """

    name = "memory"
    wish: Wish = "run"

    def __init__(self, journal: MemoryJournal | None = None, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self.journal = MemoryJournal() if journal is None else journal
        self._clock = clock
        self._epochs: dict[int, int] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def header(self) -> JobHeader | None:
        return self.journal.header

    async def begin(self, header: JobHeader, actions: Iterable[Action]) -> None:
        journal = self.journal
        if journal.header is not None:
            journal.header.check(header, self.name)
            return
        now = self._clock.time()
        rows = {}
        for number, action in enumerate(actions, 1):
            state, code, done_at = first_state(action, now)
            shard = shard_of(number, header.shards)
            facts = (number, shard, action.line, action.label, action.do, state, 0, 0, action.id, None, done_at)
            rows[number] = JobRow(*facts, code, action.reason, tuple(action.steps), dict(action.values))
        journal.rows = rows
        journal.shards = {shard: _Shard() for shard in range(header.shards)}
        journal.header = header

    async def archive(self, at: float) -> str:
        self._check_fence()
        if len(self._epochs) != len(self.journal.shards):
            raise JobInterrupted("another store works on the job in memory: let it finish")
        journal = self.journal
        shards = {number: _Shard() for number in journal.shards}
        name = f"memory {at} {len(journal.archived)}"
        journal.archived[name] = MemoryJournal(journal.header, journal.rows, shards, journal.notes)
        journal.header, journal.rows, journal.shards, journal.notes, self._epochs = None, {}, {}, {}, {}
        return name

    async def acquire(self, lease: float, max_shards: int | None = None) -> Sequence[int]:
        shards = self.journal.shards
        free = [number for number, shard in shards.items() if self._is_free(shard)]
        if len(free) < len(shards) and (max_shards is None or not free):
            left = (
                min(shard.alive_until for number, shard in shards.items() if number not in free)
                - self._clock.monotonic()
            )
            raise LeaseHeld("another store is running the job in memory: let it finish or stop it", seconds_left=left)
        if not free:
            raise JobRefused("memory holds no job")
        return self._own(lease, free[:max_shards])

    async def acquire_next(self, lease: float, max_shards: int | None = None) -> Sequence[int]:
        self._check_fence()
        left = {row.shard for row in self.journal.rows.values() if row.state in OPEN}
        free = [number for number, shard in self.journal.shards.items() if number in left and self._is_free(shard)]
        if free:
            await self.release()
            self._own(lease, free[:max_shards])
        return free[:max_shards]

    async def renew(self, lease: float) -> None:
        self._check_fence()
        for number in self._epochs:
            self.journal.shards[number].alive_until = self._clock.monotonic() + lease
            self.journal.shards[number].seen_at = self._clock.time()

    async def release(self) -> None:
        for number, epoch in self._epochs.items():
            shard = self.journal.shards[number]
            if shard.epoch == epoch:
                shard.owner = None
        self._epochs = {}

    async def workers(self) -> Sequence[Worker]:
        owned = {id(shard.owner): shard for shard in self.journal.shards.values() if shard.owner is not None}
        return [
            Worker("memory", os.getpid(), shard.since, shard.seen_at, alive=not self._is_free(shard), gone=False)
            for shard in owned.values()
        ]

    async def pace(self, since: float, window_from: float) -> Pace:
        sent = [row for row in self.journal.rows.values() if row.sent_at is not None and row.sent_at >= since]
        done = [row for row in sent if row.done_at is not None]
        return Pace(
            min((row.sent_at for row in sent if row.sent_at is not None), default=None),
            max((row.done_at for row in done if row.done_at is not None), default=None),
            sum(row.state in FINISHED and (row.done_at or 0.0) > window_from for row in done),
        )

    async def fetch(
        self, states: Sequence[State], *, after: int = 0, limit: int = 500, own: bool = True
    ) -> list[JobRow]:
        found = (
            copy.copy(row)
            for row in self.journal.rows.values()
            if row.number > after and row.state in states and (not own or row.shard in self._epochs)
        )
        return [row for row, _ in zip(found, range(limit), strict=False)]

    async def mark_in_flight(self, rows: list[int], at: float) -> None:
        self._check_fence()
        found = [self.journal.rows[number] for number in rows]
        if any(row.state != "TODO" for row in found):
            raise Fenced("rows of the job in memory were changed by someone else: stopped")
        for row in found:
            row.state, row.sent_at, row.code, row.message = "IN_FLIGHT", at, "", ""
            row.attempts += 1

    def record(self, changes: Sequence[Change], at: float) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            self._check_fence()
        except Fenced as error:
            future.set_exception(error)
            return future
        for change in changes:
            ids = [None] * len(change.rows) if change.ids is None else change.ids
            for number, user_id in zip(change.rows, ids, strict=True):
                row = self.journal.rows[number]
                row.state, row.code, row.message, row.done_at = change.state, change.code, change.message, at
                row.step = row.step if change.step is None else change.step
                row.steps = row.steps if change.steps is None else change.steps
                row.id = row.id if user_id is None else user_id
                row.attempts += change.attempts
        future.set_result(None)
        return future

    async def counts(self) -> Mapping[tuple[str, State], int]:
        return dict(Counter((row.action, row.state) for row in self.journal.rows.values()))

    async def note(self, name: str, value: object) -> None:
        self.journal.notes[name] = orjson.dumps(value)

    async def notes(self) -> Mapping[str, Any]:
        return {name: orjson.loads(value) for name, value in self.journal.notes.items()}

    async def close(self) -> None:
        """As when a process ends: what it owned is free."""
        await self.release()

    def _is_free(self, shard: _Shard) -> bool:
        return shard.owner is None or shard.alive_until <= self._clock.monotonic()

    def _own(self, lease: float, taken: Sequence[int]) -> Sequence[int]:
        for number in taken:
            shard = self.journal.shards[number]
            shard.owner, shard.alive_until = self, self._clock.monotonic() + lease
            shard.since = shard.seen_at = self._clock.time()
            shard.epoch += 1
            self._epochs[number] = shard.epoch
        return taken

    def _check_fence(self) -> None:
        if any(self.journal.shards[number].epoch != epoch for number, epoch in self._epochs.items()):
            raise Fenced("another store took over the job in memory after this one's lease ran out: stopped")
