"""A clock that stands still until a test moves it."""

from __future__ import annotations


class SteppedClock:
    """Stands still until it is told that time passed, or is slept by."""

    def __init__(self, start: float = 1000.0) -> None:
        self.start, self.passed = start, 0.0

    def monotonic(self) -> float:
        return self.start + self.passed

    time = monotonic

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds
