"""The lease: for how long this process may work on the job, and what it has sent meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final

from ...errors import JobError
from ..journal.base import Fenced, JobStore

__all__ = ["SECONDS", "Lease", "overslept"]

SECONDS: Final = 60.0
"""How long a lease is, unless a job says otherwise."""


class Lease:
    """Holds the journal: renews in time, and lets nothing be on its way when the time is over.

    A process that was stopped past its lease and woken finds its requests cancelled before it runs on: whoever took
    the job over meanwhile has waited for longer than they could have been under way.
    """

    def __init__(self, store: JobStore, seconds: float) -> None:
        self._store = store
        self._seconds = seconds
        self._until = 0.0
        self._lost = False
        self._sending: set[asyncio.Task[Any]] = set()
        self._task: asyncio.Task[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None

    async def begin(
        self, max_shards: int | None, fail: Callable[[JobError], None], heed: Callable[[], None] = lambda: None
    ) -> None:
        """Acquire shards, and renew the lease from here on.

        Args:
            max_shards: As for ``JobStore.acquire``.
            fail: Told why the lease cannot be kept.
            heed: Called after each renewal, which hears what the operator wants.
        """
        await self._store.acquire(self._seconds, max_shards)
        # To take a job over from another machine takes as long as a lease: the time counts from here.
        began = asyncio.get_running_loop().time()
        await self._store.renew(self._seconds)
        self._hold_until(began + self._seconds)
        self._task = asyncio.create_task(self._keep(fail, heed), name="aiosymphony job lease")

    async def move_on(self, max_shards: int | None) -> bool:
        """Take the next free shards that have rows left; whether there are any."""
        asked = asyncio.get_running_loop().time()
        if not await self._store.acquire_next(self._seconds, max_shards):
            return False
        self._hold_until(asked + self._seconds)
        return True

    async def end(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def cut(self) -> None:
        """Cancel what is on its way, and let nothing more go."""
        if not self._lost:
            self._lost = True
            for task in self._sending:
                task.cancel()

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Around everything that is sent.

        Raises:
            TimeoutError: The lease ran out.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - only coroutines send
        # The timer may not have had its turn yet, if this process was stopped.
        if self._lost or asyncio.get_running_loop().time() >= self._until:
            raise TimeoutError
        self._sending.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if self._lost and task.uncancel() == 0:
                raise TimeoutError from None
            raise
        finally:
            self._sending.discard(task)

    def _hold_until(self, when: float) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._until = when
        self._expiry = asyncio.get_running_loop().call_at(when, self.cut)

    async def _keep(self, fail: Callable[[JobError], None], heed: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._seconds / 3)
            asked = loop.time()
            if asked >= self._until:
                fail(overslept())
                return
            try:
                await self._store.renew(self._seconds)
            except JobError as error:
                fail(error)
                return
            self._hold_until(asked + self._seconds)
            heed()


def overslept() -> Fenced:
    """What to say when the lease ran out unnoticed."""
    return Fenced("this process did not answer for longer than its lease, so another may have taken the job over")
