"""What a call tells the code around it, without passing through the code between."""

from __future__ import annotations

from contextvars import ContextVar

SENDS: ContextVar[list[int] | None] = ContextVar("aiosymphony_sends", default=None)
"""A one-element list in which the session counts the requests sent in this context; a bulk run reports it per item."""
