"""When the next request may leave."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from ...clock import Clock
from ..progress import Progress
from ..targets.base import Target
from .breaker import Breaker
from .recall import Recall, Recalled

__all__ = ["Turns"]

T = TypeVar("T")


class Turns:
    """Shares out the places in the target's limiter.

    Args:
        target: Where requests go.
        breaker: Says whether requests are held back.
        recall: Ends waits when the job is to stop.
        progress: Where the requests that are under way are counted.
        clock: Time.
    """

    def __init__(self, target: Target, breaker: Breaker, recall: Recall, progress: Progress, clock: Clock) -> None:
        self._target = target
        self._breaker = breaker
        self._recall = recall
        self._progress = progress
        self._clock = clock

    async def wait(self) -> bool:
        """Wait until a request may leave: until no hold is on, and for a place in the target's limiter.

        Returns:
            Whether it may. The place is then this task's, until :meth:`send` uses it.
        """
        limiter = self._target.limiter
        if self._recall.is_over():
            return False
        if not self._breaker.hold_time() and (limiter is None or limiter.try_acquire()):
            return True
        try:
            with self._recall.guard():
                while True:
                    while wait := self._breaker.hold_time():
                        await self._clock.sleep(wait)
                    if limiter is None:
                        return True
                    await limiter.acquire()
                    if not self._breaker.hold_time():
                        return True
                    limiter.release()
        except Recalled:
            return False

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

    def give_back(self) -> None:
        """Nothing is sent in this turn after all."""
        if self._target.limiter is not None:
            self._target.limiter.release()
