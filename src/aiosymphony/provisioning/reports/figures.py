"""What became of each row, in numbers: counts, the failures grouped by cause, throughput, and what to do next."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from ..journal.base import JobHeader, Worker
from ..journal.states import FINDINGS, OPEN, REJECTED, State
from .causes import Cause
from .next_steps import next_steps
from .timeline import Bucket, Pause

__all__ = ["Figures"]


@attrs.define
class Figures:
    """The state of a job in numbers.

    Attributes:
        header: Which job.
        counts: Rows by action and state.
        causes: Why rows are not done, the most frequent first.
        audit: What the closing audit found; None if there was none yet.
        finished_at: When the job ended; None if it did not.
        read_at: When the journal was read.
        attempts: Requests that carried a row, summed over the rows.
        looked_up: Rows that are done, and of which only a look-up could tell.
        began_at, ended_at: When the first request was sent, and when the last outcome was known.
        timeline: Throughput and latency over time.
        pauses: The times in which nothing happened, and which the timeline leaves out.
        workers: Who works on the job at the moment, and who ended without letting go of it.
        columns: The columns that any row uses.
        journal: What the journal is called.
    """

    header: JobHeader
    counts: Mapping[tuple[str, State], int]
    causes: list[Cause] = attrs.field(factory=list)
    audit: dict[str, Any] | None = None
    finished_at: float | None = None
    read_at: float = 0.0
    attempts: int = 0
    looked_up: int = 0
    began_at: float | None = None
    ended_at: float | None = None
    timeline: list[Bucket] = attrs.field(factory=list)
    pauses: list[Pause] = attrs.field(factory=list)
    workers: Sequence[Worker] = ()
    columns: frozenset[str] = frozenset()
    journal: str = ""

    def state(self, *states: State) -> int:
        """How many rows are in any of these states."""
        return sum(count for (_, state), count in self.counts.items() if state in states)

    @property
    def total(self) -> int:
        """Rows in all."""
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """Rows that match the file, those that were already correct included."""
        return self.state("DONE")

    @property
    def skipped(self) -> int:
        """Rows that were already correct before the job began."""
        return self.counts.get(("skip", "DONE"), 0)

    @property
    def failed(self) -> int:
        """Rows that were refused, are invalid or in conflict."""
        return self.state(*REJECTED)

    @property
    def unknown(self) -> int:
        """Rows whose outcome is unknown."""
        return self.state("UNKNOWN")

    @property
    def not_finished(self) -> int:
        """Rows that are to do or in flight."""
        return self.state(*OPEN)

    @property
    def seconds(self) -> float:
        """How long the job worked, pauses not counted."""
        if self.began_at is None or self.ended_at is None:
            return 0.0
        return max(0.0, self.ended_at - self.began_at - math.fsum(pause.seconds for pause in self.pauses))

    @property
    def sent(self) -> int:
        """Rows whose outcome a request brought: those that the timeline counts."""
        return sum(bucket.done + bucket.failed for bucket in self.timeline)

    def found(self, kind: str) -> int:
        """How many ``missing``, ``doubled`` or ``different`` users the audit found."""
        return int(self.audit["counts"][kind]) if self.audit else 0

    @property
    def running(self) -> list[str]:
        """Who works on the job at the moment, as text for people."""
        return [worker.described() for worker in self.workers if worker.alive]

    @property
    def is_cut_short(self) -> bool:
        """Whether every row is finished, and the job is not: its audit is missing, and nobody works on it."""
        return not self.running and not self.not_finished and self.finished_at is None

    @property
    def exit_code(self) -> int:
        """0 done, 2 some rows failed, 3 an outcome is unknown, 75 stopped and resumable."""
        if self.not_finished or self.is_cut_short:
            return 75
        if self.unknown:
            return 3
        return 2 if self.failed or any(map(self.found, FINDINGS)) else 0

    @property
    def next_steps(self) -> list[str]:
        """What the operator should do, most urgent first."""
        return next_steps(self)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "job": attrs.asdict(self.header),
            "exit_code": self.exit_code,
            "rows": {
                "total": self.total,
                "done": self.done,
                "skipped": self.skipped,
                "failed": self.failed,
                "unknown": self.unknown,
                "not_finished": self.not_finished,
            },
            "actions": [
                {"action": action, "state": state, "rows": count}
                for (action, state), count in sorted(self.counts.items())
            ],
            "attempts": self.attempts,
            "looked_up": self.looked_up,
            "causes": [
                {
                    "state": cause.state,
                    "code": cause.code,
                    "message": cause.message,
                    "rows": cause.count,
                    "advice": cause.advice,
                    "first": [
                        {"line": line, "user": label, "id": user_id, "message": message}
                        for line, label, user_id, message in cause.rows
                    ],
                }
                for cause in self.causes
            ],
            "audit": self.audit,
            "began_at": self.began_at,
            "ended_at": self.ended_at,
            "finished_at": self.finished_at,
            "read_at": self.read_at,
            "seconds": self.seconds,
            "timeline": [attrs.asdict(bucket) | {"rate": bucket.rate} for bucket in self.timeline],
            "pauses": [attrs.asdict(pause) for pause in self.pauses],
            "running": self.running,
            "next": self.next_steps,
        }
