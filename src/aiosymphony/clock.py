"""All access to time, so that a test can let hours pass in milliseconds."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """The time that retries, limits and tokens use."""

    def monotonic(self) -> float:
        """Seconds that never run backwards; they may stand still while the machine is suspended."""
        ...

    def time(self) -> float:
        """Seconds since the epoch; they jump when the clock is set."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        ...


class SystemClock:
    """The clock of the machine."""

    __slots__ = ()

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        await asyncio.sleep(seconds)


SYSTEM_CLOCK = SystemClock()
