"""The record of an attempt, for observers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from .errors import SymphonyError
from .wire.operation import Operation

__all__ = ["Attempt", "Observer"]


@attrs.frozen
class Attempt:
    """One attempt of a call, as an observer sees it. It holds no URL, no header and no body.

    Attributes:
        operation: The operation.
        server: The base URL that it was sent to.
        number: 1 for the first attempt of a call, 2 for its first retry, and so on.
        status: The status of the answer; None if no answer arrived.
        duration: Seconds from taking a place in the limiter to the end of the answer.
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
"""Called after each attempt. It must neither block nor raise."""
