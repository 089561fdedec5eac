"""When a job holds its requests back, breaks a round off, or gives up."""

from __future__ import annotations

from typing import Final

from ...clock import Clock
from ...errors import JobError, JobInterrupted

__all__ = ["HOLD", "Breaker"]

HOLD: Final = 5.0
"""Seconds without a request after one that could not be sent."""
_FRUITLESS: Final = 2
"""Rounds broken off without a row done, after which the job stops."""


class Breaker:
    """Watches how the server answers.

    Args:
        clock: Time.
        give_up_after: Seconds without anything carried out after which the job stops.
        streak_limit: Doubts in a row after which a round is broken off.
    """

    def __init__(self, clock: Clock, give_up_after: float, streak_limit: int) -> None:
        self._clock = clock
        self._give_up_after = give_up_after
        self._streak_limit = streak_limit
        self._streak = 0
        self._fruitless = 0
        self._hold_until = 0.0
        self.answered_at = 0.0

    def answered(self) -> None:
        """The server carried something out, or refused it for a reason of its own."""
        self.answered_at = self._clock.monotonic()
        self._streak = 0

    def slept(self, seconds: float) -> None:
        """Nothing was asked for so many seconds: the server's silence meanwhile does not count."""
        self.answered_at += seconds

    def hold(self, asked: float | None) -> JobError | None:
        """Send nothing for as long as the server asked, but no longer than until the job gives up.

        Returns:
            Why the job is to stop, if it gives up.
        """
        left = self.time_left()
        if left > 0:
            self._hold_until = max(self._hold_until, self._clock.monotonic() + min(asked or HOLD, left))
            return None
        told = f", and asks to wait for {asked:g} s" if asked else ""
        return JobInterrupted(
            f"the server carried nothing out for {self._give_up_after:g} s{told}; run the same command later"
        )

    def hold_time(self) -> float:
        """Seconds until the hold is over; 0 if none is on."""
        return max(0.0, self._hold_until - self._clock.monotonic())

    def time_left(self) -> float:
        """Seconds until the server has carried nothing out for too long."""
        return self.answered_at + self._give_up_after - self._clock.monotonic()

    def begin_round(self) -> None:
        self._streak = 0

    def doubted(self) -> None:
        """An outcome is unknown."""
        self._streak += 1

    @property
    def broken(self) -> bool:
        """Whether so many doubts came in a row that they are to be resolved before more is sent."""
        return self._streak >= self._streak_limit

    def end_round(self, *, broken_off: bool, done: int) -> JobError | None:
        """Take note of a round; why the job is to stop, if it is."""
        self._fruitless = self._fruitless + 1 if broken_off and not done else 0
        if self._fruitless < _FRUITLESS:
            return None
        return JobInterrupted("the server leaves every outcome unknown; run the same command later")
