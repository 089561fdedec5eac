"""The errors: their tree, what they say, that they travel, and how answers become errors."""

from __future__ import annotations

import inspect
import math
import multiprocessing
import pickle
import re
import time
from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiosymphony import errors
from aiosymphony.errors import (
    ApiError,
    AuthError,
    BadRequest,
    CompanyFailed,
    CompanyTimeout,
    ConfigError,
    Conflict,
    DecodeError,
    Forbidden,
    JobError,
    JobInterrupted,
    JobRefused,
    MissingField,
    NotFound,
    OutcomeUnknown,
    PaginationError,
    RateLimited,
    ServerError,
    SymphonyError,
    TransportError,
    Unauthorized,
)
from aiosymphony.text import clean_text
from aiosymphony.wire.operation import Operation, Request
from aiosymphony.wire.responses import error_from_response, parse_retry_after

GET: Operation[[], None] = Operation(
    id="thing_get", api="pod", method="GET", path="/pod/v1/thing/{id}", tag="t",
    build=lambda: Request(GET, "/pod/v1/thing/1"), parse=lambda *_: None,
)  # fmt: skip
POST: Operation[[], None] = attrs.evolve(GET, id="thing_post", method="POST")

EXAMPLES: list[SymphonyError] = [
    SymphonyError("plain"),
    ConfigError("limit must be positive"),
    AuthError("no token", status=401, operation=POST, trace_id="abc123"),
    TransportError("lost", sent=True, permanent=True, kind="too_large", operation=POST, trace_id="abc123"),
    OutcomeUnknown("lost", operation=POST, trace_id="abc123"),
    ApiError("answered", status=418, code=7, server_message="tea", retry_after=1.5, details={"a": [1]}, operation=GET),
    *(
        kind("answered", status=status, code="x", operation=POST)
        for kind, status in (
            (BadRequest, 400),
            (Unauthorized, 401),
            (Forbidden, 403),
            (NotFound, 404),
            (Conflict, 409),
            (RateLimited, 429),
            (ServerError, 500),
        )
    ),
    DecodeError("no", path="$.users[3].id", status=201, operation=POST),
    MissingField("this UserV2 has no id", model="UserV2", field="id"),
    PaginationError("stopped", resume={"skip": 300}, items_seen=300, operation=GET),
    CompanyFailed("not created", company_id="c1", state="TENANT_CREATION_ERROR", error_message="no"),
    CompanyTimeout("not yet", company_id="c1", state="STARTED"),
    JobError("busy"),
    JobInterrupted("stopped"),
    JobRefused("another job"),
]


def state(error: BaseException) -> Any:
    return type(error), error.args, vars(error), str(error), repr(error)


def tree(kind: type, depth: int = 0) -> list[tuple[int, str]]:
    found = [(depth, kind.__name__)]
    for child in sorted(kind.__subclasses__(), key=lambda child: child.__name__):
        if child.__module__ == errors.__name__:
            found += tree(child, depth + 1)
    return found


def test_the_tree_is_the_one_in_the_docstring() -> None:
    drawn = re.findall(r"^    ([│ ]*)[├└]── (\w+)", errors.__doc__ or "", re.MULTILINE)
    in_docstring = {(1 + len(indent) // 4, name) for indent, name in drawn}
    assert in_docstring == set(tree(SymphonyError)[1:])


def test_every_error_is_exported_and_has_an_example_here() -> None:
    kinds = {name for _, name in tree(SymphonyError)}
    assert kinds == set(errors.__all__)
    assert kinds == {type(error).__name__ for error in EXAMPLES}


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_errors_pickle_whole(error: SymphonyError) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert state(pickle.loads(pickle.dumps(error, protocol))) == state(error)
    assert state(error.copy()) == state(error)
    assert error.copy() is not error


def fail(number: int) -> None:
    raise EXAMPLES[number]


def test_errors_survive_multiprocessing() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        for number in (3, 5, 13, 15):
            with pytest.raises(type(EXAMPLES[number])) as caught:
                pool.apply(fail, (number,))
            assert vars(caught.value) == vars(EXAMPLES[number])


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_errors_say_what_happened_to_what_and_repr_says_which(error: SymphonyError) -> None:
    assert error.message in str(error)
    assert str(error)
    if error.method:
        assert f"{error.method} /pod/v1/thing/{{id}}" in str(error)
    if error.trace_id:
        assert f"[trace {error.trace_id}]" in str(error)
    assert repr(error).startswith(f"{type(error).__name__}(")


@pytest.mark.parametrize(
    ("error", "acted", "says"),
    [
        (TransportError("x", sent=False, operation=POST), False, "Nothing was sent."),
        (TransportError("x", sent=True, operation=POST), True, "The server may have acted."),
        (TransportError("x", sent=True, operation=GET), False, ""),
        (OutcomeUnknown("x", operation=POST), True, "look the result up"),
        (DecodeError("x", operation=POST), True, "may have acted"),
        (DecodeError("x", operation=GET), False, ""),
        (error_from_response(POST, 404, {}, b""), False, "Nothing was changed."),
        (error_from_response(POST, 408, {}, b""), True, "may have acted"),
        (error_from_response(POST, 500, {}, b""), True, "may have acted"),
        (error_from_response(POST, 503, {}, b""), True, "may have acted"),
        (error_from_response(POST, 503, {"Retry-After": "1"}, b""), False, "Nothing was changed."),
        (error_from_response(GET, 503, {}, b""), False, ""),
    ],
)
def test_errors_say_whether_the_server_may_have_acted(error: SymphonyError, acted: bool, says: str) -> None:
    assert error.may_have_acted is acted
    assert says in str(error)
    if not acted:
        assert "may have acted" not in str(error)


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (400, {}, BadRequest),
        (400, {"Retry-After": "3"}, RateLimited),
        (401, {}, Unauthorized),
        (403, {}, Forbidden),
        (404, {}, NotFound),
        (409, {}, Conflict),
        (429, {}, RateLimited),
        (500, {}, ServerError),
        (503, {"Retry-After": "3"}, ServerError),
        (520, {}, ServerError),
        (599, {}, ServerError),
        (302, {}, ApiError),
        (304, {}, ApiError),
        (418, {}, ApiError),
        (204, {}, DecodeError),
        (299, {}, DecodeError),
        (102, {}, ApiError),
        (700, {}, ServerError),
    ],
)
def test_each_status_has_its_error(status: int, headers: dict[str, str], kind: type[SymphonyError]) -> None:
    error = error_from_response(POST, status, headers, b"")
    assert type(error) is kind
    assert str(status) in str(error)


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b'{"code": 65, "message": "no such user"}', 65, "no such user"),
        (b'{"code": 400, "message": "m", "details": ["d1"]}', 400, "m"),
        (b'{"type": "about:blank", "title": "Bad", "status": 400, "detail": "bad", "detailErrorCode": 40001}',
         40001, "bad"),
        (b'{"title": "Bad Request", "detailErrorCode": "40001"}', 40001, "Bad Request"),
        (b'{"title": "Bad Request", "detailErrorCode": "007"}', "007", "Bad Request"),
        (b'{"title": "Bad Request", "detailErrorCode": "E-7"}', "E-7", "Bad Request"),
        (b'{"title": "Bad Request", "detailErrorCode": null}', None, "Bad Request"),
        (b"<html><h1>Gateway</h1></html>", None, "<html><h1>Gateway</h1></html>"),
        (b"", None, ""),
        (b"[1, 2]", None, "[1, 2]"),
        (b'{"message": null}', None, ""),
        (b'{"message": 7, "code": true}', True, "7"),
        (b'"text"', None, '"text"'),
        (b"\xff\xfe", None, "\ufffd\ufffd"),
    ],
)  # fmt: skip
def test_every_form_of_error_answer_is_read(content: bytes, code: Any, said: str) -> None:
    error = error_from_response(POST, 400, {"X-Trace-Id": "t1"}, content)
    assert isinstance(error, BadRequest)
    assert (error.code, error.server_message, error.trace_id) == (code, said, "t1")


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize("status", [400, 404, 409])
@pytest.mark.parametrize(
    ("code", "kind"),
    [(40001, BadRequest), (40002, Conflict), (40102, NotFound), (40103, Conflict), (40106, NotFound)],
)
def test_a_code_of_connect_is_asked_before_the_status(
    status: int, code: int, kind: type[SymphonyError], as_text: bool
) -> None:
    problem = {"title": "T", "status": 404, "detail": "d", "detailErrorCode": str(code) if as_text else code}
    error = error_from_response(POST, status, {}, orjson.dumps(problem))
    assert isinstance(error, ApiError)
    assert (type(error), error.code, error.status) == (kind, code, status)
    assert error.company_not_ready is (code == 40102)
    assert f"(code {code})" in str(error)


@pytest.mark.parametrize(
    ("status", "kind"), [(429, RateLimited), (408, ApiError), (500, ServerError), (503, ServerError)]
)
def test_no_code_changes_what_throttling_and_server_errors_are(status: int, kind: type[SymphonyError]) -> None:
    assert type(error_from_response(POST, status, {}, b'{"detailErrorCode": "40001"}')) is kind


@pytest.mark.parametrize("content", [b'{"detailErrorCode": "49999"}', b'{"code": 40001}', b'{"detailErrorCode": {}}'])
def test_an_unknown_code_leaves_the_judgement_to_the_status(content: bytes) -> None:
    assert type(error_from_response(POST, 409, {}, content)) is Conflict


def test_the_trace_id_is_the_one_of_the_header_or_else_of_the_problem() -> None:
    content = b'{"detail": "d", "X-Trace-Id": "body01"}'
    assert error_from_response(POST, 404, {}, content).trace_id == "body01"
    assert error_from_response(POST, 404, {"X-Trace-Id": "head01"}, content).trace_id == "head01"


def test_other_fields_of_an_answer_are_kept_as_details() -> None:
    error = error_from_response(POST, 400, {}, b'{"code": 1, "message": "m", "details": ["a"], "timestamp": "now"}')
    assert isinstance(error, ApiError)
    assert error.details == {"details": ["a"], "timestamp": "now"}


@given(st.integers(100, 999), st.dictionaries(st.sampled_from(["Retry-After", "X-Trace-Id"]), st.text()), st.binary())
def test_any_answer_becomes_an_error_that_can_be_shown(status: int, headers: dict[str, str], content: bytes) -> None:
    error = error_from_response(POST, status, headers, content)
    shown = f"{error} {error!r}"
    assert len(str(error)) < 5000
    assert all(character.isprintable() for character in str(error)) or "\n" not in shown
    assert state(pickle.loads(pickle.dumps(error))) == state(error)


def test_what_a_server_says_is_bounded_and_cannot_move_the_cursor() -> None:
    evil = "\x1b[2J\r\nFAKE LOG LINE\x00\u202e" + "x" * 10**6
    error = error_from_response(POST, 500, {"X-Trace-Id": "t\r\nFAKE"}, evil.encode())
    assert isinstance(error, ServerError)
    assert len(error.server_message) <= 2048
    assert not re.search(r"[\x00-\x1f\u202e]", str(error))
    assert "FAKE LOG LINE" in str(error)


def test_what_looks_like_a_token_is_removed() -> None:
    token = "eyJhbGciOiJSUzUxMiJ9.eyJzdWIiOiJib3QifQ.c2lnbmF0dXJl"
    error = error_from_response(POST, 401, {}, f'{{"message": "bad token {token}!"}}'.encode())
    assert "eyJ" not in f"{error} {vars(error)}"
    assert "bad token ***!" in str(error)


def test_redacting_removes_a_secret_everywhere_and_leaves_our_own_words_alone() -> None:
    error = ApiError(
        "said hushhush", server_message="hushhush", code="hushhush", details={"a": ["hushhush"]}, operation=POST
    )
    error.redact("hushhush")
    assert "hushhush" not in f"{error} {error!r} {vars(error)} {error.args} {pickle.dumps(error)!r}"
    assert error.operation == "thing_post"
    short = ApiError("that is not it", operation=POST, details={"t": 1})
    short.redact("t")
    assert (short.message, short.details) == ("that is not it", {"t": 1})


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("0", 0.0),
        ("0.5", 0.5),
        (" 3 ", 3.0),
        ("3\x1f", 3.0),
        ("-1", None),
        ("-0.0", None),
        ("nan", None),
        ("inf", None),
        ("Infinity", None),
        ("9" * 400, None),
        ("1e9", 1e9),
        ("120.", 120.0),
        ("1_0", None),
        ("1_0.5", None),
        ("\u0661\u0662", None),
        ("\uff11", None),
        ("0x10", None),
        ("+5", None),
        ("1 0", None),
        ("5, 5", None),
        ("soon", None),
        ("", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 100.0),
        ("Wed, 21 Oct 2015 07:26:20 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:20:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00", 100.0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 100.0),
        ("Wed, 21 Oct 2015 09:28:00 +0200", 100.0),
        ("Wed, 2_1 Oct 2015 07:28:00 GMT", None),
        ("Wed, \uff12\uff11 Oct 2015 07:28:00 GMT", None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
        ("21 Oct", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_garbage_is_nothing(value: str | None, seconds: float | None) -> None:
    now = 1445412380.0  # Wed, 21 Oct 2015 07:26:20 GMT
    assert parse_retry_after(value, now=now) == seconds


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone cannot be set here")
def test_a_date_without_a_zone_is_in_gmt_wherever_the_client_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("TZ", "Asia/Tokyo")
            time.tzset()
            assert parse_retry_after("Wed, 21 Oct 2015 07:28:00", now=1445412380.0) == 100.0
    finally:
        time.tzset()


@given(st.text())
def test_no_retry_after_is_ever_raised_over_or_negative(value: str) -> None:
    seconds = parse_retry_after(value)
    assert seconds is None or 0 <= seconds < math.inf


@given(st.text())
def test_cleaned_text_is_one_bounded_line(text: str) -> None:
    cleaned = clean_text(text, 50)
    assert len(cleaned) <= 50
    assert len(cleaned.splitlines()) <= 1
    assert "\x1b" not in cleaned


def test_no_error_takes_a_request_or_headers() -> None:
    """What is not in an error cannot leak from it."""
    for error in EXAMPLES:
        parameters = set(inspect.signature(type(error)).parameters)
        assert not parameters & {"request", "headers", "body", "url", "token"}
