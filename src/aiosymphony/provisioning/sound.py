"""What a journal or a plan may hold: checks of what is read from a file that anybody may have edited.

What passes has the types and the shape that the job relies on. What does not is :class:`Unsound`, which the readers
turn into one sentence.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final, get_args

from .planning import ACTIONS, ONE_CREATE, Action, Step
from .rows import Kind, user_class
from .store import JobHeader, JobRow, State

__all__ = ["Unsound", "check_action", "check_row", "sound_counts", "sound_header", "sound_notes"]

STATES: Final = frozenset(get_args(State))
_ACTIONS: Final = frozenset(ACTIONS)
_TEXT: Final = frozenset({str})
_LATEST: Final = 253402300800
"""The year 10000, in seconds since the epoch."""
_FINDINGS: Final = ("missing", "doubled", "different")


class Unsound(ValueError):
    """A value is none that this package writes."""


def sound_header(values: Any) -> JobHeader:
    """The job that a journal is of.

    Raises:
        Unsound: It is not one.
    """
    header = JobHeader(**_mapping(values))
    texts = (header.target, header.input_name, header.input_digest)
    numbers = (header.rows, header.known, header.shards)
    _require(
        header.kind in get_args(Kind)
        and all(type(text) is str for text in texts)
        and all(map(_is_count, numbers))
        and header.shards > 0
        and type(header.disable_missing) is bool
        and _is_time(header.made_at),
        "the header",
    )
    return header


def sound_notes(notes: dict[str, Any]) -> dict[str, Any]:
    """What was noted about the whole job: its end, and the audit.

    Raises:
        Unsound: It has another shape.
    """
    finished_at, audit = notes.get("finished_at"), notes.get("audit")
    _require(finished_at is None or _is_time(finished_at), "the time of its end")
    if audit is not None:
        counts = _mapping(_mapping(audit).get("counts"))
        _require(
            _is_time(audit.get("at"))
            and _is_count(audit.get("checked"))
            and all(_is_count(counts.get(kind)) and _are_findings(audit.get(kind), kind) for kind in _FINDINGS),
            "the audit",
        )
    return notes


def sound_counts(counts: dict[tuple[str, State], int]) -> dict[tuple[str, State], int]:
    """Rows by action and state.

    Raises:
        Unsound: There is an action or a state that no row has.
    """
    for action, state in counts:
        _require(action in _ACTIONS and state in STATES, f"the action {action!r} or the state {state!r}")
    return counts


def check_row(row: JobRow, kind: Kind) -> None:
    """Check a row of a job for users of this kind.

    Raises:
        Unsound: It is none that a job can go on with.
    """
    # Once for each row that is read: so no call that can be spared, and no message that nobody reads.
    sound = (
        row.action in _ACTIONS
        and row.state in STATES
        and type(row.label) is type(row.code) is type(row.message) is str
        and type(row.line) is type(row.step) is type(row.attempts) is int
        and row.line >= 0 <= row.step
        and row.attempts >= 0
        and (row.sent_at is None or _is_time(row.sent_at))
        and (row.done_at is None or _is_time(row.done_at))
        and (row.id is None or type(row.id) is str)
    )
    if not sound:
        raise Unsound(f"row {row.n} has a value that no job writes")
    _check_values(row.row, kind, row.n)
    if row.steps is not ONE_CREATE:
        _check_steps(row.steps, kind, row.n)
    if row.state in ("TODO", "INTENT"):
        creating = row.step == 0 and bool(row.steps) and row.steps[0]["do"] == "create"
        if creating:
            sound = _required(kind) <= row.row.keys()
        else:
            sound = row.step < len(row.steps) and (row.id is not None or row.state == "INTENT")
        if not sound:
            raise Unsound(f"the step, the id or the columns of row {row.n} are not those of a row to be sent")


def check_action(action: Action, kind: Kind) -> None:
    """Check an action of a saved plan.

    Raises:
        Unsound: It is none that a plan holds.
    """
    where = f"the action of line {action.line}"
    _require(
        action.do in _ACTIONS
        and _is_count(action.line)
        and type(action.label) is type(action.reason) is str
        and (action.id is None or type(action.id) is str)
        and all(isinstance(change, list) and len(change) == 2 for change in _mapping(action.changes).values()),
        where,
    )
    _check_values(action.row, kind, where)
    _check_steps(action.steps, kind, where)


def _check_values(values: object, kind: Kind, where: object) -> None:
    """The columns of a user, each of its type."""
    types, texts = _types(kind)
    values = _mapping(values)
    if values.keys() <= texts and {*map(type, values.values())} <= _TEXT:
        return  # as nearly all are
    for name, value in values.items():
        known = types.get(name)
        sound = known is type(value)
        if sound and known is list:
            sound = all(type(item) is str for item in value)
        elif sound and known is dict:
            sound = all(type(on) is bool for on in value.values())
        _require(sound, f"the column {name!r} of {where}")


def _check_steps(steps: object, kind: Kind, where: object) -> None:
    if not isinstance(steps, list | tuple):
        raise Unsound(f"the steps of {where}")
    for number, step in enumerate(steps):
        if not _is_step(step, kind) or (step["do"] == "create" and number):
            raise Unsound(f"the steps of {where}")


def _is_step(step: Step, kind: Kind) -> bool:
    match step:
        case {"do": "create"} | {"do": "active", "active": bool()}:
            return len(step) == (1 if step["do"] == "create" else 2)
        case {"do": "update", "set": dict(values)} if kind == "pod":
            _check_values(values, kind, "a step")
            return True
        case {"do": "role", "role": str()}:
            return kind == "pod"
        case {"do": "features", "set": dict(switches)}:
            return kind == "pod" and all(type(on) is bool for on in switches.values())
        case _:
            return False


def _are_findings(found: object, kind: str) -> bool:
    """Line, label and, by kind of finding, nothing more, the ids, or column to (there, wanted)."""
    if not isinstance(found, list):
        return False
    return all(
        isinstance(each, list)
        and len(each) == (2 if kind == "missing" else 3)
        and _is_count(each[0])
        and type(each[1]) is str
        and (kind != "doubled" or isinstance(each[2], list))
        and (kind != "different" or _are_changes(each[2]))
        for each in found
    )


def _are_changes(changes: object) -> bool:
    return isinstance(changes, dict) and all(isinstance(each, list) and len(each) == 2 for each in changes.values())


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_time(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value < _LATEST  # type: ignore[operator]


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Unsound("a value is no object")
    return value


def _require(sound: bool, what: str) -> None:
    if not sound:
        raise Unsound(f"{what} has a value that no job writes")


@functools.cache
def _types(kind: Kind) -> tuple[Mapping[str, type], frozenset[str]]:
    """The type of each column, and the columns that are text."""
    types = {name: column.type for name, column in user_class(kind).columns().items()}
    return types, frozenset(name for name, its in types.items() if its is str)


@functools.cache
def _required(kind: Kind) -> frozenset[str]:
    return frozenset(name for name, column in user_class(kind).columns().items() if column.required)
