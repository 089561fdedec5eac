"""Which journal a command means, who works on its job, and how fast: what ``aiosymphony provision status`` tells."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from ..clock import SYSTEM_CLOCK, Clock
from ..provisioning import Report
from ..provisioning.journal.base import JobStore, Worker
from ..provisioning.journal.registry import is_address, is_store, open_store
from ..provisioning.progress import WINDOW
from .exit_codes import RUNNING
from .input_files import STANDARD_INPUT, beside
from .output import say
from .progress_view import duration, pace_told
from .provision_view import print_counts, print_next

__all__ = ["Status", "find_journal"]

_FIRST = 1.0
"""Seconds of sending before anything can be said of a second."""


async def find_journal(given: str) -> str:
    """The journal of what was given to apply: of the file or of its plan, the newer one if both have a job.

    Raises:
        JobError: It cannot be read.
    """
    file = Path(given)
    if file == STANDARD_INPUT:
        return str(beside(file, ".journal", "--journal"))
    if is_address(given) or is_store(file):
        return given
    named = [file.with_name(file.name + ending) for ending in (".journal", ".plan.journal")]
    there = sorted(filter(is_store, named), key=_changed_at, reverse=True)
    if len(there) > 1:
        there = [journal for journal in there if await _holds_job(journal)] or there
    if len(there) > 1:
        say(f"this is the job of {there[0]}, the newer one; to see the other, name {there[1]}", stderr=True)
    return str(there[0] if there else named[0])


async def _holds_job(journal: Path) -> bool:
    # A job that was killed before it was begun leaves an empty one.
    async with open_store(journal, read_only=True) as store:
        return await store.header() is not None


def _changed_at(journal: Path) -> float:
    # What was written last lies in the log beside it.
    beside = (journal, journal.with_name(journal.name + "-wal"))
    return max(path.stat().st_mtime for path in beside if path.exists())


@attrs.frozen
class Status:
    """Where a job stands.

    Attributes:
        report: Its rows.
        rate: Rows finished per second lately; None if nobody works on it, or that cannot be said yet.
        now: When this was read, in seconds since the epoch.
        handed_over: Whether workers carry it out, and have not ended it.
    """

    report: Report
    rate: float | None
    now: float
    handed_over: bool = False

    @classmethod
    async def of(cls, store: JobStore, *, clock: Clock = SYSTEM_CLOCK) -> Status:
        """Read a journal.

        Raises:
            JobError: It holds no job.
        """
        report = await Report.of(store, rows=False)
        now = clock.time()
        running = [worker for worker in report.workers if worker.alive]
        notes = await store.notes()
        handed_over = "work" in notes and notes.get("finished_at") is None
        return cls(report, await _rate(store, running, now) if running else None, now, handed_over)

    @property
    def running(self) -> list[Worker]:
        """Who works on it."""
        return [worker for worker in self.report.workers if worker.alive]

    @property
    def exit_code(self) -> int:
        """That of the job; one of its own while it runs."""
        return RUNNING if self.running or self.handed_over else self.report.exit_code

    @property
    def seconds_left(self) -> float | None:
        """Seconds until no row is left, if the rate stays; None if that cannot be said."""
        left = self.report.not_finished
        return left / self.rate if self.rate and left else None

    @property
    def next_steps(self) -> list[str]:
        """What the operator should do."""
        if self.handed_over:
            waits = (
                "" if self.running else " (none does at the moment; aiosymphony provision jobs tells whether it rests)"
            )
            return [
                f"let workers carry it out{waits}, or have it rest or end by aiosymphony provision pause or cancel."
            ]
        if self.running:
            return ["let it finish, or stop it with Ctrl-C where it runs."]
        return self.report.next_steps

    def to_dict(self) -> dict[str, Any]:
        """The status as JSON values."""
        whole = self.report.to_dict()
        kept = {name: whole[name] for name in ("job", "rows", "actions", "audit", "finished_at")}
        workers = self.report.workers
        facts = {alive: [_facts(worker) for worker in workers if worker.alive == alive] for alive in (True, False)}
        return kept | {
            "exit_code": self.exit_code,
            "running": facts[True],
            "ended": facts[False],
            "in_flight": self.report.state("IN_FLIGHT"),
            "rate": self.rate,
            "seconds_left": self.seconds_left,
            "next": self.next_steps,
        }

    def print(self) -> None:
        """Tell people."""
        for worker in self.report.workers:
            who = worker.described()
            ago = f"{duration(max(0.0, self.now - worker.seen_at))} ago"
            if worker.alive:
                say(f"running: {who}, since {_at(worker.since)}; last sign of life {ago}")
            elif worker.gone:
                say(f"not running: {who} ended without finishing; last sign of life {ago}")
            else:
                say(f"not running: {who} shows no sign of life any more; the last one was {ago}")
        print_counts(self.report, in_flight="in flight" if self.running else "in doubt")
        if pace := ", ".join(filter(None, pace_told(self.rate, self.seconds_left))):
            say(pace)
        print_next(self.next_steps)


async def _rate(store: JobStore, running: Sequence[Worker], now: float) -> float | None:
    """Rows per second of the last while, by the journal's times."""
    since = min(worker.since for worker in running)
    pace = await store.pace(since, now - WINDOW)
    if pace.began_at is None:
        return None
    # The clock of another machine may be ahead of this one.
    until = max(now, pace.latest_at or now)
    began = max(pace.began_at, until - WINDOW)
    return pace.finished / (until - began) if until - began >= _FIRST else None


def _facts(worker: Worker) -> dict[str, Any]:
    facts = attrs.asdict(worker)
    del facts["alive"]
    return facts


def _at(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
