"""The state of one call over its attempts, and its final error."""

from __future__ import annotations

import asyncio
import random
import traceback
from typing import Any, TypeVar

from .auth.base import LOGIN_API, Source
from .auth.tokens import IssuedToken, TokenCache
from .context import TRACE_ID
from .errors import AuthError, OutcomeUnknown, SymphonyError, TransportError, Unauthorized
from .observer import Attempt
from .retry import Failure, classify
from .routes import Route
from .transport import RequestHeaders, Response
from .wire.operation import Operation, Request

__all__ = ["Call", "final_error"]

E = TypeVar("E", bound=BaseException)


class Call:
    """The state of one call, from its first attempt to its last."""

    __slots__ = (
        "cut",
        "failure",
        "failures",
        "from_store",
        "headers",
        "missing",
        "outcome_unknown",
        "refused_at",
        "repeats",
        "response",
        "sends",
        "sent_at",
        "started",
        "trace_id",
        "used",
        "ways",
    )

    # What a refused call knows is set when it is first refused: most calls never are.
    from_store: int
    missing: list[str]
    ways: list[Route]

    def __init__(self, started: float) -> None:
        self.started = started
        self.trace_id = TRACE_ID.get() or f"{random.getrandbits(24):06x}"
        self.sends = 1
        self.failures = 0
        self.outcome_unknown = False
        self.refused_at: float | None = None
        self.used: list[tuple[TokenCache, IssuedToken]] = []
        self.headers: RequestHeaders | None = None
        self.sent_at: float | None = None
        self.response: Response | None = None
        self.failure: SymphonyError | None = None
        self.repeats: SymphonyError | None = None
        """The failure after which it is sent again."""
        self.cut = False
        """Whether the call was broken off because the client closed."""

    def begin_again(self) -> None:
        """Forget the attempt that failed."""
        self.sends += 1
        self.used.clear()
        self.sent_at = self.response = self.failure = None

    def attempt(self, request: Request[Any], server: str, duration: float) -> Attempt:
        """The attempt that has just ended, for an observer."""
        response = self.response
        return Attempt(
            operation=request.operation,
            server=server,
            number=self.sends,
            status=None if response is None else response.status,
            duration=duration,
            bytes_sent=0 if request.body is None else len(request.body),
            bytes_received=0 if response is None else len(response.content),
            error=self.failure,
            trace_id=self.trace_id,
        )

    def attach_request(self, error: SymphonyError, request: Request[Any]) -> SymphonyError:
        """Add the request to an error, and remove secrets from it.

        These are tokens that the server repeated, and the frames below, whose locals hold bodies and answers.
        """
        operation = request.operation
        if not error.operation:
            error.attach_request(operation)
        error.trace_id = error.trace_id or self.trace_id
        if operation.api == LOGIN_API:
            error.may_have_acted = False  # whether a login took effect or not, it may simply be repeated
        for _, token in self.used:
            error.redact(token.secret.reveal())
        if request.carries_token and request.headers is not None:
            for value in request.headers.values():
                error.redact(value)
        return _bare(error)

    def refused_again(self, failure: Unauthorized) -> AuthError:
        """The error for tokens that were refused and cannot be replaced."""
        sources = {token.source for _, token in self.used}
        if Source.LOGIN in sources:
            message = f"a token that was issued a moment ago was refused as well: {failure.message}"
        elif Source.STORE in sources:
            message = f"one token after another from the store was refused: {failure.message}"
        else:
            message = f"the token that was given was refused, and it cannot be renewed: {failure.message}"
        error = AuthError(message, status=failure.status)
        error.copy_request_from(failure)
        for missing in self.missing:
            error.explain(f"Some servers want {missing}")
        return error

    def end(self, error: BaseException, request: Request[Any]) -> BaseException:
        """The exception for a cancellation, an interrupt or a fault that ended this call, without the frames below."""
        task, operation = asyncio.current_task(), request.operation
        if self.cut and isinstance(error, asyncio.CancelledError) and task is not None and task.uncancel() == 0:
            was_sent = self.sent_at is not None and self.failure is None
            closed = TransportError("the client was closed before the call had ended", sent=was_sent)
            failure = final_error(self.attach_request(closed, request), operation)
            if self.outcome_unknown:
                failure.after_unknown_outcome()
            return failure
        if isinstance(error, Exception):
            # A fault, of a transport or of ours: say where, as the traceback no longer does. Lines of code alone.
            error.add_note(f"Raised below {operation.id}, at:\n{''.join(traceback.format_tb(error.__traceback__))}")
        return _bare(error)


def final_error(failure: SymphonyError, operation: Operation[..., Any]) -> SymphonyError:
    """The error to raise when there is no further attempt."""
    if operation.idempotent or classify(failure) is not Failure.OUTCOME_UNKNOWN:
        return failure
    unknown = OutcomeUnknown(failure.message)
    unknown.copy_request_from(failure)
    unknown.__cause__ = failure
    return unknown


def _bare(error: E) -> E:
    """The error without frames and without errors behind it: those below hold headers, tokens and bodies."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            _bare(part)
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
