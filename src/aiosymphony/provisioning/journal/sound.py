"""What a journal may hold; see :mod:`aiosymphony.provisioning.plans.sound`."""

from __future__ import annotations

import functools
from typing import Any, Final

from ..plans.actions import ACTIONS, ONE_CREATE
from ..plans.sound import Unsound, check_cells, check_steps, check_values, is_count, mapping, require
from ..rows.base import Kind
from ..rows.registry import KINDS, user_class
from .base import JobHeader, JobRow, Pace, Worker
from .states import ALL, FINDINGS, OPEN, State

__all__ = ["check_row", "is_time", "sound_counts", "sound_header", "sound_notes", "sound_pace", "sound_worker"]

_STATES: Final = frozenset(ALL)
_ACTIONS: Final = frozenset(ACTIONS)
_LATEST: Final = 253402300800
"""The year 10000, in seconds since the epoch."""


def sound_header(values: Any) -> JobHeader:
    """The job that a journal is of.

    Raises:
        Unsound: It is not one.
    """
    header = JobHeader(**mapping(values))
    texts = (header.target, header.input_name, header.input_digest, header.state, header.input_path, header.reading)
    numbers = (header.rows, header.known, header.shards)
    require(
        header.kind in KINDS
        and all(type(text) is str for text in (*texts, *header.command, *header.resumed_by))
        and all(map(is_count, numbers))
        and header.shards > 0
        and type(header.disable_missing) is type(header.include_service_accounts) is type(header.trust_keys) is bool
        and is_time(header.made_at),
        "the header",
    )
    return header


def sound_notes(notes: dict[str, Any]) -> dict[str, Any]:
    """What was noted about the whole job: its end, and the audit.

    Raises:
        Unsound: It has another shape.
    """
    finished_at, audit = notes.get("finished_at"), notes.get("audit")
    require(finished_at is None or is_time(finished_at), "the time of its end")
    if audit is not None:
        counts = mapping(mapping(audit).get("counts"))
        require(
            is_time(audit.get("at"))
            and is_count(audit.get("checked"))
            and all(is_count(counts.get(kind)) and _are_findings(audit.get(kind), kind) for kind in FINDINGS),
            "the audit",
        )
    return notes


def sound_counts(counts: dict[tuple[str, State], int]) -> dict[tuple[str, State], int]:
    """Rows by action and state.

    Raises:
        Unsound: There is an action or a state that no row has.
    """
    for action, state in counts:
        require(action in _ACTIONS and state in _STATES, f"the action {action!r} or the state {state!r}")
    return counts


def sound_worker(worker: Worker) -> Worker:
    """A process that works on the job.

    Raises:
        Unsound: It has a value that no process writes.
    """
    require(is_time(worker.seen_at), "the lease of a shard")
    return worker


def sound_pace(pace: Pace) -> Pace:
    """How fast rows were sent.

    Raises:
        Unsound: It comes from times that are none.
    """
    require(all(at is None or is_time(at) for at in (pace.began_at, pace.latest_at)), "the time of a row")
    return pace


def check_row(row: JobRow, kind: Kind) -> None:
    """Check a row of a job for users of this kind.

    Raises:
        Unsound: It is none that a job can resume.
    """
    # Once for each row that is read: so no call that can be spared, and no message that nobody reads.
    sound = (
        row.action in _ACTIONS
        and row.state in _STATES
        and type(row.label) is type(row.code) is type(row.message) is str
        and type(row.line) is type(row.step) is type(row.attempts) is int
        and row.line >= 0 <= row.step
        and row.attempts >= 0
        and (row.sent_at is None or is_time(row.sent_at))
        and (row.done_at is None or is_time(row.done_at))
        and (row.id is None or type(row.id) is str)
    )
    if not sound:
        raise Unsound(f"row {row.number} has a value that no job writes")
    (check_cells if row.action == "invalid" else check_values)(row.values, kind, row.number)
    if row.steps is not ONE_CREATE:
        check_steps(row.steps, kind, row.number)
    if row.state in OPEN:
        creating = row.step == 0 and bool(row.steps) and row.steps[0]["do"] == "create"
        if creating:
            sound = _required(kind) <= row.values.keys()
        else:
            sound = row.step < len(row.steps) and (row.id is not None or row.state == "IN_FLIGHT")
        if not sound:
            raise Unsound(f"the step, the id or the columns of row {row.number} are not those of a row to be sent")


def _are_findings(found: object, kind: str) -> bool:
    """Line, label and, by kind of finding, nothing more, the ids, or column to (there, wanted)."""
    if not isinstance(found, list):
        return False
    return all(
        isinstance(each, list)
        and len(each) == (2 if kind == "missing" else 3)
        and is_count(each[0])
        and type(each[1]) is str
        and (kind != "doubled" or isinstance(each[2], list))
        and (kind != "different" or _are_changes(each[2]))
        for each in found
    )


def _are_changes(changes: object) -> bool:
    return isinstance(changes, dict) and all(isinstance(each, list) and len(each) == 2 for each in changes.values())


def is_time(value: object) -> bool:
    """Whether it is a time in seconds since the epoch."""
    return type(value) in (int, float) and 0 <= value < _LATEST  # type: ignore[operator]


@functools.cache
def _required(kind: Kind) -> frozenset[str]:
    return frozenset(name for name, column in user_class(kind).columns().items() if column.required)
