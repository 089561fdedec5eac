"""What a failure means for a row, and whether an answer can be believed: pure functions, without a job.

============  ==========================================================================  =========================
verdict       what is known                                                               what becomes of the row
============  ==========================================================================  =========================
IN_DOUBT      the server may have carried it out                                          IN_FLIGHT, looked up later
HELD          surely not carried out, and another time it may be: no connection,          TODO, sent after a hold
              throttled, a login or a look-up that failed, any answer with Retry-After
ALIKE         surely not carried out, and no other row would be: a refused login, a       TODO, and the job stops
              missing entitlement, a redirect, a URL or an option that cannot be right
REFUSED       surely not carried out, because of this very row                            FAILED
============  ==========================================================================  =========================

The verdict rests on :func:`~aiosymphony.retry.classify`, which says the same of a single request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import Enum

from ...errors import ApiError, PaginationError, SymphonyError, TransportError
from ...retry import Failure, classify
from .base import Created, InDoubt, Result

__all__ = ["Verdict", "believable", "judge", "retry_after"]

_TOO_EARLY = 425
_OF_THE_REQUEST = frozenset({401, 405, 407, 411, 415, 421, 426, 428})
"""Statuses that say something of the account, the method or the way there, and nothing of the row."""
_OF_ANY_CREATE = frozenset({403, 404})
"""The same, if a user is created: nobody is there yet who could be forbidden or not be found."""


class Verdict(Enum):
    """What a failure means for a row; see the table of this module."""

    IN_DOUBT = "in doubt"
    HELD = "held"
    ALIKE = "alike"
    REFUSED = "refused"


def judge(error: SymphonyError, *, creating: bool = False) -> Verdict:
    """What the failure of a request for a row means for that row.

    Args:
        error: What the client raised, after its own retries.
        creating: Whether the request was to create users, and not to change or look up one that is there.
    """
    error = _cause(error)
    if error.may_have_acted:
        return Verdict.IN_DOUBT
    if isinstance(error, TransportError) and error.permanent:
        return Verdict.ALIKE
    # A server that says when to come back has not refused for good, whatever the status.
    if classify(error) is not Failure.PERMANENT or retry_after(error) is not None:
        return Verdict.HELD
    if not isinstance(error, ApiError):
        return Verdict.ALIKE
    if error.status == _TOO_EARLY:
        return Verdict.HELD
    if error.status < 400 or error.status in _OF_THE_REQUEST or (creating and error.status in _OF_ANY_CREATE):
        return Verdict.ALIKE
    return Verdict.REFUSED


def retry_after(error: SymphonyError) -> float | None:
    """Seconds that the server asked to wait; None if it did not."""
    error = _cause(error)
    return error.retry_after if isinstance(error, ApiError) else None


def _cause(error: SymphonyError) -> SymphonyError:
    """A listing fails by the request of one page."""
    cause = error.__cause__ if isinstance(error, PaginationError) else None
    return cause if isinstance(cause, SymphonyError) else error


def believable(results: Sequence[Result], asked: int) -> Sequence[Result]:
    """The results of a create, but for those that cannot be true: they are in doubt.

    Too many or too few tell nothing of anybody, an id that two users have tells nothing of these two, and an empty one
    is none.
    """
    if len(results) != asked:
        return [InDoubt(f"{len(results)} results came for {asked} users")] * asked
    ids = Counter(result.id for result in results if isinstance(result, Created))
    if len(ids) == ids.total() and "" not in ids:
        return results
    return [
        InDoubt("the answer has no id of its own for this user")
        if isinstance(result, Created) and (not result.id or ids[result.id] > 1)
        else result
        for result in results
    ]
