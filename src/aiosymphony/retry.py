"""When to send a request again: a pure function over a table.

What counts is how far the request got, rather than the number of its status:

===============  =====================================================================  ======================
failure          what happened                                                          sent again
===============  =====================================================================  ======================
NOT_SENT         no connection: refused, DNS, no free connection in time                any operation
THROTTLED        429, or 400 with Retry-After                                           any operation, later
REJECTED         503 with Retry-After: refused at the door                              any operation, later
OUTCOME_UNKNOWN  lost or timed out after sending, truncated, unreadable, 408, 5xx       only idempotent ones
PERMANENT        every other status, an unusable certificate, URL or header             never
===============  =====================================================================  ======================

A 401 is not in the table: the session renews the token and replays once. Waits grow as ``base * 2**n`` up to ``cap``,
with full jitter, and are never shorter than ``Retry-After``.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import attrs

from .codes import is_throttled, leaves_outcome_unknown
from .errors import (
    ApiError,
    ConfigError,
    DecodeError,
    SymphonyError,
    TransportError,
)


class Failure(Enum):
    """What a failed attempt means for the next one; see the table of this module."""

    NOT_SENT = "not sent"
    THROTTLED = "throttled"
    REJECTED = "rejected"
    OUTCOME_UNKNOWN = "outcome unknown"
    PERMANENT = "permanent"


def _positive(instance: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if not value > 0:
        raise ConfigError(f"{type(instance).__name__}.{attribute.name} must be greater than 0, not {value!r}")


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """How often a call is repeated, and for how long. Times are in seconds.

    Attributes:
        attempts: Attempts in all, the first included; 1 switches retries off.
        base: Upper bound of the first wait; it doubles with each further attempt.
        throttle_base: The same after throttling, if the server did not say how long to wait.
        cap: Upper bound of every wait.
        total: How long a call may take before its last retry begins, ``Retry-After`` aside.
        retry_after_cap: The longest ``Retry-After`` that is honoured, even beyond ``total``: the server knows when it
            is ready. If it asks for more, the call fails with ``RateLimited``.
    """

    attempts: int = attrs.field(default=4, validator=_positive)
    base: float = attrs.field(default=0.1, validator=_positive)
    throttle_base: float = attrs.field(default=1.0, validator=_positive)
    cap: float = attrs.field(default=20.0, validator=_positive)
    total: float = attrs.field(default=60.0, validator=_positive)
    retry_after_cap: float = attrs.field(default=120.0, validator=_positive)


def classify(error: SymphonyError) -> Failure:
    """The row of the table for an error."""
    if isinstance(error, ApiError):
        if is_throttled(error.status, error.retry_after):
            return Failure.THROTTLED
        if error.status == 503 and error.retry_after is not None:
            return Failure.REJECTED
        return Failure.OUTCOME_UNKNOWN if leaves_outcome_unknown(error.status, error.retry_after) else Failure.PERMANENT
    if isinstance(error, TransportError):
        if error.sent:
            return Failure.OUTCOME_UNKNOWN
        return Failure.PERMANENT if error.permanent else Failure.NOT_SENT
    if isinstance(error, DecodeError):
        return Failure.OUTCOME_UNKNOWN
    return Failure.PERMANENT


def delay(
    policy: RetryPolicy,
    failure: Failure,
    *,
    idempotent: bool,
    attempt: int,
    elapsed: float,
    retry_after: float | None,
    jitter: float,
    permanent: bool = False,
) -> float | None:
    """How many seconds to wait before the next attempt; None to give up.

    Args:
        policy: The bounds.
        failure: What the attempt that just failed means.
        idempotent: Whether sending the operation twice has the effect of sending it once.
        attempt: How many attempts were made, from 1.
        elapsed: Seconds since the call began.
        retry_after: What the server asked for, in seconds; 0 means now.
        jitter: A random number from 0 to 1.
        permanent: Whether the next attempt would fail the same way, as with an answer that is too large to read.
    """
    if failure is Failure.PERMANENT or (failure is Failure.OUTCOME_UNKNOWN and not idempotent):
        return None
    if permanent or attempt >= policy.attempts:
        return None
    base = policy.throttle_base if failure in (Failure.THROTTLED, Failure.REJECTED) else policy.base
    # 2**60 is past every cap; without the bound a policy of thousands of attempts overflows a float.
    wait = min(policy.cap, base * 2.0 ** min(attempt - 1, 60)) * jitter
    if retry_after is not None:
        if retry_after > policy.retry_after_cap:
            return None
        # Everyone who was told the same number would come back at once: spread them a little behind it.
        return retry_after if retry_after == 0 else retry_after + min(wait, retry_after / 10)
    return wait if elapsed + wait <= policy.total else None


class RetryBudget:
    """Bounds the share of retries among all requests to a server.

    A bucket of tokens: a retry takes some out, a success puts one back, and time a few. While the server answers, the
    bucket stays full and every call may retry. When the server fails for minutes, the bucket runs dry and calls fail
    after one attempt: the server then gets its normal load and not four times that. What time puts back is a retry
    every two seconds: of a job's load it is nothing, and a bot of few calls can repeat them all.
    """

    __slots__ = ("_capacity", "_seen", "_tokens", "spent")

    CAPACITY = 500.0
    RETRY_COST = 14.0
    THROTTLED_COST = 5.0
    SUCCESS_GAIN = 1.0
    SECOND_GAIN = 7.0

    def __init__(self, capacity: float = CAPACITY) -> None:
        self._capacity = self._tokens = capacity
        self._seen = float("-inf")
        self.spent = False
        """Whether the bucket is less than full, so that a deposit has an effect."""

    @property
    def tokens(self) -> float:
        """What is left."""
        return self._tokens

    def withdraw(self, failure: Failure, now: float) -> bool:
        """Take out the cost of one retry, at a monotonic time; False if there is not enough, and nothing is taken."""
        if now > self._seen:
            self._tokens = min(self._capacity, self._tokens + (now - self._seen) * self.SECOND_GAIN)
            self.spent = self._tokens < self._capacity
            self._seen = now
        cost = self.THROTTLED_COST if failure in (Failure.THROTTLED, Failure.REJECTED) else self.RETRY_COST
        if self._tokens < cost:
            return False
        self._tokens -= cost
        self.spent = True
        return True

    def deposit(self) -> None:
        """Put a token back, as a request succeeded."""
        self._tokens = min(self._capacity, self._tokens + self.SUCCESS_GAIN)
        self.spent = self._tokens < self._capacity
