"""A server that answers from a list, and what it was sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import respx

from aiosymphony import ConnectClient, PodClient, RetryPolicy, StaticToken
from aiosymphony.transport.httpx import HttpxTransport

HOST = "https://acme.symphony.test"

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


def sent(method: str, target: str, body: Any = None) -> tuple[str, str, Any]:
    """A request as :attr:`Wire.sent` lists it."""
    return method, target, body


class CountingTransport(HttpxTransport):
    """Counts how often the pool was dropped."""

    resets = 0

    def reset(self) -> None:
        self.resets += 1
        super().reset()


class Wire:
    """Both clients against one server, which answers from a list; the last answer stays."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.transport = CountingTransport(http)
        retry = RetryPolicy(base=0.001, throttle_base=0.001)
        self.pod = PodClient(HOST, StaticToken("pod-token"), transport=self.transport, retry=retry)
        self.connect = ConnectClient(StaticToken("connect-token"), base_url=HOST, transport=self.transport, retry=retry)
        self.requests: list[httpx.Request] = []
        self._answers: list[Answer] = []

    def answers(self, *answers: Any, status: int = 200) -> None:
        """Set the answers: JSON for a 200, a whole response, an error of httpx, or a function of the request."""
        self._answers = [
            answer
            if isinstance(answer, httpx.Response | Exception) or callable(answer)
            else httpx.Response(status, json=answer)
            for answer in answers
        ]

    def respond(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    @property
    def sent(self) -> list[tuple[str, str, Any]]:
        """Method, path with query, and body (None for none) of all requests. Their headers are checked on the way."""
        found = []
        for request in self.requests:
            target = request.url.raw_path.decode("ascii")
            token = ("Authorization", "Bearer connect-token") if target.startswith("/api/") else (
                "sessionToken", "pod-token")  # fmt: skip
            assert request.headers[token[0]] == token[1]
            assert request.headers["Accept"] == "application/json"
            assert ("Content-Type" in request.headers) == bool(request.content)
            if request.content:
                assert request.headers["Content-Type"] == "application/json"
            found.append(sent(request.method, target, orjson.loads(request.content) if request.content else None))
        return found


@asynccontextmanager
async def open_wire() -> AsyncIterator[Wire]:
    """A wire whose requests cannot leave the process."""
    router = respx.Router()
    async with httpx.AsyncClient(transport=httpx.MockTransport(router.async_handler)) as http:
        wire = Wire(http)
        router.route(host="acme.symphony.test").mock(side_effect=wire.respond)
        async with wire.pod, wire.connect:
            yield wire
