"""Both clients over one scripted transport."""

from __future__ import annotations

from typing import Any

from aiosymphony import ConnectClient, PodClient, RetryPolicy, StaticToken
from aiosymphony.testing import ScriptedTransport, SentRequest

HOST = "https://acme.symphony.test"


def sent(method: str, target: str, body: Any = None) -> tuple[str, str, Any]:
    """A request as :attr:`Wire.sent` lists it."""
    return method, target, body


class Wire:
    """Both clients against one server, which answers from a list; the last answer stays."""

    def __init__(self) -> None:
        self.transport = ScriptedTransport()
        retry = RetryPolicy(base=0.001, throttle_base=0.001)
        self.pod = PodClient(HOST, StaticToken("pod-token"), transport=self.transport, retry=retry)
        self.connect = ConnectClient(StaticToken("connect-token"), base_url=HOST, transport=self.transport, retry=retry)
        self.answers = self.transport.respond_with

    @property
    def requests(self) -> list[SentRequest]:
        return self.transport.requests

    @property
    def sent(self) -> list[tuple[str, str, Any]]:
        """Method, path with query, and body (None for none) of all requests. Their headers are checked on the way."""
        for request in self.requests:
            assert request.url.startswith(f"{HOST}/")
            token = ("Authorization", "Bearer connect-token") if request.path.startswith("/api/") else (
                "sessionToken", "pod-token")  # fmt: skip
            assert request.headers[token[0]] == token[1]
            assert request.headers["Accept"] == "application/json"
            assert ("Content-Type" in request.headers) == bool(request.body)
            if request.body:
                assert request.headers["Content-Type"] == "application/json"
        return self.transport.sent
