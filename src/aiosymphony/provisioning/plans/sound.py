"""What a plan or a journal may hold: checks of what is read from a file that anybody may have edited.

What passes has the types and the shape that the job relies on. What does not is :class:`Unsound`, which the readers
turn into one sentence.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final

from ..rows.base import Kind
from ..rows.registry import user_class
from .actions import ACTIONS, Action, Step

__all__ = ["Unsound", "check_action", "check_cells", "check_steps", "check_values", "is_count", "mapping", "require"]

_ACTIONS: Final = frozenset(ACTIONS)
_TEXT: Final = frozenset({str})


class Unsound(ValueError):
    """A value is none that this package writes."""


def check_action(action: Action, kind: Kind) -> None:
    """Check an action of a saved plan.

    Raises:
        Unsound: It is none that a plan holds.
    """
    where = f"the action of line {action.line}"
    require(
        action.do in _ACTIONS
        and is_count(action.line)
        and type(action.label) is type(action.reason) is str
        and type(action.refused) is bool
        and (action.id is None or type(action.id) is str)
        and all(isinstance(change, list) and len(change) == 2 for change in mapping(action.changes).values()),
        where,
    )
    (check_cells if action.do == "invalid" and not action.refused else check_values)(action.values, kind, where)
    check_steps(action.steps, kind, where)


def check_values(values: object, kind: Kind, where: object) -> None:
    """The columns of a user, each of its type."""
    types, texts = _types(kind)
    values = mapping(values)
    if values.keys() <= texts and {*map(type, values.values())} <= _TEXT:
        return  # as nearly all are
    for name, value in values.items():
        known = types.get(name)
        sound = known is type(value)
        if sound and known is list:
            sound = all(type(item) is str for item in value)
        elif sound and known is dict:
            sound = all(type(on) is bool for on in value.values())
        require(sound, f"the column {name!r} of {where}")


def check_cells(cells: object, kind: Kind, where: object) -> None:
    """The columns of a row that is not sent, each as its cell or, if only the tenant would refuse it, as read."""
    cells = mapping(cells)
    require(cells.keys() <= user_class(kind).columns().keys(), f"the cells of {where}")
    check_values({name: cell for name, cell in cells.items() if type(cell) is not str}, kind, where)


def check_steps(steps: object, kind: Kind, where: object) -> None:
    """Check the steps of an action or a row.

    Raises:
        Unsound: They are none that this package writes.
    """
    if not isinstance(steps, list | tuple):
        raise Unsound(f"the steps of {where}")
    for number, step in enumerate(steps):
        if not _is_step(step, kind) or (step["do"] == "create" and number):
            raise Unsound(f"the steps of {where}")


def _is_step(step: Step, kind: Kind) -> bool:
    match step:
        case {"do": "create"} | {"do": "active", "active": bool()}:
            sound = len(step) == (1 if step["do"] == "create" else 2)
        case {"do": "update", "set": dict(values)}:
            check_values(values, kind, "a step")
            sound = True
        case {"do": "role", "role": str()} if step.get("remove", True) is True:
            sound = True
        case {"do": "features", "set": dict(switches)}:
            sound = all(type(on) is bool for on in switches.values())
        case _:
            return False
    return sound and step["do"] in user_class(kind).steps()


def is_count(value: object) -> bool:
    """Whether it is a whole number from 0 on."""
    return type(value) is int and value >= 0


def mapping(value: Any) -> Mapping[str, Any]:
    """The value, if it is an object.

    Raises:
        Unsound: It is none.
    """
    if not isinstance(value, dict):
        raise Unsound("a value is no object")
    return value


def require(sound: bool, what: str) -> None:
    """Refuse what is not sound.

    Raises:
        Unsound: It is not.
    """
    if not sound:
        raise Unsound(f"{what} has a value that no job writes")


@functools.cache
def _types(kind: Kind) -> tuple[Mapping[str, type], frozenset[str]]:
    """The type of each column, and the columns that are text."""
    types = {name: column.type for name, column in user_class(kind).columns().items()}
    return types, frozenset(name for name, its in types.items() if its is str)
