"""What the session tells the transport of a request."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from aiosymphony import StaticToken
from aiosymphony.session import Session
from aiosymphony.transport import Response
from aiosymphony.wire.operation import Operation, Request


class Noting:
    """A transport that notes what it is told, and answers 200."""

    def __init__(self) -> None:
        self.repeatable: list[bool] = []

    async def send(self, *_: Any, repeatable: bool, **__: Any) -> Response:
        self.repeatable.append(repeatable)
        return Response(200, {}, b"")

    def reset(self) -> None:
        pass

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("api", ["pod", "login"])
@pytest.mark.parametrize(
    ("method", "idempotent"), [("POST", False), ("POST", True), ("DELETE", False), ("GET", True), ("GET", False)]
)
async def test_the_transport_is_told_whether_a_request_may_be_sent_twice(
    method: str, idempotent: bool, api: str
) -> None:
    operation: Operation[..., Any] = Operation(
        id="thing",
        api=api,
        method=method,
        path="/thing",
        tag="things",
        auth=(),
        idempotent=idempotent,
        build=lambda: Request(operation, "/thing", "", None, None, None),
        parse=lambda *_: None,
    )
    transport = Noting()
    session = Session(hosts=lambda _: "http://127.0.0.1", auth=StaticToken("t"), transport=transport)
    for _ in range(2):
        await session.execute(operation.build())
    assert transport.repeatable == [idempotent] * 2
    await session.close()


def test_a_built_request_stays_as_it_was_built() -> None:
    operation: Operation[[], None] = Operation(
        id="thing_get", api="pod", method="GET", path="/thing", tag="t", build=lambda: request, parse=lambda *_: None
    )
    request = Request(operation, "/thing", "a=1")
    with_token = request.with_token({"sessionToken": "token"})
    assert (request.headers, request.carries_token) == (None, False)
    assert (with_token.headers, with_token.carries_token, with_token.target) == (
        {"sessionToken": "token"}, True, "/thing?a=1")  # fmt: skip
    other = with_token.as_operation(attrs.evolve(operation, idempotent=True))
    assert (with_token.operation.idempotent, other.operation.idempotent, other.carries_token) == (False, True, True)
