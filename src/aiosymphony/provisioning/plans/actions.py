"""What shall be done about one row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import attrs

__all__ = ["ACTIONS", "ONE_CREATE", "Action", "ActionKind", "Step"]

ActionKind = Literal["create", "update", "enable", "disable", "skip", "conflict", "invalid"]
ACTIONS: tuple[ActionKind, ...] = ("create", "update", "enable", "disable", "skip", "conflict", "invalid")
Step = dict[str, Any]
"""One request of an action: ``{"do": "create"}``, ``{"do": "update", "set": {…}}``, ``{"do": "role", "role": …}``,
which takes the role away if it also has ``"remove": True``, ``{"do": "features", "set": {…}}`` or
``{"do": "active", "active": …}``. All but the first may be repeated freely."""
_OPTIONAL = ("id", "changes", "steps", "reason", "values", "refused")
ONE_CREATE: tuple[Step, ...] = ({"do": "create"},)
"""What most rows take."""


@attrs.frozen
class Action:
    """What shall be done about one row.

    Attributes:
        do: The kind of action.
        line: The row's line in the file; 0 for a user who is there and not in the file.
        label: The e-mail address or user name; of a wrong row, what stands there in the file, empty if nothing does.
        id: The user's id, if it is there.
        changes: Column to (value there, value wanted), for an update.
        steps: The requests it takes, in order.
        reason: Why it is a conflict or invalid.
        values: The row's columns; if the row is wrong in itself, its cells, as text.
        refused: Whether the row is invalid only because the tenant would refuse it.
    """

    do: ActionKind
    line: int
    label: str
    id: str | None = None
    changes: Mapping[str, tuple[Any, Any]] = attrs.field(factory=dict)
    steps: Sequence[Step] = ()
    reason: str = ""
    values: Mapping[str, Any] = attrs.field(factory=dict)
    refused: bool = False

    def refuse(self, wrong: Iterable[tuple[str, str]]) -> Action:
        """The same, not to be sent, because of these (column, reason)."""
        reason = "; ".join(f"{column} {why}" for column, why in wrong)
        return attrs.evolve(self, do="invalid", steps=(), reason=reason, refused=True)

    def to_dict(self) -> dict[str, Any]:
        told: dict[str, Any] = {"do": self.do, "line": self.line, "label": self.label}
        for name in _OPTIONAL:
            if value := getattr(self, name):
                told[name] = value
        return told

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Action:
        """An action from a line of a plan.

        Raises:
            ValueError: It is none of ``ACTIONS``.
        """
        made = cls(**values)
        if made.do not in ACTIONS:
            msg = f"there is no action {made.do!r}: it is one of {', '.join(ACTIONS)}"
            raise ValueError(msg)
        return made
