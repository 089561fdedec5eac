"""What became of each row, in numbers: counts, the failures grouped by cause, throughput, and what to do next."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs

from ...codes import ConnectCode
from ..journal.base import JobHeader
from ..journal.states import FINDINGS, GONE, INVALID, OPEN, REJECTED, State

__all__ = ["Bucket", "Cause", "Figures", "timeline_of"]

BUCKETS = 120


@attrs.define
class Cause:
    """Rows that are not done for the same reason.

    Attributes:
        state, code, message: As in the journal; the message is that of the first row.
        count: How many rows.
        rows: The first of them: (line, user, id, message).
    """

    state: State
    code: str
    message: str
    count: int = 0
    rows: list[tuple[int, str, str | None, str]] = attrs.field(factory=list)

    @property
    def advice(self) -> str:
        """What to do about it."""
        if self.state == "UNKNOWN":
            return (
                "Run the same command again: each of these rows is looked up, and tried again only if it is not there."
            )
        return _ADVICE.get(self.code, _ADVICE_BY_STATE.get(self.state, ""))


_ADVICE = {
    INVALID: "Correct these lines in the file; nothing was sent for them.",
    str(
        ConnectCode.DOMAIN_NOT_ALLOWED.value
    ): "The e-mail domain is not one of the company's: correct the address, or add the domain to the company.",
    str(
        ConnectCode.EMAIL_EXISTS.value
    ): "The address has an account that is not this company's. Ask Symphony, or take the row out.",
    str(ConnectCode.COMPANY_NOT_READY.value): "The company does not exist or is not complete yet.",
    "403": "The account of this job lacks an entitlement.",
    GONE: "The user was there when the plan was made. Plan anew.",
}
_ADVICE_BY_STATE: dict[str, str] = {
    "CONFLICT": "Left alone, because only you can say what is meant. Resolve it there or in the file, then plan anew.",
    "FAILED": "Correct the rows, and run the CSV of what is not done as a new job.",
}


@attrs.frozen
class Bucket:
    """A stretch of the run: when it began, how many rows were done per second, and their latency in seconds."""

    at: float
    rate: float
    median: float | None
    p95: float | None


@attrs.define
class Figures:
    """The state of a job in numbers.

    Attributes:
        header: Which job.
        counts: Rows by action and state.
        causes: Why rows are not done, the most frequent first.
        audit: What the closing audit found; None if there was none yet.
        finished_at: When the job ended; None if it did not.
        attempts: Requests that carried a row, summed over the rows.
        looked_up: Rows that are done, and of which only a look-up could tell.
        timeline: Throughput and latency over time.
        columns: The columns that any row uses.
    """

    header: JobHeader
    counts: Mapping[tuple[str, State], int]
    causes: list[Cause] = attrs.field(factory=list)
    audit: dict[str, Any] | None = None
    finished_at: float | None = None
    attempts: int = 0
    looked_up: int = 0
    timeline: list[Bucket] = attrs.field(factory=list)
    columns: frozenset[str] = frozenset()

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

    def found(self, kind: str) -> int:
        """How many ``missing``, ``doubled`` or ``different`` users the audit found."""
        return int(self.audit["counts"][kind]) if self.audit else 0

    @property
    def exit_code(self) -> int:
        """0 done, 2 some rows failed, 3 an outcome is unknown, 75 stopped and resumable."""
        if self.not_finished:
            return 75
        if self.unknown:
            return 3
        return 2 if self.failed or any(map(self.found, FINDINGS)) else 0

    @property
    def next_steps(self) -> list[str]:
        """What the operator should do, most urgent first."""
        steps = []
        if self.not_finished:
            steps.append(f"{self.not_finished} rows are not finished: run the same command to resume.")
        if self.found("doubled"):
            steps.append(
                f"{self.found('doubled')} users exist more than once: disable those that are too many. If this "
                "job made them, a write landed later than --settle: choose a longer one next time."
            )
        if self.unknown:
            steps.append(
                f"The outcome of {self.unknown} rows is unknown: run the same command again, "
                "which looks them up before anything else."
            )
        if self.found("missing"):
            steps.append(f"{self.found('missing')} users that were created do not exist now: plan anew.")
        if self.found("different"):
            steps.append(f"{self.found('different')} users differ from the file; the audit below names them.")
        invalid = self.counts.get(("invalid", "FAILED"), 0)
        if self.failed > invalid:
            steps.append(
                f"{self.failed - invalid} rows failed: correct them, and run the CSV of what is not done as a new job."
            )
        if invalid:
            steps.append(f"{invalid} rows of the file are wrong: correct them there, and apply the file as a new job.")
        return steps or ["Nothing to do: all users match the file."]

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
            "finished_at": self.finished_at,
            "timeline": [attrs.asdict(bucket) for bucket in self.timeline],
            "next": self.next_steps,
        }


def timeline_of(began: float, done_at: array[float], latency: array[float]) -> list[Bucket]:
    """Throughput and latency in equal stretches of the run; a latency that is not a number is left out."""
    if not done_at:
        return []
    width = max((max(done_at) - began) / BUCKETS, 1e-3)
    counted: Counter[int] = Counter()
    took_by_bucket: list[list[float]] = [[] for _ in range(BUCKETS)]
    for at, took in zip(done_at, latency, strict=True):
        # A clock that was set back meanwhile puts an outcome before the beginning.
        number = max(0, min(int((at - began) / width), BUCKETS - 1))
        counted[number] += 1
        if not math.isnan(took):
            took_by_bucket[number].append(took)
    buckets = []
    for number, times in enumerate(took_by_bucket):
        times.sort()
        median, p95 = (times[len(times) // 2], times[int(len(times) * 0.95)]) if times else (None, None)
        buckets.append(Bucket(began + number * width, counted[number] / width, median, p95))
    return buckets
