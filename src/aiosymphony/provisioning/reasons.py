"""Why rows of a plan need a look, told once for all rows with the same reason, and without what belongs to one row."""

from __future__ import annotations

import re
from typing import Any

import attrs

from .plans.actions import ActionKind
from .plans.file import Plan

__all__ = ["Reason", "reasons_of"]

_VARIABLE = re.compile(r"'[^']*'|\"[^\"]*\"|\S+@\S+|\b[0-9a-f]{8}-[0-9a-f-]{27,}\b|\d+")
_DIFFERENT = 500
"""Different reasons that are told; the rest are counted together."""
_LONGEST = 500


@attrs.define
class Reason:
    """Rows of a plan that need a look for the same reason.

    Attributes:
        do: ``invalid`` or ``conflict``.
        reason: What their reasons have in common that differ in quoted values, addresses, ids and numbers alone.
        line: The line of the first row.
        rows: How many there are.
    """

    do: ActionKind
    reason: str
    line: int
    rows: int = 0

    def to_dict(self) -> dict[str, Any]:
        return attrs.asdict(self)


def reasons_of(plan: Plan) -> list[Reason]:
    """Why rows of a plan are invalid or in conflict, the most frequent reason first."""
    if not plan.counts["invalid"] + plan.counts["conflict"]:
        return []
    found: dict[tuple[ActionKind, str], Reason] = {}
    for action in plan.actions("invalid", "conflict"):
        why = _VARIABLE.sub("…", action.reason[:_LONGEST])
        if (action.do, why) not in found and len(found) >= _DIFFERENT:
            why = "other reasons"
        found.setdefault((action.do, why), Reason(action.do, why, action.line)).rows += 1
    return sorted(found.values(), key=lambda reason: -reason.rows)
