"""Counts of what a sandbox was asked and has answered."""

from __future__ import annotations

from collections import Counter

from attrs import define, field

from .state import Json

__all__ = ["Stats"]


@define
class Stats:
    """Counts since the sandbox was started, or since `reset`."""

    requests: int = 0
    logins: int = 0
    """Requests for a session, app, key manager or OAuth token, granted or not."""
    by_operation: Counter[str] = field(factory=Counter)
    by_status: Counter[int] = field(factory=Counter)
    """Responses sent, by status; a dropped connection has none."""
    faults: Counter[str] = field(factory=Counter)
    """Faults injected, by kind."""
    late_writes: int = 0
    """Writes that landed after their 504."""
    in_flight: int = 0
    """Requests being served now."""
    peak_in_flight: int = 0
    """The most requests that were served at once."""

    @property
    def throttled(self) -> int:
        """Responses of 429."""
        return self.by_status[429]

    def reset(self) -> None:
        """Start counting from zero."""
        self.requests = self.logins = self.late_writes = 0
        self.peak_in_flight = self.in_flight
        for counter in (self.by_operation, self.by_status, self.faults):
            counter.clear()

    def to_json(self) -> Json:
        """The counts as JSON types."""
        return {
            "requests": self.requests,
            "logins": self.logins,
            "throttled": self.throttled,
            "late_writes": self.late_writes,
            "in_flight": self.in_flight,
            "peak_in_flight": self.peak_in_flight,
            "by_operation": dict(self.by_operation),
            "by_status": {str(status): count for status, count in self.by_status.items()},
            "faults": dict(self.faults),
        }
