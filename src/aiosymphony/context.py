"""Context variables by which a bulk run or a job talks to the session, past the program's code in between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from .errors import ConfigError

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


TRACE_ID: ContextVar[str | None] = ContextVar("aiosymphony_trace_id", default=None)
"""The trace id of the caller, which its requests carry."""


@contextmanager
def trace_id(text: str) -> Iterator[None]:
    """Send this ``X-Trace-Id`` with each request within the block, instead of one made up for each call::

        with trace_id("ticket-4711"):
            await pod.session.info()

    Pods take short ones: letters and digits, usually six. Logs and errors name it, too.

    Raises:
        ConfigError: It cannot stand in a header.
    """
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(f"the trace id {text!r} cannot stand in a header: use letters, digits and signs")
    token = TRACE_ID.set(text)
    try:
        yield
    finally:
        TRACE_ID.reset(token)


REPEATS: ContextVar[Repeats | None] = ContextVar("aiosymphony_repeats", default=None)
"""Set by a job, so that it can be asked to stop while its calls wait to be repeated."""
