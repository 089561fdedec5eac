"""Context variables by which a bulk run or a job talks to the session, past the program's code in between."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

SENDS: ContextVar[list[int] | None] = ContextVar("aiosymphony_sends", default=None)
"""A one-element list in which the session counts the requests sent in this context; a bulk run reports it per item."""


class Repeats:
    """Whether the session may repeat the calls of a context; the job that makes them may forbid it."""

    __slots__ = ("allowed", "waits")

    def __init__(self) -> None:
        self.allowed = True
        self.waits: set[asyncio.Timeout] = set()
        """The waits of calls before their next attempt."""

    def forbid(self) -> None:
        """Repeat no call from now on. One that waits for its next attempt ends at once, with its last failure."""
        self.allowed = False
        while self.waits:
            self.waits.pop().reschedule(0.0)


REPEATS: ContextVar[Repeats | None] = ContextVar("aiosymphony_repeats", default=None)
"""Set by a job, so that it can be asked to stop while its calls wait to be repeated."""
