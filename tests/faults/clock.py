"""An event loop whose time jumps to the next timer when nothing else is left to do.

Sockets and threads stay real; only waiting costs nothing. So a deadline of 30 s, a server that sends a byte each
0.2 s and a back-off of a minute all run in milliseconds, and always in the same order.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Sequence
from typing import Any

# A byte on the loopback interface is not always there at once: look a little before jumping ahead of it.
GRACE = 0.002
# Longer than any thread of a test works; with no timer set and no byte coming, the test would hang for ever.
STUCK = 10.0


class JumpingLoop(asyncio.SelectorEventLoop):
    """A selector event loop on virtual time."""

    def __init__(self, grace: float = GRACE) -> None:
        self._now = 1000.0
        self._threads = 0
        self._grace = grace
        super().__init__(_JumpingSelector(self))

    async def shutdown_default_executor(self, *_timeout: float | None) -> None:
        """Without the time limit that newer runners give, past which this loop would jump."""
        await super().shutdown_default_executor()

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        self._now += seconds

    @property
    def grace(self) -> float:
        """Real seconds to wait for bytes or threads before time may jump."""
        return STUCK if self._threads else self._grace

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        future = super().run_in_executor(executor, func, *args)
        self.wait_for(future)
        return future

    def wait_for(self, future: asyncio.Future[Any]) -> None:
        """Let no time pass until a thread has done something."""
        self._threads += 1
        future.add_done_callback(self._thread_done)

    def _thread_done(self, _: object) -> None:
        self._threads -= 1


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        ready = super().select(STUCK if timeout is None else self._loop.grace)
        if not ready:
            if timeout is None:
                raise RuntimeError("the test is stuck: no timer is set and nothing arrives")
            self._loop.jump(timeout)
        return ready


class LoopClock:
    """The runtime's clock on the time of the running loop."""

    def __init__(self) -> None:
        self.epoch = 1_700_000_000.0

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def time(self) -> float:
        return self.epoch + asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def step(self, seconds: float) -> None:
        """Move the wall clock alone: somebody set it, or the machine was suspended while CLOCK_MONOTONIC stood."""
        self.epoch += seconds


def busiest(begun: Sequence[float], seconds: float = 1.0) -> int:
    """The most that began within any span of that length; a span holds its first moment and not its last."""
    most, first = 0, 0
    for last, at in enumerate(begun):
        while at - begun[first] >= seconds - 1e-9:  # a billionth for the subtraction alone
            first += 1
        most = max(most, last - first + 1)
    return most
