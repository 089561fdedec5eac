"""What becomes of a row: from an answer, a failure or a look-up to a change in the journal. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from ...errors import ApiError, OutcomeUnknown, SymphonyError
from ...text import clean_text
from ..actual import ActualUser
from ..journal.base import Change, JobRow
from ..journal.states import CONFLICTING, GONE, IN_DOUBT, LOOKED_UP, State
from ..plans.decide import decide
from ..rows.base import User
from ..targets.base import Created, Held, Rejected, Result
from ..targets.verdicts import Verdict

__all__ = [
    "change_of", "code_of", "created", "in_doubt", "looked_up", "message_of", "not_created", "put_back",
    "step_failed", "unknown", "whose_id",
]  # fmt: skip

MESSAGE_LIMIT: Final = 500


def change_of(
    rows: Sequence[JobRow],
    state: State,
    *,
    step: int | None = None,
    ids: Sequence[str] | None = None,
    code: str = "",
    message: str = "",
    attempts: int = 0,
) -> Change:
    """The same change of several rows."""
    return Change([row.number for row in rows], state, step, ids, None, code, message[:MESSAGE_LIMIT], attempts)


def put_back(rows: Sequence[JobRow], code: str = "", message: str = "", step: int | None = None) -> Change:
    """It was not carried out: as if it had not been tried."""
    return change_of(rows, "TODO", step=step, code=code, message=message, attempts=-1)


def in_doubt(change: Change) -> bool:
    """Whether a change leaves its rows in doubt, and not merely between two steps."""
    return change.state == "IN_FLIGHT" and (change.step is None or change.code == IN_DOUBT)


def created(rows: Sequence[JobRow], results: Sequence[Result]) -> list[Change]:
    """What the answer to a create means for each of its rows."""
    changes: list[Change] = []
    done: list[JobRow] = []
    ids: list[str] = []
    for row, result in zip(rows, results, strict=True):
        match result:
            case Created(user_id) if len(row.steps) > 1:
                changes.append(change_of([row], "IN_FLIGHT", step=1, ids=[user_id]))
            case Created(user_id):
                done.append(row)
                ids.append(user_id)
            case Held(code, message):
                changes.append(put_back([row], code, message))
            case Rejected(code, message, exists) if exists or row.attempts:
                # What exists may be what an earlier attempt of ours created: look before judging.
                changes.append(change_of([row], "IN_FLIGHT", code=code, message=message))
            case Rejected(code, message):
                changes.append(change_of([row], "FAILED", code=code, message=message))
            case _:
                changes.append(change_of([row], "IN_FLIGHT", code=IN_DOUBT, message=result.message))
    if done:
        changes.append(change_of(done, "DONE", step=1, ids=ids))
    return changes


def not_created(rows: Sequence[JobRow], error: SymphonyError, verdict: Verdict) -> Change:
    """What the failure of a create means for its rows."""
    code, message = code_of(error), message_of(error)
    match verdict:
        case Verdict.IN_DOUBT:
            return change_of(rows, "IN_FLIGHT", code=IN_DOUBT, message=message)
        case Verdict.REFUSED if len(rows) > 1:
            # One row spoiled the batch for all: smaller ones will tell which.
            return change_of(rows, "TODO", code=code, message=message)
        case Verdict.REFUSED if rows[0].attempts:
            return change_of(rows, "IN_FLIGHT", code=code, message=message)
        case Verdict.REFUSED:
            return change_of(rows, "FAILED", code=code, message=message)
        case _:
            return put_back(rows, code, message)


def step_failed(row: JobRow, number: int, error: SymphonyError, verdict: Verdict) -> Change:
    """What the failure of one of a row's steps means for the row."""
    code, message = code_of(error), f"{row.steps[number]['do']}: {message_of(error)}"
    match verdict:
        case Verdict.IN_DOUBT:
            return change_of([row], "IN_FLIGHT", step=number, code=IN_DOUBT, message=message)
        case Verdict.REFUSED:
            return change_of([row], "FAILED", step=number, code=code, message=message)
        case _:
            return put_back([row], code, message, number)


def whose_id(row: JobRow, user_id: str, step: int, existing: ActualUser | None) -> Change:
    """An id in the answer to a create is nobody's, or another user's."""
    whose = "nobody" if existing is None else "another user"
    message = f"the id in the answer, {clean_text(user_id, 80)}, is that of {whose}"
    return change_of([row], "IN_FLIGHT", step=step, code=IN_DOUBT, message=message)


def looked_up(row: JobRow, user: User, found: Sequence[ActualUser], attempts: int) -> Change:
    """What a look-up says about a row that was in doubt; ``attempts`` is how often a row is tried at most."""
    action = decide(user, found, row.line)
    creating = row.action == "create"
    last_try = row.state != "UNKNOWN" and row.attempts >= attempts
    # A row that ended as UNKNOWN is tried afresh when the job is started again.
    again = -row.attempts if row.state == "UNKNOWN" else 0
    ids = None if action.id is None else [action.id]
    match action.do:
        case "skip":
            return change_of([row], "DONE", ids=ids, step=len(row.steps), code=LOOKED_UP)
        case "conflict" if len(found) == 1 and creating:
            # There, as this job wanted it; in what the server made of it since, the audit says.
            return change_of([row], "DONE", ids=ids, step=len(row.steps), code=LOOKED_UP)
        case "conflict":
            return change_of([row], "CONFLICT", code=CONFLICTING, message=action.reason)
        case "create" if not creating:
            return change_of([row], "FAILED", code=GONE, message="the user is not there any more")
        case "create" if row.code not in ("", IN_DOUBT):
            return change_of([row], "FAILED", code=row.code, message=row.message)
        case "create" if last_try:
            return unknown(row, "it was not there after the last attempt", keep=True)
        case "create":
            return change_of([row], "TODO", step=0, code=row.code, message=row.message, attempts=again)
        case _ if last_try:
            return unknown(row, "it was still different after the last attempt", keep=True)
        case _:
            # It exists and still differs: what is missing are steps that may be repeated.
            change = change_of([row], "TODO", step=0, ids=ids, code=row.code, message=row.message, attempts=again)
            return attrs.evolve(change, steps=action.steps)


def unknown(row: JobRow, why: str, *, keep: bool = False) -> Change:
    """The outcome of a row is unknown; ``keep`` also what was known of it before."""
    message = f"{row.message}; {why}" if keep and row.message else why
    return change_of([row], "UNKNOWN", code=IN_DOUBT, message=message)


def code_of(error: SymphonyError) -> str:
    """What the journal calls a failure."""
    if isinstance(error, ApiError):
        return str(error.status if error.code is None else error.code)
    return type(error).__name__


def message_of(error: SymphonyError) -> str:
    """What to tell about it in the journal: without request and trace, so that like failures read alike."""
    cause = error.__cause__ if isinstance(error, OutcomeUnknown) else None
    told = cause if isinstance(cause, SymphonyError) else error
    return clean_text(told.message or type(told).__name__, MESSAGE_LIMIT)
