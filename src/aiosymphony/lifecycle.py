"""The life of a client: which calls may begin, which may be repeated, and how closing it ends them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from weakref import WeakSet

from .call import Call
from .context import REPEATS, Repeats
from .errors import ConfigError

__all__ = ["Lifecycle"]


class Lifecycle:
    """The calls under way with the tokens of one account, in one event loop and process."""

    __slots__ = ("__weakref__", "_children", "_let_go", "calls", "idle", "loop", "pid", "repeats")

    def __init__(self, let_go: Callable[[], Awaitable[None]]) -> None:
        """Take calls. ``let_go`` ends what they need, such as connections, after the last of them."""
        self._let_go = let_go
        self._children: WeakSet[Lifecycle] = WeakSet()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.pid = 0
        self.calls: dict[Call, asyncio.Task[Any] | None] = {}
        self.repeats = Repeats()
        """Allowed until the client is closed: it takes no further call then, and repeats none."""
        self.idle: asyncio.Event | None = None
        """Set when the last call has ended."""

    @property
    def is_closed(self) -> bool:
        """Whether calls are refused, except for the logins that those under way need."""
        return not self.repeats.allowed

    def new_child(self, let_go: Callable[[], Awaitable[None]]) -> Lifecycle:
        """The life of calls with other tokens over the same connections, which ends with this one at the latest."""
        child = Lifecycle(let_go)
        if self.is_closed:
            child.repeats.forbid()
        self._children.add(child)
        return child

    def check_usable(self, *, is_login: bool) -> None:
        """Raise if a call must not begin: in another loop or process than the first, or after the client is closed."""
        loop, pid = asyncio.get_running_loop(), os.getpid()
        if self.loop is None:
            self.loop, self.pid = loop, pid
        if self.pid != pid:
            raise ConfigError("this client was opened before the process forked: open a new one in the child")
        if self.loop is not loop:
            raise ConfigError("this client belongs to another event loop: open one client per event loop")
        # Closing waits for the calls under way, and they may need a login to end well; those for users, one of the app.
        is_awaited = self.calls or any(child.calls for child in self._children)
        if self.is_closed and not (is_awaited and is_login):
            raise ConfigError("this client is closed")

    def may_repeat(self) -> bool:
        """Whether a call of this context may be sent once more."""
        own = REPEATS.get()
        return self.repeats.allowed and (own is None or own.allowed)

    async def while_repeating(self, waiting: Awaitable[None]) -> bool:
        """Wait for something, as long as the call may be repeated; whether it has come."""
        rest = asyncio.timeout(None if self.may_repeat() else 0.0)
        told_by = [self.repeats] if (own := REPEATS.get()) is None else [self.repeats, own]
        try:
            async with rest:
                for each in told_by:
                    each.waits.add(rest)
                await waiting
        except TimeoutError:
            return False
        finally:
            for each in told_by:
                each.waits.discard(rest)
        return True

    async def close(self, seconds: float | None) -> None:
        """Refuse further calls, wait for those under way, and let go; after ``seconds``, break them off."""
        lives = list(self._family())
        for life in lives:
            life.repeats.forbid()
        try:
            async with asyncio.timeout(seconds):
                for life in lives:
                    await life._until_idle()
        except TimeoutError:
            for life in lives:
                life.cut()
            for life in lives:
                await life._until_idle()
        for life in lives:
            await life._let_go()

    def _family(self) -> Iterator[Lifecycle]:
        """Those with other tokens, then this one, which they may need to end well."""
        for child in list(self._children):
            yield from child._family()
        yield self

    async def _until_idle(self) -> None:
        """Wait until no call is under way."""
        while self.calls:
            self.idle = self.idle or asyncio.Event()
            self.idle.clear()
            await self.idle.wait()

    def cut(self) -> None:
        """Break off what is under way."""
        for call in self.calls:
            call.cut = True
        for task in {task for task in self.calls.values() if task is not None}:
            task.cancel()
