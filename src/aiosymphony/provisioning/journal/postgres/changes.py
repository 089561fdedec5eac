"""What many callers ask to be written, as the arrays of one statement.

The arrays are made as text here: psycopg would look at the type of every item, which costs more than all the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

from ..base import Change
from ..group_commit import Mark, Write

__all__ = ["Group", "array", "plain", "text_array"]


_NO_COLUMNS: Final[tuple[tuple[Any, ...], ...]] = ((),) * 8


class Group:
    """Outcomes, each of another row, then rows to be sent.

    Attributes:
        rows: The numbers of all rows.
        sending: Those that are about to be sent.
    """

    def __init__(self, writes: Iterable[Write]) -> None:
        outcomes: dict[int, tuple[Any, ...]] = {}
        self.sending: list[int] = []
        self._sent_at = 0.0
        for write in writes:
            if isinstance(write, Mark):
                self.sending.extend(write.rows)
                # They leave after this commit: the latest time is the nearest.
                self._sent_at = max(self._sent_at, write.at)
            else:
                for change in write.changes:
                    _add(outcomes, change, write.at)
        self._outcomes = outcomes
        self.rows = [*outcomes, *self.sending]

    def arguments(self) -> dict[str, Any]:
        """The arguments of ``aiosymphony.write`` that are rows."""
        columns = [*zip(*self._outcomes.values(), strict=True)] or _NO_COLUMNS
        state, step, steps, code, message, attempts, user, at = columns
        return {
            "number": array(self._outcomes),
            "state": array(state),
            "step": array("NULL" if each is None else each for each in step),
            "steps": text_array(steps),
            "code": text_array(code),
            "message": text_array(message),
            "attempts": array(attempts),
            "id": text_array(user),
            "at": array(at),
            "sending": array(self.sending),
            "sent_at": self._sent_at,
        }


def _add(outcomes: dict[int, tuple[Any, ...]], change: Change, at: float) -> None:
    steps = None if change.steps is None else orjson.dumps(change.steps).decode()
    code, message = plain(change.code), plain(change.message)
    ids = [None] * len(change.rows) if change.ids is None else change.ids
    for number, user in zip(change.rows, ids, strict=True):
        new = (change.state, change.step, steps, code, message, change.attempts, user and plain(user), at)
        outcomes[number] = _after(outcomes[number], new) if number in outcomes else new


def _after(old: tuple[Any, ...], new: tuple[Any, ...]) -> tuple[Any, ...]:
    """Two outcomes of a row in one: a statement changes a row once."""
    state, step, steps, code, message, attempts, user, at = new
    return (
        state,
        old[1] if step is None else step,
        old[2] if steps is None else steps,
        code,
        message,
        old[5] + attempts,
        old[6] if user is None else user,
        at,
    )


def plain(text: str) -> str:
    """Text as the database can hold it, which is all but one character."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def array(values: Iterable[object]) -> str:
    """An array of numbers, or of words that need no quotes."""
    return "{" + ",".join(map(str, values)) + "}"


def text_array(values: Iterable[str | None]) -> str:
    """An array of texts."""
    return "{" + ",".join("NULL" if value is None else _quoted(value) for value in values) + "}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
