"""Waits and reads that end at once when a job is to stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["Recall", "Recalled"]


class Recalled(Exception):
    """The job is to stop, so what was waited for or read is not needed any more."""


class Recall:
    """The tasks that wait or read at the moment.

    Args:
        over: Whether the job is to stop.
    """

    def __init__(self, over: Callable[[], bool]) -> None:
        self.is_over = over
        self._waiting: set[asyncio.Task[Any]] = set()
        self._recalled: set[asyncio.Task[Any]] = set()

    def all(self) -> None:
        """End what waits or reads."""
        for task in self._waiting - self._recalled - {_this_task()}:
            self._recalled.add(task)
            task.cancel()

    def check(self) -> None:
        """Go on only if the job does.

        Raises:
            Recalled: It is to stop.
        """
        if self.is_over():
            raise Recalled

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Around waits and reads.

        Raises:
            Recalled: The job is to stop.
        """
        self.check()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - only coroutines wait
        self._waiting.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if task in self._recalled and task.uncancel() == 0:
                raise Recalled from None
            raise
        finally:
            self._waiting.discard(task)
            self._recalled.discard(task)


def _this_task() -> asyncio.Task[Any] | None:
    """The task that runs; None in a callback of the loop, such as a signal's."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
