"""A thread that carries out what many callers ask for, as many of them in one commit as there are."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

import attrs

from .base import Change

__all__ = ["LINGER", "GroupCommit", "Mark", "Operation", "Outcome", "Write", "answer"]

T = TypeVar("T")

_GROUP: Final = 1000
"""Operations in one commit at most."""
LINGER: Final = 0.02
"""Seconds that an outcome may wait to be written: for rows to be marked as in flight, whose commit it then shares.
A crash before that leaves the row in flight, to be looked up."""


@attrs.define(eq=False)
class Mark:
    """Rows that are about to be sent."""

    rows: Sequence[int]
    at: float


@attrs.define(eq=False)
class Outcome:
    """What became of rows."""

    changes: Sequence[Change]
    at: float


Write = Mark | Outcome
"""What many callers ask for at once, so that it is written together."""


@attrs.define(eq=False)
class Operation(Generic[T]):
    """Something to do in the writer thread, and the caller who waits for it.

    Attributes:
        function: What to do.
        loop: The caller's event loop.
        may_linger: Whether it may wait a moment for others to share its commit.
        result: What came of it.
    """

    function: Any
    loop: asyncio.AbstractEventLoop
    may_linger: bool = False
    future: asyncio.Future[T] = attrs.field(init=False)
    result: T | None = None

    def __attrs_post_init__(self) -> None:
        self.future = self.loop.create_future()


class GroupCommit:
    """The thread and its queue.

    Args:
        carry_out: Does a group of operations, and answers each with :func:`answer`.
        finish: Called in the thread when nothing more will come.
    """

    def __init__(self, carry_out: Callable[[Sequence[Operation[Any]]], None], finish: Callable[[], None]) -> None:
        self._carry_out = carry_out
        self._finish = finish
        self._queue: queue.SimpleQueue[Operation[Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="aiosymphony journal", daemon=True)
        self._thread.start()

    def put(self, operation: Operation[Any]) -> None:
        self._queue.put(operation)

    async def close(self) -> None:
        """Finish what is under way."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        going = True
        while going:
            group, going = self._next_group()
            if group:
                self._carry_out(group)
        self._finish()

    def _next_group(self) -> tuple[list[Operation[Any]], bool]:
        """What goes into the next transaction, and whether there will be another."""
        group: list[Operation[Any]] = []
        linger = None
        while len(group) < _GROUP:
            try:
                hurried = group and linger is None
                item = self._queue.get_nowait() if hurried else self._queue.get(timeout=linger)
            except queue.Empty:
                break
            if item is None:
                return group, False
            if not item.may_linger:
                linger = None
            elif not group:
                linger = LINGER
            group.append(item)
        return group, True


def answer(group: Sequence[Operation[Any]], *, error: BaseException | None = None) -> None:
    """Tell the callers what came of their operations, or that all of them failed."""

    def tell(operations: Sequence[Operation[Any]]) -> None:
        for operation in operations:
            if operation.future.done():
                continue  # The caller was cancelled; what it asked for is done all the same.
            if error is None:
                operation.future.set_result(operation.result)
            else:
                operation.future.set_exception(error)

    for loop in {operation.loop for operation in group}:
        with contextlib.suppress(RuntimeError):  # The loop was closed: nobody waits any more.
            loop.call_soon_threadsafe(tell, [operation for operation in group if operation.loop is loop])
