"""Deadlines for many requests with one timer.

A timer for each request would cost about a tenth of the request. Here, one timer wakes for the earliest deadline; while
all requests have the same timeout, it wakes once per timeout.
"""

from __future__ import annotations

import asyncio
from typing import Final

_SLACK: Final = 0.01
"""Least seconds between two wake-ups; deadlines are kept with this precision."""

_TURNS: Final = 16
"""Turns of the event loop from a deadline to its effect. After a loop was blocked, answers wait in the sockets and
deadlines are over: a turn reads up to 256 KiB from each connection, the next one wakes whoever waits for them."""


class Deadlines:
    """Cancels tasks that are past their deadline. Belongs to one event loop."""

    __slots__ = ("_entries", "_loop", "_timer", "_wakes_at")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._entries: dict[Deadline, None] = {}
        self._timer: asyncio.Handle | None = None
        self._wakes_at = float("inf")

    @property
    def in_use(self) -> bool:
        """Whether any deadline has begun and not ended."""
        return bool(self._entries)

    def enter(self, seconds: float) -> Deadline:
        """Begin a deadline for the current task; :meth:`Deadline.leave` ends it."""
        deadline = Deadline(self, self._loop.time() + seconds)
        self._entries[deadline] = None
        if deadline.at < self._wakes_at:
            self._schedule(deadline.at)
        return deadline

    def discard(self, deadline: Deadline) -> None:
        """Forget a deadline."""
        self._entries.pop(deadline, None)
        if not self._entries and self._timer is not None:
            # An idle client keeps no timer; under load there is always an entry, and this does not run.
            self._timer.cancel()
            self._timer, self._wakes_at = None, float("inf")

    def _schedule(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._wakes_at = at
        self._timer = self._loop.call_at(at, self._wake)

    def _wake(self, turns: int = _TURNS) -> None:
        """Handle the earliest deadline, after everything that has arrived by now is read."""
        if turns:
            self._timer = self._loop.call_soon(self._wake, turns - 1)
        else:
            self._expire()

    def _expire(self) -> None:
        now = self._loop.time()
        earliest = float("inf")
        for deadline in self._entries:
            if deadline.expired:
                continue
            if deadline.at <= now:
                deadline.expire()
            elif deadline.at < earliest:
                earliest = deadline.at
        self._timer, self._wakes_at = None, float("inf")
        if earliest != float("inf"):
            self._schedule(max(earliest, now + _SLACK))


class Deadline:
    """One deadline of one task."""

    __slots__ = ("_cancelling", "_deadlines", "_taken_back", "_task", "at", "expired")

    def __init__(self, deadlines: Deadlines, at: float) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task")
        self._deadlines = deadlines
        self._task = task
        self._cancelling = task.cancelling()
        self._taken_back = False
        self.at = at
        self.expired = False

    def leave(self) -> None:
        """End the deadline: its work is done or has failed."""
        self._deadlines.discard(self)
        if self.expired and not self._taken_back:
            self._task.uncancel()  # the work failed otherwise at the last moment; its task is not to stay cancelled

    def expire(self) -> None:
        """Cancel the task."""
        self.expired = True
        self._task.cancel()

    def caused(self) -> bool:
        """Whether only this deadline caused a CancelledError just caught; if so, the cancellation is undone."""
        if not self.expired:
            return False
        self._taken_back = True
        return self._task.uncancel() <= self._cancelling
