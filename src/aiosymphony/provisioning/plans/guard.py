"""The guard: how many users a plan may disable before somebody has to say that it is meant.

One rule. Whoever is active and would end inactive counts, by whatever step: a row that says so, alone or among other
changes, or absence from the file. More than 5 % of the tenant's active users, or more than 100, need ``--force``; up
to 5 need none in any tenant. Who is created switched off does not count, nor does a conflict: nobody who can log in
loses that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from ...errors import JobRefused
from .actions import Action

__all__ = ["HANDFUL", "Tally", "check_disabled", "ends_active", "ends_inactive", "most_disabled"]

HANDFUL: Final = 5
"""As many may be disabled in any tenant, and on a terminal without a question."""
MOST: Final = 100
SHARE: Final = 0.05
_NAMED: Final = 10


@attrs.define
class Tally:
    """How many users something is true of, and who are the first of them."""

    count: int = 0
    first: list[str] = attrs.field(factory=list)

    def add(self, label: str) -> None:
        self.count += 1
        if self.count <= _NAMED:
            self.first.append(label)

    def names(self) -> str:
        """``ann, bob, …``."""
        return ", ".join(self.first) + (", …" if self.count > len(self.first) else "")

    def to_dict(self) -> dict[str, Any]:
        return {"count": self.count, "first": self.first}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Tally:
        return cls(values["count"], values["first"])


def ends_inactive(action: Action) -> bool:
    """Whether a user who is active would end inactive."""
    return action.id is not None and {"do": "active", "active": False} in action.steps


def ends_active(action: Action) -> bool:
    """Whether a user who is inactive would end active."""
    return action.id is not None and {"do": "active", "active": True} in action.steps


def most_disabled(active: int | None) -> int:
    """How many users may be disabled without force.

    Args:
        active: The active users of the tenant; None if their number is not known.
    """
    return HANDFUL if active is None else max(HANDFUL, min(MOST, int(SHARE * active)))


def check_disabled(disabled: Tally, active: int | None) -> None:
    """Refuse more than may be disabled without force.

    Raises:
        JobError: They are more.
    """
    if disabled.count > (most := most_disabled(active)):
        of = "" if active is None else f" of {active}"
        raise JobRefused(
            f"the plan disables {disabled.count}{of} active users ({disabled.names()}), and without --force at most "
            f"{most} may be (5 % or {MOST}, whichever is less; {HANDFUL} in any tenant). Nothing was sent; if that is "
            "meant, add --force",
        )
