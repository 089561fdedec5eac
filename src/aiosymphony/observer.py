"""What an observer of requests sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from .errors import SymphonyError
from .wire.operation import Operation

__all__ = ["Attempt", "Observer"]


@attrs.frozen
class Attempt:
    """One send of a request, as an observer sees it. It holds no URL, no header and no body.

    Attributes:
        operation: What was called.
        server: The base URL that it was sent to.
        number: 1 for the first send of a call, 2 for its first retry, and so on.
        status: The status of the answer; None if none arrived.
        duration: Seconds from taking a place in the limiter to the whole answer.
        bytes_sent: Size of the request's body.
        bytes_received: Size of the answer's body, after decompression.
        error: What failed, or None.
        trace_id: The ``X-Trace-Id`` sent.
    """

    operation: Operation[..., Any]
    server: str
    number: int
    status: int | None
    duration: float
    bytes_sent: int
    bytes_received: int
    error: SymphonyError | None
    trace_id: str


Observer = Callable[[Attempt], None]
"""Called after each send; it must neither block nor raise."""
