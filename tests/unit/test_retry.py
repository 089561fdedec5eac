"""The retry decision: a pure function over a table, held against the table."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiosymphony.errors import (
    AuthError,
    ConfigError,
    DecodeError,
    OutcomeUnknown,
    PaginationError,
    SymphonyError,
    TransportError,
)
from aiosymphony.retry import Failure, RetryBudget, RetryPolicy, classify, delay
from aiosymphony.wire.operation import Operation, Request
from aiosymphony.wire.responses import error_from_response

POST: Operation[[], None] = Operation(
    id="thing_post", api="pod", method="POST", path="/pod/thing", tag="t",
    build=lambda: Request(POST, "/pod/thing"), parse=lambda *_: None,
)  # fmt: skip


def answered(status: int, retry_after: str | None = None) -> SymphonyError:
    return error_from_response(POST, status, {} if retry_after is None else {"Retry-After": retry_after}, b"")


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (TransportError(sent=False, kind="connect"), Failure.NOT_SENT),
        (TransportError(sent=False, permanent=True, kind="tls"), Failure.PERMANENT),
        (TransportError(sent=True), Failure.OUTCOME_UNKNOWN),
        (TransportError(sent=True, permanent=True, kind="too_large"), Failure.OUTCOME_UNKNOWN),
        (DecodeError(), Failure.OUTCOME_UNKNOWN),
        (answered(429), Failure.THROTTLED),
        (answered(429, "5"), Failure.THROTTLED),
        (answered(400, "5"), Failure.THROTTLED),
        (answered(400, "nonsense"), Failure.PERMANENT),
        (answered(503, "5"), Failure.REJECTED),
        (answered(503, "0"), Failure.REJECTED),
        (answered(503), Failure.OUTCOME_UNKNOWN),
        (answered(500, "5"), Failure.OUTCOME_UNKNOWN),
        (answered(502, "5"), Failure.OUTCOME_UNKNOWN),
        (AuthError(), Failure.PERMANENT),
        (ConfigError(), Failure.PERMANENT),
        (OutcomeUnknown(), Failure.PERMANENT),
        (PaginationError(), Failure.PERMANENT),
    ],
    ids=repr,
)
def test_each_failure_stands_in_its_row(error: SymphonyError, failure: Failure) -> None:
    assert classify(error) is failure


@pytest.mark.parametrize("status", range(300, 600))
def test_each_status_without_retry_after_stands_in_its_row(status: int) -> None:
    if status == 429:
        expected = Failure.THROTTLED
    elif status >= 500 or status == 408:
        expected = Failure.OUTCOME_UNKNOWN
    else:
        expected = Failure.PERMANENT
    assert classify(answered(status)) is expected


def decide(failure: Failure, policy: RetryPolicy | None = None, **facts: Any) -> float | None:
    defaults: dict[str, Any] = {
        "idempotent": True,
        "attempt": 1,
        "elapsed": 0.0,
        "retry_after": None,
        "jitter": 1.0,
    }
    return delay(policy or RetryPolicy(), failure, **(defaults | facts))


@pytest.mark.parametrize("failure", Failure)
@pytest.mark.parametrize("idempotent", [True, False])
def test_what_may_have_happened_is_repeated_only_if_repeating_is_safe(failure: Failure, idempotent: bool) -> None:
    repeated = decide(failure, idempotent=idempotent) is not None
    assert repeated == (failure is not Failure.PERMANENT and (idempotent or failure is not Failure.OUTCOME_UNKNOWN))


@pytest.mark.parametrize(
    ("failure", "waits"),
    [
        (Failure.OUTCOME_UNKNOWN, [0.1, 0.2, 0.4, None]),
        (Failure.NOT_SENT, [0.1, 0.2, 0.4, None]),
        (Failure.THROTTLED, [1.0, 2.0, 4.0, None]),
        (Failure.REJECTED, [1.0, 2.0, 4.0, None]),
    ],
)
def test_the_longest_waits_double_and_end_after_four_attempts(failure: Failure, waits: list[float | None]) -> None:
    assert [decide(failure, attempt=attempt) for attempt in (1, 2, 3, 4)] == waits


def test_waits_are_capped_and_jittered_over_their_full_length() -> None:
    generous = RetryPolicy(attempts=10_000, total=1e9)
    assert decide(Failure.OUTCOME_UNKNOWN, generous, attempt=9_999) == 20.0
    assert decide(Failure.OUTCOME_UNKNOWN, generous, attempt=9_999, jitter=0.25) == 5.0
    assert decide(Failure.OUTCOME_UNKNOWN, generous, attempt=9_999, jitter=0.0) == 0.0


def test_the_total_bounds_what_the_policy_waits_by_itself() -> None:
    assert decide(Failure.OUTCOME_UNKNOWN, elapsed=59.9) == 0.1
    assert decide(Failure.OUTCOME_UNKNOWN, elapsed=59.95) is None
    assert decide(Failure.THROTTLED, elapsed=59.95) is None
    assert decide(Failure.THROTTLED, elapsed=59.95, retry_after=119.0) is not None


def test_retry_after_is_waited_out_and_spread_a_little() -> None:
    assert decide(Failure.THROTTLED, retry_after=0.0) == 0.0
    assert decide(Failure.THROTTLED, retry_after=100.0, jitter=0.0) == 100.0
    assert decide(Failure.THROTTLED, retry_after=100.0, jitter=1.0) == 101.0
    assert decide(Failure.THROTTLED, retry_after=120.0, jitter=0.0) == 120.0
    assert decide(Failure.THROTTLED, retry_after=120.1) is None
    assert decide(Failure.THROTTLED, retry_after=math.inf) is None


def test_what_would_fail_again_is_not_repeated() -> None:
    assert decide(Failure.OUTCOME_UNKNOWN, permanent=True) is None
    assert decide(Failure.THROTTLED, permanent=True) is None


@given(
    failure=st.sampled_from(Failure),
    idempotent=st.booleans(),
    attempt=st.integers(1, 10**6),
    elapsed=st.floats(0, 1e9),
    retry_after=st.none() | st.floats(0, allow_nan=False),
    jitter=st.floats(0, 1),
    attempts=st.integers(1, 10**6),
)
def test_any_decision_is_none_or_a_wait_within_its_bounds(
    failure: Failure,
    idempotent: bool,
    attempt: int,
    elapsed: float,
    retry_after: float | None,
    jitter: float,
    attempts: int,
) -> None:
    policy = RetryPolicy(attempts=attempts)
    wait = decide(
        failure, policy, idempotent=idempotent, attempt=attempt, elapsed=elapsed, retry_after=retry_after, jitter=jitter
    )
    if wait is None:
        return
    assert failure is not Failure.PERMANENT
    assert idempotent or failure is not Failure.OUTCOME_UNKNOWN
    assert attempt < attempts
    if retry_after is None:
        assert 0 <= wait <= policy.cap
        assert elapsed + wait <= policy.total
    else:
        assert retry_after <= wait <= min(1.1 * retry_after + 1e-9, retry_after + policy.cap)
        assert retry_after <= policy.retry_after_cap


@pytest.mark.parametrize("name", ["attempts", "base", "throttle_base", "cap", "total", "retry_after_cap"])
@pytest.mark.parametrize("value", [0, -1, math.nan])
def test_a_policy_names_the_option_that_is_wrong(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"RetryPolicy\.{name}"):
        RetryPolicy(**{name: value})


def test_the_budget_ends_retries_and_successes_bring_them_back() -> None:
    budget = RetryBudget()
    assert sum(budget.withdraw(Failure.OUTCOME_UNKNOWN, 1.0) for _ in range(1000)) == 35
    assert not budget.withdraw(Failure.OUTCOME_UNKNOWN, 1.0)
    assert budget.withdraw(Failure.THROTTLED, 1.0)  # 10 were left
    for _ in range(9):
        budget.deposit()
    assert budget.withdraw(Failure.NOT_SENT, 1.0)
    for _ in range(1000):
        budget.deposit()
    assert budget.tokens == RetryBudget.CAPACITY
    assert not budget.spent


def test_time_puts_back_a_retry_every_two_seconds() -> None:
    budget = RetryBudget()
    while budget.withdraw(Failure.OUTCOME_UNKNOWN, 100.0):
        pass
    assert [budget.withdraw(Failure.OUTCOME_UNKNOWN, 100.0 + second) for second in range(1, 9)] == [
        True, False, True, False, True, False, True, False,
    ]  # fmt: skip
    assert not budget.withdraw(Failure.OUTCOME_UNKNOWN, 50.0), "a clock that went back puts nothing back"
    assert budget.withdraw(Failure.THROTTLED, 1000.0)
    assert budget.tokens == RetryBudget.CAPACITY - RetryBudget.THROTTLED_COST


@given(st.lists(st.sampled_from(["fail", "throttled", "ok"]), max_size=300))
def test_the_budget_bounds_the_share_of_retries(events: list[str]) -> None:
    budget = RetryBudget()
    cost = successes = 0
    for event in events:
        if event == "ok":
            budget.deposit()
            successes += 1
        elif budget.withdraw(Failure.THROTTLED if event == "throttled" else Failure.OUTCOME_UNKNOWN, 1.0):
            cost += 5 if event == "throttled" else 14
        assert 0 <= budget.tokens <= RetryBudget.CAPACITY
        assert budget.spent == (budget.tokens < RetryBudget.CAPACITY)
        assert cost <= RetryBudget.CAPACITY + successes
