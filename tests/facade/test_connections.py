"""pod.connections."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aiosymphony import NotFound, OutcomeUnknown, PodClient
from aiosymphony.sandbox import Sandbox

from .wire import Wire, sent

CONNECTION = {"userId": 7, "status": "PENDING_OUTGOING"}


@pytest.mark.parametrize(
    ("call", "answer", "request_"),
    [
        (lambda it: it.list(), [], sent("GET", "/pod/v1/connection/list")),
        (
            lambda it: it.list(status="accepted", user_ids=iter([1, 2])),
            [],
            sent("GET", "/pod/v1/connection/list?status=ACCEPTED&userIds=1%2C2"),
        ),
        (lambda it: it.get(7), CONNECTION, sent("GET", "/pod/v1/connection/user/7/info")),
        (lambda it: it.create(7), CONNECTION, sent("POST", "/pod/v1/connection/create", {"userId": 7})),
        (lambda it: it.accept(7), CONNECTION, sent("POST", "/pod/v1/connection/accept", {"userId": 7})),
        (lambda it: it.reject(7), CONNECTION, sent("POST", "/pod/v1/connection/reject", {"userId": 7})),
        (lambda it: it.remove(7), {}, sent("POST", "/pod/v1/connection/user/7/remove")),
    ],
)
async def test_what_is_sent(
    wire: Wire, call: Callable[[Any], Awaitable[object]], answer: Any, request_: tuple[str, str, Any]
) -> None:
    wire.answers(answer)
    await call(wire.pod.connections)
    assert wire.sent == [request_]


@pytest.mark.parametrize("call", [lambda it: it.accept(7), lambda it: it.reject(7), lambda it: it.remove(7)])
async def test_what_must_not_be_repeated_is_not(wire: Wire, call: Callable[[Any], Awaitable[object]]) -> None:
    wire.answers({}, status=502)
    with pytest.raises(OutcomeUnknown):
        await call(wire.pod.connections)
    assert len(wire.requests) == 1


async def test_statuses_of_older_pods_are_read(wire: Wire) -> None:
    wire.answers([{"userId": 7, "status": "pending_incoming"}])
    [connection] = await wire.pod.connections.list(status="ALL")
    assert connection.status == "pending_incoming"


@pytest.mark.symphony_sandbox(users=3, external_users=1)
async def test_a_life_in_the_sandbox(pod: PodClient, symphony_sandbox: Sandbox) -> None:
    me = (await pod.session.info()).id
    users = [user for user in symphony_sandbox.state.db.users if user.id != me]
    [outside] = [user.id for user in users if user.id not in {u.id for u in symphony_sandbox.state.users()}]
    inside = next(user.id for user in users if user.id != outside)

    assert (await pod.connections.get(inside)).status == "ACCEPTED"
    listed = await pod.connections.list(status="ACCEPTED", user_ids=[inside])
    assert [connection.user_id for connection in listed] == [inside]
    assert await pod.connections.list() == []

    asked = await pod.connections.create(outside)
    assert asked.status == "PENDING_OUTGOING"
    assert await pod.connections.list() == [asked]
    assert await pod.connections.get(outside) == asked
    await pod.connections.remove(outside)
    with pytest.raises(NotFound):
        await pod.connections.get(outside)
