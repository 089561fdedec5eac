"""What a job needs of its journal: the protocol, and what passes through it.

A row is TODO until a request for it is about to leave; then IN_FLIGHT, durably, before any byte does. What follows is
DONE, FAILED (surely not done), CONFLICT (left alone), UNKNOWN (its outcome is unknown), or TODO again when it surely
was not done. The steps of a row (create, then roles, features, status) are counted: ``step`` of them are finished, and
the state is that of the next one.

No password, token, salt or key is ever put into a journal: the rows that are read from a file cannot hold any.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, Self

import attrs

from ...errors import JobInterrupted, JobRefused
from ..plans.actions import Action, Step
from ..plans.file import Plan
from ..rows.base import Kind
from .states import ALL, CONFLICTING, INVALID, State

__all__ = [
    "Change", "Fenced", "JobHeader", "JobPaused", "JobRow", "JobStore", "LeaseHeld", "Pace", "Wish", "Worker",
    "each_row", "first_state", "shard_of",
]  # fmt: skip


@attrs.frozen
class JobHeader:
    """Which job a journal is of. A journal serves one job alone.

    Attributes:
        kind, target: As in the plan.
        input_name, input_digest: The file, and its SHA-256.
        disable_missing, include_service_accounts, trust_keys: As in the plan.
        rows: How many rows there are.
        known: How many users the tenant held when the plan was made.
        made_at: When, in seconds since the epoch.
        shards: Into how many parts the rows are divided for several processes.
        state, input_path, command, resumed_by, reading: As in the plan.
    """

    kind: Kind
    target: str
    input_name: str
    input_digest: str
    disable_missing: bool
    rows: int
    known: int
    made_at: float
    shards: int = 1
    include_service_accounts: bool = False
    trust_keys: bool = False
    state: str = ""
    input_path: str = ""
    command: Sequence[str] = ()
    resumed_by: Sequence[str] = ()
    reading: str = ""

    @classmethod
    def of(cls, plan: Plan, *, made_at: float, shards: int = 1) -> Self:
        return cls(
            plan.kind,
            plan.target,
            plan.input_name,
            plan.input_digest,
            plan.disable_missing,
            plan.rows,
            plan.known,
            made_at,
            shards,
            plan.include_service_accounts,
            plan.trust_keys,
            plan.state,
            plan.input_path,
            [*plan.command],
            [*plan.resumed_by],
            plan.reading,
        )

    def check(self, other: JobHeader, where: str) -> None:
        """Refuse to resume another job than the one that the journal is of.

        Raises:
            JobError: The target, the input or what is wanted of it changed.
        """
        remedy = (
            "undo that to resume it, or leave it with --new, which keeps its journal under another name, waits for "
            "late writes, and plans what is left"
        )
        if (self.kind, self.target) != (other.kind, other.target):
            raise JobRefused(
                f"{where} is the journal of a job for {self.target}, not for {other.target}, and that job is not "
                "finished: finish it, or name another journal (--journal)"
            )
        if self.input_digest != other.input_digest:
            raise JobRefused(
                f"{other.input_name} was changed since the job in {where} began, and that job is not finished: {remedy}"
            )
        if self.reading != other.reading:
            raise JobRefused(
                f"{other.input_name} is read differently than when the job in {where} began, by its column map, its "
                f"encoding or its sheet, and that job is not finished: {remedy}"
            )
        for option in ("disable_missing", "include_service_accounts", "trust_keys"):
            if (began := getattr(self, option)) != getattr(other, option):
                word, name = "with" if began else "without", f"--{option.replace('_', '-')}"
                raise JobRefused(f"the job in {where} began {word} {name}: {remedy}")


@attrs.define(eq=False)  # not frozen, as there are many: freezing triples what it costs to make one
class JobRow:
    """A row as the journal holds it.

    Attributes:
        number: Its number in the job, from 1.
        shard: The part it belongs to.
        line, label, steps: As in its :class:`~aiosymphony.provisioning.Action`.
        values: The action's: its columns, or the cells of a wrong row.
        action: What is done about it: ``create``, ``update`` and so on.
        state: How far it is.
        step: How many of its steps are finished.
        attempts: How often a request for it left, or was about to.
        id: The user's id, once known.
        sent_at, done_at: When the last request was about to leave, and when its outcome was known.
        code, message: Why it is not done.
    """

    number: int
    shard: int
    line: int
    label: str
    action: str
    state: State
    step: int
    attempts: int
    id: str | None
    sent_at: float | None
    done_at: float | None
    code: str
    message: str
    steps: Sequence[Step]
    values: dict[str, Any]


@attrs.define(eq=False)
class Change:
    """What became of rows that fared alike; None leaves a field as it is.

    Attributes:
        rows: Their numbers.
        state: Their new state.
        step, steps: New values.
        ids: The new id of each, in the order of ``rows``.
        code, message: Why; empty clears them.
        attempts: Added to the count of attempts: -1 for one that did not leave after all.
    """

    rows: Sequence[int]
    state: State
    step: int | None = None
    ids: Sequence[str | None] | None = None
    steps: Sequence[Step] | None = None
    code: str = ""
    message: str = ""
    attempts: int = 0


@attrs.frozen
class Worker:
    """A process that works on a job, or that ended without letting go of it.

    Attributes:
        host, pid: Which process, on which machine.
        since: When it took the job, in seconds since the epoch by its own clock.
        seen_at: When it last renewed its lease, likewise.
        alive: Whether its lease runs and its process is there, as far as can be told from here.
        gone: Whether the process has surely ended.
    """

    host: str
    pid: int
    since: float
    seen_at: float
    alive: bool
    gone: bool

    def described(self) -> str:
        """Which process it is, for people."""
        return f"process {self.pid} on {self.host}"


@attrs.frozen
class Pace:
    """How fast rows were sent since a time.

    Attributes:
        began_at: When the first of them left, in seconds since the epoch; None if none did.
        latest_at: When the latest outcome came; None if none did.
        finished: How many were finished in the window that ends now.
    """

    began_at: float | None
    latest_at: float | None
    finished: int


class Fenced(JobInterrupted):
    """Another process took this job over while this one did not answer; this one must send nothing more."""


class LeaseHeld(JobInterrupted):
    """Another live process owns what was to be acquired.

    Attributes:
        seconds_left: For how long, unless it renews its lease; 0 if that cannot be told.
    """

    def __init__(self, message: str = "", *, seconds_left: float = 0.0) -> None:
        super().__init__(message)
        self.seconds_left = seconds_left


class JobPaused(JobInterrupted):
    """The operator paused the job: nobody may work on it until it is resumed."""


Wish = Literal["run", "pause", "cancel"]
"""What the operator wants of a job."""


class JobStore(Protocol):
    """Where a job keeps its rows. Every method that writes returns when the write is durable."""

    @property
    def name(self) -> str:
        """What to call it in a message."""
        ...

    @property
    def wish(self) -> Wish:
        """What the operator wants of the job, as the latest write or renewal heard it."""
        ...

    async def header(self) -> JobHeader | None:
        """The job it is of; None if it is empty."""
        ...

    async def begin(self, header: JobHeader, actions: Iterable[Action]) -> None:
        """Take in a job, wholly or not at all; if there is one already, only check that it is the same.

        Raises:
            JobError: It is another one, or the store cannot be written.
        """
        ...

    async def archive(self, at: float) -> str:
        """Put the job away under a name of its own, and hold none any more. This process must own all of its shards.

        Args:
            at: A time for the name, in seconds since the epoch. Called again after a crash with the same one, it makes
                no second copy.

        Returns:
            The name under which it is found, by whatever opens a store.

        Raises:
            JobInterrupted: Another process works on it.
            JobRefused: It cannot be kept; nothing was changed.
        """
        ...

    async def acquire(self, lease: float, max_shards: int | None = None) -> Sequence[int]:
        """Own shards until they are released or the lease (seconds) runs out.

        With ``max_shards`` at most so many that are free, without it all of them.

        Each acquisition raises the shard's epoch; whoever owned it before can write to it no more. A store that cannot
        show that it holds the newest state of the shards turns TODO into IN_FLIGHT in them: what a later state may have
        sent is looked up first.

        Raises:
            LeaseHeld: Another live process owns them.
            JobPaused: The operator paused the job.
        """
        ...

    async def acquire_next(self, lease: float, max_shards: int | None = None) -> Sequence[int]:
        """Let go of the shards that are owned, and own free ones in their place that have rows left to deal with.

        Returns:
            The new shards; none if there are none that are free and have rows left, and then nothing changes.

        Raises:
            Fenced: The shards are another's by now.
        """
        ...

    async def renew(self, lease: float) -> None:
        """Own the shards for that many seconds more.

        Raises:
            Fenced: They are another's by now.
        """
        ...

    async def release(self) -> None:
        """Own nothing any more."""
        ...

    async def workers(self) -> Sequence[Worker]:
        """Who works on the job at the moment, and who ended without letting go of it."""
        ...

    async def pace(self, since: float, window_from: float) -> Pace:
        """How fast rows that were sent after ``since`` were finished after ``window_from``, by the journal's times."""
        ...

    async def fetch(
        self, states: Sequence[State], *, after: int = 0, limit: int = 500, own: bool = True
    ) -> list[JobRow]:
        """Up to ``limit`` rows in these states numbered above ``after``, in order; of all shards if not ``own``."""
        ...

    async def mark_in_flight(self, rows: list[int], at: float) -> None:
        """TODO becomes IN_FLIGHT and counts as an attempt.

        Raises:
            Fenced: The rows are another's by now.
            JobError: The store cannot be written; nothing may be sent.
        """
        ...

    def record(self, changes: Sequence[Change], at: float) -> asyncio.Future[None]:
        """Write outcomes, of the time ``at`` in seconds since the epoch. The future is done when they are durable.

        It fails with ``Fenced`` if the rows are another's by now, and with ``JobError`` if the store cannot be written.
        """
        ...

    async def counts(self) -> Mapping[tuple[str, State], int]:
        """Rows by action and state."""
        ...

    async def note(self, name: str, value: object) -> None:
        """Keep a JSON value under a name, such as the result of the audit."""
        ...

    async def notes(self) -> Mapping[str, Any]:
        """All that was kept."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go."""
        ...


async def each_row(store: JobStore, states: Sequence[State] = ALL) -> AsyncIterator[JobRow]:
    """All rows in these states, in order, a thousand at a time."""
    after = 0
    while rows := await store.fetch(states, after=after, limit=1000, own=False):
        after = rows[-1].number
        for row in rows:
            yield row


def first_state(action: Action, now: float) -> tuple[State, str, float | None]:
    """State, code and time of a row as the plan leaves it."""
    match action.do:
        case "skip":
            return "DONE", "", now
        case "conflict":
            return "CONFLICT", CONFLICTING, now
        case "invalid":
            return "FAILED", INVALID, now
        case _:
            return "TODO", "", None


def shard_of(number: int, shards: int) -> int:
    """The shard of a row, by its number: neighbours share a batch and a page of a file, so they stay together."""
    return number // 1000 % shards
