"""What the demo reports."""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs

from ..observer import Attempt


@attrs.frozen
class Rejection:
    """A row that was not provisioned.

    Attributes:
        line: Its line in the file, the header being line 1.
        who: Its email address, as far as it has one.
        reason: Why, and which column it is about.
        by: Who rejected it: ``check`` when the plan was made, before anything was sent, or ``Connect``.
    """

    line: int
    who: str
    reason: str
    by: str


@attrs.frozen
class Killed:
    """Where the job stood when it was killed: rows done, rows in flight, rows in all."""

    done: int
    in_flight: int
    rows: int


@attrs.frozen
class Count:
    """One kind of thing: how many were expected, created and rejected."""

    what: str
    expected: int
    created: int
    rejected: int = 0


@attrs.define
class Traffic:
    """Counts the sends of clients, as their observer."""

    sends: int = 0
    retries: int = 0
    by_status: Counter[int] = attrs.field(factory=Counter)

    def __call__(self, attempt: Attempt) -> None:
        """Count an attempt."""
        self.sends += 1
        self.retries += attempt.number > 1
        if attempt.status is not None:
            self.by_status[attempt.status] += 1


@attrs.frozen(kw_only=True)
class DemoReport:
    """How the demo went.

    Attributes:
        plan: What ``provision plan`` printed.
        job: What ``provision apply`` printed when the job had finished.
        killed: Where the job was killed; None if it had finished before that.
        counts: What was expected and what was created, by kind.
        rejections: The rows that were not provisioned, in the file's order.
        differences: What differs from the file, a sentence each; empty if nothing does.
        retries: Requests that were sent again: after throttling, after a failure, with a new token. Those of the plan
            and of the killed process are not included, as those processes report none.
        looked_up: Creates of the company and in the pod whose answer was lost, and that were looked up before anything
            was repeated. The rows of the job are counted in ``job``.
        logins: Logins, by the sandbox's count.
        requests: Requests, by the sandbox's count.
        faults: Faults that the sandbox injected, by kind.
        seconds: From the first request to the last comparison.
    """

    plan: dict[str, Any]
    job: dict[str, Any]
    killed: Killed | None
    counts: tuple[Count, ...]
    rejections: tuple[Rejection, ...]
    differences: tuple[str, ...]
    retries: int
    looked_up: int
    logins: int
    requests: int
    faults: dict[str, int]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the sandbox holds what the file asks for, no more and no less, and the job reports the same."""
        return not self.differences

    @property
    def requests_per_second(self) -> float:
        """The mean over the whole run."""
        return self.requests / self.seconds if self.seconds else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON types."""
        return {
            "ok": self.ok,
            **attrs.asdict(self),
            "seconds": round(self.seconds, 3),
            "requests_per_second": round(self.requests_per_second, 1),
        }
