"""The exceptions of this package, one tree::

    SymphonyError
    ├── ConfigError            a wrong option, file or environment variable; nothing was sent
    ├── AuthError              no token could be obtained, or a fresh one was refused
    ├── TransportError         no whole response arrived; .sent says whether the request may have
    ├── OutcomeUnknown         the server may have acted, and repeating the request is not safe
    ├── ApiError               the server answered with an error status
    │   ├── BadRequest         400
    │   ├── Unauthorized       401
    │   ├── Forbidden          403
    │   ├── NotFound           404
    │   ├── Conflict           409
    │   ├── RateLimited        429, or 400 with Retry-After; .retry_after
    │   └── ServerError        500 to 599
    ├── DecodeError            the answer could not be read; .path says where
    │   └── MissingField       the answer lacks a field that it should have; .model and .field name it
    ├── PaginationError        a listing stopped early; .resume says where
    ├── CompanyFailed          Connect could not create a company; .state and .error_message say why
    ├── CompanyTimeout         a company was not ready before the timeout
    └── JobError               a provisioning job cannot go on
        ├── JobRefused         it cannot start with these arguments; nothing was sent
        └── JobInterrupted     it stopped, and the same call resumes it

Every error can be pickled, and none of them holds a token, a key or a request body. What a server said is kept to
2 kB, with control characters escaped and anything that looks like a token removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self

from .codes import ConnectCode, leaves_outcome_unknown

__all__ = [
    "ApiError",
    "AuthError",
    "BadRequest",
    "CompanyFailed",
    "CompanyTimeout",
    "ConfigError",
    "Conflict",
    "DecodeError",
    "Forbidden",
    "JobError",
    "JobInterrupted",
    "JobRefused",
    "MissingField",
    "NotFound",
    "OutcomeUnknown",
    "PaginationError",
    "RateLimited",
    "ServerError",
    "SymphonyError",
    "TransportError",
    "Unauthorized",
]

_SHORTEST_SECRET = 8


class OperationFacts(Protocol):
    """What an error keeps of an :class:`~aiosymphony.Operation`."""

    @property
    def id(self) -> str:
        """Such as ``v2_user_get``."""
        ...

    @property
    def method(self) -> str:
        """The HTTP method."""
        ...

    @property
    def path(self) -> str:
        """The path with placeholders."""
        ...

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        ...


class SymphonyError(Exception):
    """Base of every error that this package raises.

    Attributes:
        message: What happened, without the name of the request.
        operation: The operation's id, such as ``v2_user_get``; empty if no operation was involved.
        method: The HTTP method of the request.
        path_template: The path of the request, without the values filled in.
        trace_id: The ``X-Trace-Id`` of the request, which Symphony's support can look up.
        may_have_acted: Whether the server may have carried the request out, in this attempt or an earlier one.
    """

    message: str
    operation: str
    method: str
    path_template: str
    trace_id: str
    _reads: bool
    _acted: bool | None

    def __init__(self, message: str = "", *, operation: OperationFacts | None = None, trace_id: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.trace_id = trace_id
        self._acted = None
        self.operation = self.method = self.path_template = ""
        self._reads = False
        if operation is not None:
            self.attach_request(operation)

    def attach_request(self, operation: OperationFacts, trace_id: str = "") -> None:
        """Add the request to an error that was raised without it."""
        self.operation, self.method, self.path_template = operation.id, operation.method, operation.path
        self._reads = operation.reads
        self.trace_id = self.trace_id or trace_id

    def copy_request_from(self, other: SymphonyError) -> None:
        """Take over the request of the error that this one replaces."""
        self.operation, self.method, self.path_template = other.operation, other.method, other.path_template
        self._reads = other._reads
        self.trace_id = other.trace_id

    @property
    def may_have_acted(self) -> bool:
        """Whether the server may have carried the request out, in this attempt or an earlier one.

        Decided by the failure of the last attempt, unless it was set by code that knows of earlier ones.
        """
        return self._leaves_open() if self._acted is None else self._acted

    @may_have_acted.setter
    def may_have_acted(self, value: bool) -> None:
        self._acted = value

    def _leaves_open(self) -> bool:
        """Whether this failure leaves the outcome of its request unknown."""
        return False

    def after_unknown_outcome(self) -> None:
        """Note that an earlier attempt of the same call may have been carried out."""
        self.may_have_acted = True

    def copy(self) -> Self:
        """An equal error, to raise in another task: one object raised in many tasks collects all their tracebacks."""
        copy = type(self)(*self.args)
        copy.__dict__.update(self.__dict__)
        return copy

    def explain(self, sentence: str) -> None:
        """Add a sentence to the message."""
        self.message += f" {sentence}" if self.message.endswith((".", "!", "?")) else f". {sentence}"
        self.args = (self.message, *self.args[1:])

    def redact(self, secret: str) -> None:
        """Remove a secret that the server may have repeated, unless it is shorter than 8 characters."""
        if len(secret) < _SHORTEST_SECRET:
            return
        for name in ("message", "server_message", "code", "trace_id"):
            value = getattr(self, name, None)
            if isinstance(value, str):
                setattr(self, name, value.replace(secret, "***"))
        self.args = (self.message, *self.args[1:])

    def __str__(self) -> str:
        what = f"{self.method} {self.path_template}: {self.message}" if self.method else self.message
        if self.trace_id:
            what += f" [trace {self.trace_id}]"
        hint = self.hint()
        if not hint:
            return what
        return f"{what} {hint}" if what.endswith((".", "!", "?")) else f"{what}. {hint}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def hint(self) -> str:
        """What is certain and what to do next, as a sentence; empty if there is nothing to add."""
        return "The server may have acted." if self.may_have_acted else ""


class ConfigWarning(UserWarning):
    """Something in a configuration is not understood, or means nothing here."""


class ConfigError(SymphonyError, ValueError):
    """An option, argument, file or environment variable is not usable. Nothing was sent."""


class AuthError(SymphonyError):
    """No token could be obtained, or the server refused one that it had just issued.

    Attributes:
        status: The status of the answer that caused it; None if there was no answer.
    """

    status: int | None

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        operation: OperationFacts | None = None,
        trace_id: str = "",
    ) -> None:
        super().__init__(message, operation=operation, trace_id=trace_id)
        self.status = status


class TransportError(SymphonyError):
    """No whole response arrived.

    Attributes:
        sent: False if the server certainly received nothing of the request.
        permanent: True if trying again cannot help (an unsuitable certificate, an impossible URL).
        kind: One of ``connect``, ``tls``, ``timeout``, ``disconnected``, ``protocol``, ``too_large``.
    """

    sent: bool
    permanent: bool
    kind: str

    def __init__(
        self,
        message: str = "",
        *,
        sent: bool = True,
        permanent: bool = False,
        kind: str = "disconnected",
        operation: OperationFacts | None = None,
        trace_id: str = "",
    ) -> None:
        super().__init__(message, operation=operation, trace_id=trace_id)
        self.sent = sent
        self.permanent = permanent
        self.kind = kind

    def _leaves_open(self) -> bool:
        return self.sent and not self._reads

    def after_unknown_outcome(self) -> None:
        super().after_unknown_outcome()
        self.sent = True

    def hint(self) -> str:
        return super().hint() if self.sent else "Nothing was sent."


class OutcomeUnknown(SymphonyError):
    """The request may have taken effect, and repeating the operation is not safe.

    Before sending it again, look up what it would have created or changed. ``__cause__`` is the failure.
    """

    def _leaves_open(self) -> bool:
        return True

    def hint(self) -> str:
        return "The server may have acted: look the result up before sending this again."


class ApiError(SymphonyError):
    """The server answered with an error status.

    If ``may_have_acted`` is true, "Nothing was changed" in the classes below does not hold: an earlier attempt of the
    same call went unanswered, and this answer may be a consequence of what it did.

    Attributes:
        status: The HTTP status.
        code: The error code in the answer: the Pod's ``code``, Connect's ``detailErrorCode``. Digits in text become a
            number; other text stays; None if the answer has none.
        server_message: What the server said, at most 2 kB.
        retry_after: Seconds the server asked to wait; None if it gave no usable number.
        details: Other fields of a JSON error answer, such as an Agent's ``details``.
        server_time: The time of the answer by the server's clock (``Date``), in seconds since the epoch, or None.
    """

    status: int
    code: int | str | None
    server_message: str
    retry_after: float | None
    details: Mapping[str, Any]
    server_time: float | None

    def __init__(
        self,
        message: str = "",
        *,
        status: int = 0,
        code: int | str | None = None,
        server_message: str = "",
        retry_after: float | None = None,
        details: Mapping[str, Any] | None = None,
        server_time: float | None = None,
        operation: OperationFacts | None = None,
        trace_id: str = "",
    ) -> None:
        super().__init__(message, operation=operation, trace_id=trace_id)
        self.server_time = server_time
        self.status = status
        self.code = code
        self.server_message = server_message
        self.retry_after = retry_after
        self.details = {} if details is None else details

    def _leaves_open(self) -> bool:
        return leaves_outcome_unknown(self.status, self.retry_after) and not self._reads

    def redact(self, secret: str) -> None:
        super().redact(secret)
        if len(secret) >= _SHORTEST_SECRET and secret in repr(self.details):
            self.details = {}

    @property
    def company_not_ready(self) -> bool:
        """Whether Connect says that the company does not exist or is not COMPLETED (code 40102), under any status."""
        return self.code == ConnectCode.COMPANY_NOT_READY and not self.may_have_acted

    def hint(self) -> str:
        return super().hint() or ("" if self._reads or not self.method else "Nothing was changed.")


class BadRequest(ApiError):
    """400, or Connect's code 40001: the server did not accept the arguments. Nothing was changed."""


class Unauthorized(ApiError):
    """401: the token is missing, expired or refused. Nothing was changed."""


class Forbidden(ApiError):
    """403: the account lacks the entitlement that the operation needs. Nothing was changed."""


class NotFound(ApiError):
    """404, or Connect's code 40102 (the company is missing or not COMPLETED) or 40106 (the user is missing).

    There is no such thing, or the account may not see it. Nothing was changed.
    """


class Conflict(ApiError):
    """409, or Connect's code 40002 (the email exists) or 40103 (the domains are taken).

    The request contradicts what is there. Nothing was changed.
    """


class RateLimited(ApiError):
    """429, or 400 with ``Retry-After``: too many requests. Nothing was changed; wait ``retry_after`` seconds."""


class ServerError(ApiError):
    """500 to 599: the server or a gateway failed. A write may have taken effect nevertheless."""


class DecodeError(SymphonyError):
    """An answer arrived that does not have the form of its operation.

    Attributes:
        path: Where in the answer, as in ``$.users[3].id``; ``$`` is the whole.
        status: The HTTP status of the answer.
    """

    path: str
    status: int

    def __init__(
        self,
        message: str = "",
        *,
        path: str = "$",
        status: int = 200,
        operation: OperationFacts | None = None,
        trace_id: str = "",
    ) -> None:
        super().__init__(message, operation=operation, trace_id=trace_id)
        self.path = path
        self.status = status

    def _leaves_open(self) -> bool:
        return not self._reads


class MissingField(DecodeError, AttributeError):
    """A field was read that answers of its kind always have, and that this one lacks.

    The rest of the answer is as good as any: only the field is missing. It is an AttributeError too, so that
    ``getattr(model, name, None)`` reads a field that may be missing.

    Attributes:
        model: The class of the object, such as ``V2UserDetail``.
        field: The name of the attribute.
    """

    model: str
    field: str

    def __init__(self, message: str = "", *, model: str = "", field: str = "") -> None:
        super().__init__(message)
        self.model, self.field = model, field

    def _leaves_open(self) -> bool:
        return False


class PaginationError(SymphonyError):
    """A listing stopped before its end.

    Attributes:
        resume: The arguments of the page that failed, such as ``{"skip": 300}``; ``Pager.starting_at`` takes them.
        items_seen: How many items were handed out before.
    """

    resume: Mapping[str, Any]
    items_seen: int

    def __init__(
        self,
        message: str = "",
        *,
        resume: Mapping[str, Any] | None = None,
        items_seen: int = 0,
        operation: OperationFacts | None = None,
        trace_id: str = "",
    ) -> None:
        super().__init__(message, operation=operation, trace_id=trace_id)
        self.resume = {} if resume is None else resume
        self.items_seen = items_seen

    def hint(self) -> str:
        return f"{self.items_seen} items were handed out before; the page that failed is {dict(self.resume)}."


class CompanyFailed(SymphonyError):
    """Connect could not create a company: it stays in an error state.

    Attributes:
        company_id: The company.
        state: Its state, such as ``TENANT_CREATION_ERROR``.
        error_message: What Connect says about it; empty if nothing.
    """

    company_id: str
    state: str
    error_message: str

    def __init__(self, message: str = "", *, company_id: str = "", state: str = "", error_message: str = "") -> None:
        super().__init__(message)
        self.company_id = company_id
        self.state = state
        self.error_message = error_message


class CompanyTimeout(SymphonyError, TimeoutError):
    """A company was not COMPLETED before the timeout. Connect continues to create it.

    Attributes:
        company_id: The company.
        state: The last state that Connect reported.
    """

    company_id: str
    state: str

    def __init__(self, message: str = "", *, company_id: str = "", state: str = "") -> None:
        super().__init__(message)
        self.company_id = company_id
        self.state = state


class JobError(SymphonyError):
    """A provisioning job cannot start or go on."""


class JobRefused(JobError):
    """A provisioning job cannot start with these arguments: nothing was sent, and trying again does not help.

    Attributes:
        advice: Text of several lines that helps, such as the column map to write; empty if there is none.
    """

    advice: str

    def __init__(self, message: str = "", *, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


class JobInterrupted(JobError):
    """A provisioning job stopped; the same call resumes it."""
