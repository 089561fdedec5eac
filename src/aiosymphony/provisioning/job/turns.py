"""When the next request may leave."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from ...clock import Clock
from ..progress import Progress
from ..targets.base import Target
from .breaker import Breaker
from .recall import Recall, Recalled

__all__ = ["Turns"]

T = TypeVar("T")

_SPARE: Final = 8
"""For so many places, there is one worker more."""


class Turns:
    """Shares out the job's places, and those in the target's limiter.

    A unit that waits for its turn is not marked in the journal, so that nothing is in flight before its request. But a
    place would be idle while the mark is written. So while the limiter lets one request after the other through at
    once, units are marked before they take their places. There are a few workers more than places: while all requests
    are under way, the next ones are marked, and each answer lets one go.

    Attributes:
        workers: How many share the places, and the most units that are in flight.

    Args:
        target: Where requests go.
        places: Requests of this job at once.
        breaker: Says whether requests are held back.
        recall: Ends waits when the job is to stop.
        progress: Where the requests that are under way are counted.
        clock: Time.
    """

    def __init__(
        self, target: Target, places: int, breaker: Breaker, recall: Recall, progress: Progress, clock: Clock
    ) -> None:
        self.workers = places + places // _SPARE
        self._enough = places
        self._in_a_row = 0
        self._places = asyncio.Semaphore(places)
        self._target = target
        self._breaker = breaker
        self._recall = recall
        self._progress = progress
        self._clock = clock

    async def wait(self) -> bool:
        """Wait until a request may leave: until no hold is on, and for a place in the job and the target's limiter.

        Returns:
            Whether it may. The places are then this task's, until :meth:`send` uses them.
        """
        if self._recall.is_over():
            return False
        if not self._places.locked() and self._is_let_through():
            await self._places.acquire()  # at once
            return True
        try:
            with self._recall.guard():
                await self._places.acquire()
                try:
                    if not self._is_let_through():
                        self._in_a_row = 0
                        await self._wait_for_limiter()
                except BaseException:
                    self._places.release()
                    raise
        except Recalled:
            return False
        return True

    def _is_let_through(self) -> bool:
        """Take a place in the limiter, if no hold is on and there is one."""
        limiter = self._target.limiter
        if self._breaker.hold_time() or not (limiter is None or limiter.try_acquire()):
            return False
        self._in_a_row += 1
        return True

    async def _wait_for_limiter(self) -> None:
        limiter = self._target.limiter
        while True:
            while wait := self._breaker.hold_time():
                await self._clock.sleep(wait)
            if limiter is None:
                return
            await limiter.acquire()
            if not self._breaker.hold_time():
                return
            limiter.release()

    def may_mark(self) -> bool:
        """Whether a unit may be marked before it has its turn: as many as there are places were let through at once."""
        limiter = self._target.limiter
        return (
            self._in_a_row >= self._enough
            and (limiter is None or not (limiter.waiting or limiter.pause))
            and not self._breaker.hold_time()
        )

    async def send(self, call: Coroutine[Any, Any, T]) -> T:
        """Send a request in the place that its turn gave it."""
        limiter = self._target.limiter
        if limiter is not None:
            limiter.pass_on()
        self._progress.requests += 1
        try:
            return await call
        finally:
            self._progress.requests -= 1
            if limiter is not None:
                limiter.take_back()
            self._places.release()

    def give_back(self) -> None:
        """Nothing is sent in this turn after all."""
        if self._target.limiter is not None:
            self._target.limiter.release()
        self._places.release()
