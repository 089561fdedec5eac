"""What became of each row: counts, the failures grouped by cause, throughput and latency, and what to do next."""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, Self

import attrs

from ..errors import JobError
from ..files import private_file
from .cells import CsvLines
from .rows import user_class
from .store import LOOKED_UP, JobHeader, JobRow, JobStore, State

__all__ = ["Bucket", "Cause", "Report"]

KEPT = 200
"""Rows of each cause that are kept by name; all of them are in the CSV."""
CAUSES = 500
BUCKETS = 120
ALL_STATES: tuple[State, ...] = ("TODO", "INTENT", "DONE", "FAILED", "UNKNOWN", "CONFLICT")
_ROW_COLUMNS = ("line", "user", "action", "state", "id", "attempts", "sent_at", "done_at", "code", "reason")
_VARIABLE = re.compile(r"'[^']*'|\"[^\"]*\"|\S+@\S+|\b[0-9a-f]{8}-[0-9a-f-]{27,}\b|\d+")


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
    "invalid": "Correct these lines in the file; nothing was sent for them.",
    "40001": "The e-mail domain is not one of the company's: correct the address, or add the domain to the company.",
    "40002": "The address has an account that is not this company's. Ask Symphony, or take the row out.",
    "40102": "The company does not exist or is not complete yet.",
    "403": "The account of this job lacks an entitlement.",
    "gone": "The user was there when the plan was made. Plan anew.",
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
class Report:
    """The state of a job; made by ``of`` from its journal, also while it runs.

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

    @classmethod
    async def of(cls, store: JobStore, *, rows: bool = True) -> Self:
        """Read a journal.

        Args:
            store: The journal.
            rows: Also read every row, for causes and timeline; without, counts alone.

        Raises:
            JobError: It holds no job.
        """
        header = await store.header()
        if header is None:
            raise JobError(f"{store.name} holds no job", exit_code=64)
        notes = await store.notes()
        report = cls(header, await store.counts(), audit=notes.get("audit"), finished_at=notes.get("finished_at"))
        if rows:
            await report._read(store)
        return report

    async def _read(self, store: JobStore) -> None:
        causes: dict[tuple[str, str, str], Cause] = {}
        done_at, latency = array("d"), array("d")
        columns: set[str] = set()
        began = math.inf
        async for row in each_row(store):
            columns.update(row.row)
            self.attempts += row.attempts
            if row.state in ("FAILED", "UNKNOWN", "CONFLICT"):
                key = (row.state, row.code, _VARIABLE.sub("…", row.message))
                if key not in causes and len(causes) >= CAUSES:
                    key = (row.state, row.code, "")
                cause = causes.setdefault(key, Cause(row.state, row.code, row.message if key[2] else "other reasons"))
                cause.count += 1
                if len(cause.rows) < KEPT:
                    cause.rows.append((row.line, row.label, row.id, row.message))
            elif row.state == "DONE" and row.done_at is not None:
                looked_up = row.code == LOOKED_UP
                self.looked_up += looked_up
                if row.sent_at is not None:
                    done_at.append(row.done_at)
                    # How long a look-up was waited for says nothing about the server.
                    latency.append(math.nan if looked_up else max(0.0, row.done_at - row.sent_at))
                    began = min(began, row.sent_at)
        self.columns = frozenset(columns)
        self.causes = sorted(causes.values(), key=lambda cause: -cause.count)
        self.timeline = _timeline(began, done_at, latency)

    def state(self, *states: State) -> int:
        """How many rows are in any of these states."""
        return sum(count for (_, state), count in self.counts.items() if state in states)

    @property
    def total(self) -> int:
        """Rows in all."""
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """Rows that are as wanted, those that were so before included."""
        return self.state("DONE")

    @property
    def skipped(self) -> int:
        """Rows that were as wanted before the job began."""
        return self.counts.get(("skip", "DONE"), 0)

    @property
    def failed(self) -> int:
        """Rows that were refused, are invalid or in conflict."""
        return self.state("FAILED", "CONFLICT")

    @property
    def unknown(self) -> int:
        """Rows of which nobody can say whether they were carried out."""
        return self.state("UNKNOWN")

    @property
    def untouched(self) -> int:
        """Rows that are still to be done."""
        return self.state("TODO", "INTENT")

    def found(self, kind: str) -> int:
        """How many ``missing``, ``doubled`` or ``different`` users the audit found."""
        return int(self.audit["counts"][kind]) if self.audit else 0

    @property
    def exit_code(self) -> int:
        """0 done, 2 some rows failed, 3 an outcome is unknown, 75 stopped and resumable."""
        if self.untouched:
            return 75
        if self.unknown:
            return 3
        return 2 if self.failed or any(map(self.found, ("missing", "doubled", "different"))) else 0

    @property
    def next_steps(self) -> list[str]:
        """What the operator should do, most urgent first."""
        steps = []
        if self.untouched:
            steps.append(f"{self.untouched} rows are still to be done: run the same command again.")
        if self.found("doubled"):
            steps.append(
                f"{self.found('doubled')} users are there more than once: disable those that are too many. If this "
                "job made them, a write landed later than --settle: choose a longer one next time."
            )
        if self.unknown:
            steps.append(
                f"Of {self.unknown} rows nobody can say whether they were carried out: run the same command again, "
                "which looks them up before anything else."
            )
        if self.found("missing"):
            steps.append(f"{self.found('missing')} users that were created are not there now: plan anew.")
        if self.found("different"):
            steps.append(
                f"{self.found('different')} users are there with other values than wanted; the audit below names them."
            )
        invalid = self.counts.get(("invalid", "FAILED"), 0)
        if self.failed > invalid:
            steps.append(
                f"{self.failed - invalid} rows failed: correct them, and run the CSV of what is not done as a new job."
            )
        if invalid:
            steps.append(f"{invalid} rows of the file are wrong: correct them there, and apply the file as a new job.")
        return steps or ["Nothing: everybody is there as wanted."]

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
                "untouched": self.untouched,
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

    def to_html(self) -> str:
        """The report as one page that loads nothing."""
        from .html import page  # noqa: PLC0415 - which knows reports

        return page(self)

    def write_html(self, path: str | PathLike[str]) -> None:
        """Write the page of :meth:`to_html` to a file that only its owner can read.

        Raises:
            JobError: The file cannot be written.
        """
        with private_file(path) as file:
            file.write(self.to_html())

    async def write_csv(self, store: JobStore, path: str | PathLike[str], *, only: Iterable[State] = ALL_STATES) -> int:
        """Write one line for each row with what became of it; how many.

        Raises:
            JobError: The file cannot be written.
        """
        wanted = tuple(only)
        with private_file(path) as file:
            lines = CsvLines(file)
            lines.write(_ROW_COLUMNS)
            count = 0
            async for row in each_row(store, wanted):
                lines.write(
                    (
                        row.line,
                        row.label,
                        row.action,
                        row.state,
                        row.id,
                        row.attempts,
                        row.sent_at,
                        row.done_at,
                        row.code,
                        row.message,
                    )
                )
                count += 1
        return count

    async def write_rest(self, store: JobStore, path: str | PathLike[str]) -> int:
        """Write the rows that are not done as a CSV that is an input again; how many.

        The columns are those of the input, by the API's names, and ``_line``, ``_state`` and ``_reason``, which the
        reading leaves out. Invalid rows are not in it: they stand in the file they came from.

        Raises:
            JobError: The file cannot be written.
        """
        names = [
            name
            for name, column in user_class(self.header.kind).columns().items()
            if column.required or name in self.columns
        ]
        with private_file(path) as file:
            lines = CsvLines(file)
            lines.write([*names, "_line", "_state", "_reason"])
            count = 0
            async for row in each_row(store, ("TODO", "INTENT", "FAILED", "UNKNOWN", "CONFLICT")):
                if row.row and row.line:
                    cells = [_cell(row.row.get(name)) for name in names]
                    lines.write([*cells, row.line, row.state, row.message])
                    count += 1
        return count


async def each_row(store: JobStore, states: Sequence[State] = ALL_STATES) -> AsyncIterator[JobRow]:
    """All rows in these states, in order, a thousand at a time."""
    after = 0
    while rows := await store.fetch(states, after=after, limit=1000, own=False):
        after = rows[-1].n
        for row in rows:
            yield row


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return "|".join(value)
        case dict():
            return "|".join(f"{name}={_cell(on)}" for name, on in value.items())
        case _:
            return str(value)


def _timeline(began: float, done_at: array[float], latency: array[float]) -> list[Bucket]:
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
