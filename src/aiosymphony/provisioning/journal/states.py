"""The states of a row, their groups, and the codes of outcomes that no server gave: stated here and nowhere else.

::

    TODO ──> IN_FLIGHT ──> DONE
      ^        │ ├───────> FAILED     surely not carried out
      │        │ ├───────> CONFLICT   left alone
      └────────┘ └───────> UNKNOWN    its outcome is unknown: looked up when the job is started again

A row goes back to TODO if it was surely not carried out and is to be sent again, and if a look-up does not find it.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

__all__ = [
    "ALL",
    "CANCELLED",
    "CONFLICTING",
    "FAILURES",
    "FINDINGS",
    "FINISHED",
    "GONE",
    "INVALID",
    "IN_DOUBT",
    "LOOKED_UP",
    "NOT_DONE",
    "OPEN",
    "REJECTED",
    "RESUMED",
    "State",
]  # fmt: skip

State = Literal["TODO", "IN_FLIGHT", "DONE", "FAILED", "UNKNOWN", "CONFLICT"]

ALL: Final[tuple[State, ...]] = get_args(State)
OPEN: Final[tuple[State, ...]] = ("TODO", "IN_FLIGHT")
"""What a job still has to deal with."""
FINISHED: Final[tuple[State, ...]] = ("DONE", "FAILED", "UNKNOWN", "CONFLICT")
"""What it has dealt with."""
RESUMED: Final[tuple[State, ...]] = ("IN_FLIGHT", "UNKNOWN")
"""What is looked up first when a job is started again."""
REJECTED: Final[tuple[State, ...]] = ("FAILED", "CONFLICT")
"""What was surely not carried out."""
FAILURES: Final[tuple[State, ...]] = (*REJECTED, "UNKNOWN")
"""What has a cause in the report."""
NOT_DONE: Final[tuple[State, ...]] = (*OPEN, *FAILURES)
"""Everything but DONE."""

FINDINGS: Final = ("missing", "doubled", "different")
"""The kinds of what the audit finds."""

LOOKED_UP: Final = "looked up"
"""The code of a row that is done, and of which only a look-up could tell."""
IN_DOUBT: Final = "in doubt"
"""The code of a row whose last outcome was unknown; any other is that of a refusal."""
GONE: Final = "gone"
"""The code of a row whose user was there when the plan was made, and is not any more."""
CONFLICTING: Final = "conflict"
"""The code of a row that contradicts another one or what is there."""
CANCELLED: Final = "cancelled"
"""The code of a row that was not carried out because the job was cancelled."""
INVALID: Final = "invalid"
"""The code of a row that is wrong."""
