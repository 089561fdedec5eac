"""pod.presence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest

from aiosymphony import ConfigError, OutcomeUnknown, PodClient, TransportError
from aiosymphony.sandbox import Sandbox
from aiosymphony.testing import SentRequest, make_response
from aiosymphony.transport import Response

from .wire import Wire, sent

BUSY = {"category": "BUSY", "userId": 7, "timestamp": 1}


@pytest.mark.parametrize(
    ("call", "answer", "request_"),
    [
        (lambda presence: presence.get_own(), BUSY, sent("GET", "/pod/v2/user/presence")),
        (
            lambda presence: presence.set_own("BUSY"),
            BUSY,
            sent("POST", "/pod/v2/user/presence", {"category": "BUSY"}),
        ),
        (
            lambda presence: presence.set_own("BUSY", soft=True),
            BUSY,
            sent("POST", "/pod/v2/user/presence?soft=true", {"category": "BUSY"}),
        ),
        (lambda presence: presence.get(7), BUSY, sent("GET", "/pod/v3/user/7/presence")),
        (lambda presence: presence.get(7, local=True), BUSY, sent("GET", "/pod/v3/user/7/presence?local=true")),
        (
            lambda presence: presence.set(7, "BUSY", soft=False),
            BUSY,
            sent("POST", "/pod/v3/user/presence?soft=false", {"category": "BUSY", "userId": 7}),
        ),
        (
            lambda presence: presence.register_interest(iter([7, 8])),
            {},
            sent("POST", "/pod/v1/user/presence/register", [7, 8]),
        ),
        (lambda presence: presence.create_feed(), {"id": "f"}, sent("POST", "/pod/v1/presence/feed/create")),
        (lambda presence: presence.read_feed("f/1"), [BUSY], sent("GET", "/pod/v1/presence/feed/f%2F1/read")),
        (lambda presence: presence.delete_feed("f"), {"id": "f"}, sent("POST", "/pod/v1/presence/feed/f/delete")),
        (lambda presence: presence.list().first(), [], sent("GET", "/pod/v2/users/presence?limit=5000")),
    ],
)
async def test_what_is_sent(
    wire: Wire, call: Callable[[Any], Awaitable[object]], answer: Any, request_: tuple[str, str, Any]
) -> None:
    wire.answers(answer)
    await call(wire.pod.presence)
    assert wire.sent == [request_]


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 9, 10])
async def test_everybody_once_whether_or_not_the_last_user_comes_again(wire: Wire, inclusive: bool, count: int) -> None:
    def answer(request: SentRequest) -> Response:
        query = {name: int(value) for name, value in parse_qsl(request.query)}
        last = query.get("lastUserId", -1)
        ids = [n for n in range(count) if n > last or (inclusive and n == last)]
        return make_response(200, json=[{"userId": n, "category": "AWAY"} for n in ids[: query["limit"]]])

    wire.answers(answer)
    found = await wire.pod.presence.list(page_size=3).collect()
    assert [presence.user_id for presence in found] == list(range(count))


async def test_pages_of_one_are_refused(wire: Wire) -> None:
    with pytest.raises(ConfigError, match="page_size must be 2 or more"):
        await wire.pod.presence.list(page_size=1).first()
    assert wire.requests == []


async def test_reading_a_feed_is_not_repeated_as_it_takes_out_what_it_reads(wire: Wire) -> None:
    wire.answers(TransportError("the connection was lost"), [BUSY])
    with pytest.raises(Exception, match="connection was lost"):
        await wire.pod.presence.read_feed("f")
    assert len(wire.requests) == 1


async def test_deleting_a_feed_is_not_repeated(wire: Wire) -> None:
    wire.answers(TransportError("the connection was lost"))
    with pytest.raises(OutcomeUnknown):
        await wire.pod.presence.delete_feed("f")
    assert len(wire.requests) == 1


@pytest.mark.symphony_sandbox(users=7, page_cap=3)
async def test_a_life_in_the_sandbox(pod: PodClient, symphony_sandbox: Sandbox) -> None:
    presence = pod.presence
    users = [user.id for user in symphony_sandbox.state.users()]
    feed = await presence.create_feed()
    assert (await presence.set_own("BUSY")).category == "BUSY"
    assert (await presence.get_own()).category == "BUSY"
    me = (await pod.session.info()).id
    other = next(user for user in users if user != me)
    await presence.register_interest([other])
    await presence.set(other, "AWAY")
    assert (await presence.get(other, local=True)).category == "AWAY"
    assert {change.category for change in await presence.read_feed(feed)} >= {"AWAY"}
    assert await presence.read_feed(feed) == []
    await presence.delete_feed(feed)
    everybody = await presence.list(page_size=3).collect()
    assert [each.user_id for each in everybody] == sorted(users)
