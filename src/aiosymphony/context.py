"""What a call and the code around it tell each other, without passing through the code between."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

SENDS: ContextVar[list[int] | None] = ContextVar("aiosymphony_sends", default=None)
"""A one-element list in which the session counts the requests sent in this context; a bulk run reports it per item."""


class Repeats:
    """Whether the calls of a context may be repeated by the session, until whoever makes them forbids it."""

    __slots__ = ("allowed", "waits")

    def __init__(self) -> None:
        self.allowed = True
        self.waits: set[asyncio.Timeout] = set()
        """What calls wait in before they are repeated."""

    def forbid(self) -> None:
        """Repeat no call from now on: one that waits for that ends at once, with its last failure."""
        self.allowed = False
        while self.waits:
            self.waits.pop().reschedule(0.0)


REPEATS: ContextVar[Repeats | None] = ContextVar("aiosymphony_repeats", default=None)
"""Set by a job, so that it can be asked to stop while its calls wait to be repeated."""
