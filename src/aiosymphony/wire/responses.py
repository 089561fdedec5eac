"""Makes errors from the status, headers and body of an answer."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import orjson

from ..codes import ConnectCode, is_throttled, leaves_outcome_unknown
from ..errors import (
    ApiError,
    BadRequest,
    Conflict,
    DecodeError,
    Forbidden,
    NotFound,
    RateLimited,
    ServerError,
    SymphonyError,
    Unauthorized,
)
from ..jsontext import is_deeper, parse_exactly
from ..text import SHOWN_LIMIT, clean_text
from .operation import Operation

__all__ = ["error_from_response", "error_type", "parse_retry_after", "read_code"]

_LONGEST_CODE = 64
_SECONDS = re.compile(r"[0-9]+(\.[0-9]*)?([eE]\+?[0-9]+)?")
_DETAILS_DEPTH = 20
_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
}
_BY_CODE: dict[int, type[ApiError]] = {
    ConnectCode.DOMAIN_NOT_ALLOWED: BadRequest,
    ConnectCode.EMAIL_EXISTS: Conflict,
    ConnectCode.COMPANY_NOT_READY: NotFound,
    ConnectCode.DOMAINS_TAKEN: Conflict,
    ConnectCode.USER_MISSING: NotFound,
}


def error_type(status: int, code: int | str | None = None, retry_after: float | None = None) -> type[ApiError]:
    """The class of error for a status and one of Connect's codes, of a request or of one row in a 207.

    The code decides first, as Connect sends the same code under 400, 404 and 409. For throttling, 408 and 5xx only the
    status counts: they say nothing about the request.

    Args:
        status: The status of the answer or of the row.
        code: Connect's code, from :func:`read_code`; None if there is none, or it is the Pod's.
        retry_after: The ``Retry-After`` of the answer.
    """
    if is_throttled(status, retry_after):
        return RateLimited
    if isinstance(code, int) and code in _BY_CODE and not leaves_outcome_unknown(status, retry_after) and status < 500:
        return _BY_CODE[code]
    return _BY_STATUS.get(status, ServerError if status >= 500 else ApiError)


def error_from_response(
    operation: Operation[..., Any], status: int, headers: Mapping[str, str], content: bytes
) -> SymphonyError:
    """Make the error for an answer that is no documented result. Only this function turns statuses into exceptions.

    Reads the Pod's ``{code, message}``, the Agent's ``{code, message, details}``, the problem documents of Connect
    (RFC 7807 with ``detailErrorCode``), and the ``{error}`` of OAuth and of files; anything else, such as a gateway's
    HTML page, is quoted.
    """
    retry_after = parse_retry_after(headers.get("Retry-After"))
    body = _json_object(content)
    words = ("message", "detail", "title", "error_description", "error")
    said = (value for name in words if (value := body.get(name)) and not isinstance(value, dict | list))
    server_message = str(next(said, ""))
    detail_code = read_code(body.get("detailErrorCode"))
    code = read_code(body.get("code")) if detail_code is None else detail_code
    if not server_message and not body and content:
        server_message = content[: 4 * SHOWN_LIMIT].decode("utf-8", "replace")
    server_message = clean_text(server_message).strip()
    trace_id = clean_text(headers.get("X-Trace-Id") or str(body.get("X-Trace-Id") or ""), 64)
    if 200 <= status < 300:
        return DecodeError(f"answered {status}, which the API's document does not list for this operation",
                           status=status, operation=operation, trace_id=trace_id)  # fmt: skip
    message = f"answered {status} {_phrase(status)}".rstrip()
    if 300 <= status < 400:
        message += " (redirects are never followed, as they would carry the token elsewhere)"
    if server_message:
        message += f": {server_message}"
    if code is not None:
        message += f" (code {code})"
    if is_throttled(status, retry_after) and retry_after is not None:
        message += f"; retry after {retry_after:g} s"
    return error_type(status, detail_code, retry_after)(
        message,
        status=status,
        code=code,
        server_message=server_message,
        retry_after=retry_after,
        details={k: v for k, v in body.items() if k not in ("code", "message")} if len(content) <= SHOWN_LIMIT else {},
        server_time=_timestamp(headers.get("Date")),
        operation=operation,
        trace_id=trace_id,
    )


def parse_retry_after(value: str | None, *, now: float | None = None) -> float | None:
    """Seconds to wait from a ``Retry-After`` header: a number or an HTTP date; None for anything unusable.

    Zero means now. A date in the past counts as zero; a date without a time zone is in GMT. Negative numbers, NaN,
    infinity, digits of other scripts and garbage are ignored.
    """
    if value is None:
        return None
    # str.strip takes more for blanks than float does, such as the unit separator.
    if _SECONDS.fullmatch(number := value.strip()):
        seconds = float(number)
        return seconds if seconds < math.inf else None
    at = _timestamp(value)
    return None if at is None else max(0.0, at - (time.time() if now is None else now))


def read_code(value: object) -> int | str | None:
    """An error code from an answer, with digits in text as a number: Connect's examples all show text.

    Args:
        value: The JSON value.

    Returns:
        A number for a number or its text; other text, cleaned; None for null.
    """
    if value is None or isinstance(value, int):
        return value
    text = clean_text(str(value), _LONGEST_CODE)
    # Only where the number gives the same text back: "007" is a code of its own.
    return int(text) if text.isascii() and text.isdecimal() and str(int(text)) == text else text


def _timestamp(value: str | None) -> float | None:
    """The time of an HTTP date, in GMT unless it says otherwise."""
    # Python reads "2_1" and the digits of every script as numbers.
    if value is None or not value.isascii() or "_" in value:
        return None
    try:
        date = parsedate_to_datetime(value)
        return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _json_object(content: bytes) -> dict[str, Any]:
    """The fields of an error answer; none if it is no JSON object, or cannot be read."""
    try:
        body = orjson.loads(content)
        if not isinstance(body, dict) or is_deeper(body, _DETAILS_DEPTH):
            return {}
        exact: dict[str, Any] = parse_exactly(content, float)
    except (ValueError, RecursionError):
        return {}
    return exact


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
