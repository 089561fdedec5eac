"""What a failure means for a row: every kind of error, every status, and answers that cannot be true."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from aiosymphony.errors import (
    ApiError,
    AuthError,
    CompanyFailed,
    CompanyTimeout,
    ConfigError,
    DecodeError,
    OutcomeUnknown,
    PaginationError,
    SymphonyError,
    TransportError,
)
from aiosymphony.provisioning.targets.base import Created, Held, InDoubt, Rejected, Result
from aiosymphony.provisioning.targets.verdicts import Verdict, believable, judge, retry_after
from aiosymphony.retry import Failure, classify
from aiosymphony.wire.responses import error_type

IN_DOUBT, HELD, ALIKE, REFUSED = Verdict.IN_DOUBT, Verdict.HELD, Verdict.ALIKE, Verdict.REFUSED

STATUSES = (300, 302, 307, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 418, 421,
            422, 423, 425, 426, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 507, 511, 520, 599)  # fmt: skip
ABOUT_THE_REQUEST = {300, 302, 307, 401, 405, 407, 411, 415, 421, 426, 428}
"""Statuses that would be the same for every row."""


def said(status: int, wait: float | None, *, creating: bool) -> Verdict:
    """What the documents say of an answer: 4xx changed nothing, 5xx may have, Retry-After means another time."""
    if status == 408 or (status >= 500 and not (status == 503 and wait is not None)):
        return IN_DOUBT
    if wait is not None or status in (425, 429):
        return HELD
    if status in ABOUT_THE_REQUEST or (creating and status in (403, 404)):
        return ALIKE
    return REFUSED


@pytest.mark.parametrize("creating", [True, False], ids=["creating", "a step"])
@pytest.mark.parametrize("wait", [None, 0.0, 30.0, 31_536_000.0])
@pytest.mark.parametrize("status", STATUSES)
def test_an_answer(status: int, wait: float | None, creating: bool) -> None:
    error = error_type(status, None, wait)(status=status, retry_after=wait)
    assert judge(error, creating=creating) is said(status, wait, creating=creating)
    assert retry_after(error) == wait


@pytest.mark.parametrize("creating", [True, False], ids=["creating", "a step"])
@pytest.mark.parametrize("wait", [None, 30.0])
@pytest.mark.parametrize("status", STATUSES)
def test_the_answer_to_a_login_or_a_look_up_never_concerns_the_row_alone(
    status: int, wait: float | None, creating: bool
) -> None:
    """What is known not to have acted can be sent again: if the login is out, nothing of the row was sent."""
    error = error_type(status, None, wait)(status=status, retry_after=wait)
    error.may_have_acted = False
    verdict = judge(error, creating=creating)
    assert verdict is (
        HELD if said(status, wait, creating=creating) is IN_DOUBT else said(status, wait, creating=creating)
    )


@pytest.mark.parametrize("creating", [True, False], ids=["creating", "a step"])
@pytest.mark.parametrize(
    ("sent", "permanent", "acted", "verdict"),
    [
        (True, False, True, IN_DOUBT),
        (True, True, True, IN_DOUBT),  # an answer larger than what may be read: the server acted
        (False, False, False, HELD),
        (False, True, False, ALIKE),  # a certificate that does not fit
        (True, False, False, HELD),  # of a login
        (True, True, False, ALIKE),  # of a login
    ],
)
def test_no_answer(sent: bool, permanent: bool, acted: bool, verdict: Verdict, creating: bool) -> None:
    error = TransportError("lost", sent=sent, permanent=permanent)
    error.may_have_acted = acted
    assert judge(error, creating=creating) is verdict


def of_a_page(cause: SymphonyError | None) -> PaginationError:
    error = PaginationError("the listing stopped")
    error.__cause__ = cause
    return error


def read(error: SymphonyError) -> SymphonyError:
    error.may_have_acted = False
    return error


@pytest.mark.parametrize("creating", [True, False], ids=["creating", "a step"])
@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (OutcomeUnknown("lost"), IN_DOUBT),
        (DecodeError("no JSON"), IN_DOUBT),
        (read(DecodeError("a maintenance page where a token should be")), HELD),
        (AuthError("the login was refused", status=401), ALIKE),
        (ConfigError("closed"), ALIKE),
        (SymphonyError("something else"), ALIKE),
        (CompanyFailed("failed"), ALIKE),
        (CompanyTimeout("not yet"), ALIKE),
        (of_a_page(None), ALIKE),
        (of_a_page(read(ApiError(status=500))), HELD),
        (of_a_page(read(ApiError(status=429, retry_after=3.0))), HELD),
        (of_a_page(read(TransportError("too large", permanent=True))), ALIKE),
    ],
    ids=lambda value: f"{type(value).__name__}" if isinstance(value, SymphonyError) else value.value,
)
def test_any_other_error(error: SymphonyError, verdict: Verdict, creating: bool) -> None:
    assert judge(error, creating=creating) is verdict


def every_error() -> Iterator[SymphonyError]:
    for status, wait in itertools.product(range(300, 600), (None, 0.0, 1e9)):
        yield error_type(status, None, wait)(status=status, retry_after=wait)
    for sent, permanent in itertools.product((True, False), repeat=2):
        yield TransportError(sent=sent, permanent=permanent)
    yield DecodeError("no JSON")


def test_a_job_and_a_client_agree_on_what_may_be_sent_again() -> None:
    """What a client repeats whatever it is, a job sends again; what it repeats only if that is safe, is in doubt."""
    for error in every_error():
        failure, verdict = classify(error), judge(error)
        assert (verdict is IN_DOUBT) == (failure is Failure.OUTCOME_UNKNOWN) == error.may_have_acted, error
        if failure in (Failure.NOT_SENT, Failure.THROTTLED, Failure.REJECTED):
            assert verdict is HELD, error
        if verdict in (ALIKE, REFUSED):
            assert failure is Failure.PERMANENT, error


def left_in_doubt(results: list[Result], asked: int) -> list[bool]:
    told = believable(results, asked)
    assert len(told) == asked
    assert all(now is before for now, before in zip(told, results, strict=False) if not isinstance(now, InDoubt))
    return [isinstance(result, InDoubt) for result in told]


def test_an_answer_that_cannot_be_true_tells_nothing() -> None:
    refused, held = Rejected("40001", "no"), Held("429", "later")
    assert left_in_doubt([Created("a"), refused, held, Created("b")], 4) == [False, False, False, False]
    assert left_in_doubt([Created("a"), Created("b"), Created("a")], 3) == [True, False, True]
    assert left_in_doubt([Created(""), Created("b")], 2) == [True, False]
    assert left_in_doubt([Created("a"), refused], 3) == [True, True, True]
    assert left_in_doubt([Created("a"), refused], 1) == [True]
    assert left_in_doubt([], 2) == [True, True]
    assert left_in_doubt([Created("a")] * 3, 3) == [True, True, True]
