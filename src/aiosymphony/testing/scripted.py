"""A transport that answers from a script, for tests of what a client sends and how it takes an answer."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
from attrs import field, frozen
from multidict import CIMultiDict

from ..errors import TransportError
from ..transport import COMMON_HEADERS, MAX_BYTES, Response

__all__ = ["ScriptedTransport", "SentRequest", "make_response"]

_NO_BODY: Any = object()


def make_response(
    status: int = 200, *, json: Any = _NO_BODY, content: bytes = b"", headers: Mapping[str, str] | None = None
) -> Response:
    """A response for a script.

    Args:
        status: HTTP status.
        json: The body as a JSON value.
        content: The body as bytes, if it is not JSON.
        headers: Response headers, whose names may be in any case.
    """
    known: CIMultiDict[str] = CIMultiDict(headers or {})
    if json is not _NO_BODY:
        content = orjson.dumps(json)
        known.setdefault("Content-Type", "application/json")
    return Response(status, known, content)


@frozen
class SentRequest:
    """A request that the transport was given. Its repr shows neither headers nor body: they may hold secrets."""

    method: str
    url: str
    """Absolute and percent-encoded, as it was sent."""
    headers: Mapping[str, str] = field(repr=False)
    """All headers, including the token; names are case-insensitive."""
    body: bytes | None = field(repr=False)

    @property
    def path(self) -> str:
        """The percent-encoded path from the host's root."""
        return urlsplit(self.url).path

    @property
    def query(self) -> str:
        """The percent-encoded query string without the question mark; empty if there is none."""
        return urlsplit(self.url).query

    @property
    def target(self) -> str:
        """The path with the query, percent-encoded."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def json(self) -> Any:
        """The body, parsed as JSON; None if there is no body."""
        return orjson.loads(self.body) if self.body else None


class ScriptedTransport:
    """A transport that answers from a script and records requests. It opens no socket.

        transport = ScriptedTransport({"id": 7, "emailAddress": "ada@acme.com"})
        async with PodClient("https://acme.symphony.test", StaticToken("token"), transport=transport) as pod:
            await pod.users.get(uid=7)
        assert transport.sent == [("GET", "/pod/v2/user?uid=7", None)]

    The client retries as always; with `retry=RetryPolicy(base=0.001, throttle_base=0.001)` it hardly waits.

    Attributes:
        requests: Every request, in the order of sending.
        resets: How often the client has asked for new connections.
        closed: Whether the client has closed the transport.

    """

    def __init__(self, *responses: Any) -> None:
        """Take the script, as :meth:`respond_with` does."""
        self.requests: list[SentRequest] = []
        self.resets = 0
        self.closed = False
        self._script: list[Any] = []
        self.respond_with(*responses)

    def respond_with(self, *responses: Any, status: int = 200) -> None:
        """Replace the script. Each request takes the next response; the last one is repeated.

        Args:
            *responses: Each one of

                * a JSON value: a response with this body;
                * a `Response`, such as `make_response` makes;
                * a `TransportError`, which is raised: no whole response arrived;
                * a function that is given the `SentRequest` and returns, or raises, one of these.
            status: Status of the responses that are JSON values.

        """
        self._script = [
            response if _is_more_than_json(response) else make_response(status, json=response) for response in responses
        ]

    @property
    def sent(self) -> list[tuple[str, str, Any]]:
        """Method, path with query, and JSON body (None if there is none) of every request."""
        return [(request.method, request.target, request.json()) for request in self.requests]

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        timeout: float,  # noqa: ARG002, ASYNC109 - see Transport.send; no script takes time
        max_bytes: int = MAX_BYTES,  # noqa: ARG002
        repeatable: bool = True,  # noqa: ARG002
    ) -> Response:
        """See :meth:`Transport.send`.

        Raises:
            TransportError: The script has one.
            AssertionError: There is no script.

        """
        request = SentRequest(method, url, CIMultiDict({**COMMON_HEADERS, **headers}), body)
        self.requests.append(request)
        if not self._script:
            raise AssertionError(f"there is no response for {method} {request.target}: call respond_with() first")
        response = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if callable(response):
            response = response(request)
        if isinstance(response, TransportError):
            # The client adds to an error what it knows of the call; a repeated one must not hold that of the last.
            raise copy.copy(response)
        return response if isinstance(response, Response) else make_response(json=response)

    def reset(self) -> None:
        """Count that the client wants new connections."""
        self.resets += 1

    async def close(self) -> None:
        """Note that the client is closed. The transport still answers if it is used."""
        self.closed = True


def _is_more_than_json(response: Any) -> bool:
    return isinstance(response, Response | TransportError) or callable(response)
