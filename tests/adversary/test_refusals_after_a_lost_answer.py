"""A server that acts, loses its answer, and refuses the repetition: no proof that nothing was changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from aiosymphony import ApiError, AuthError, BadRequest, NotFound, OutcomeUnknown, PodClient, RateLimited, StaticToken
from aiosymphony.errors import SymphonyError, TransportError
from tests.faults.canary import CANARY
from tests.faults.clients import READ, REPLACE, THING, Clients
from tests.faults.server import Exchange, FaultServer, Step, acts, close, reply, reset, truncated

LOST: dict[str, Callable[[], Step]] = {
    "reset": reset,
    "closed": close,
    "cut off": lambda: truncated(b'{"message": "done"}'),
    "cut JSON": lambda: reply(200, '{"message": "do'),
    "500": lambda: reply(500, {"code": 500, "message": "oops"}),
    "504": lambda: reply(504, "<html>gateway"),
}
each_loss = pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())


@pytest.fixture
async def pod(server: FaultServer) -> AsyncIterator[PodClient]:
    async with PodClient(server.url, StaticToken(f"static-{CANARY}")) as pod:
        yield pod
        assert pod.limiter.in_flight == 0


def stop_listening() -> Step:
    """Lose the answer, and from then on refuse connections."""

    async def step(exchange: Exchange) -> None:
        exchange.server._server.close()
        exchange.reset()

    return step


@each_loss
@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (reply(404, {"code": 404, "message": "no such thing"}), NotFound),
        (reply(400, {"code": 400, "message": "already so"}), BadRequest),
        (reply(429, b"", {"Retry-After": "9999"}), RateLimited),
        (reply(418), ApiError),
    ],
)
async def test_a_refusal_of_the_repetition_says_that_the_first_may_have_acted(
    server: FaultServer, clients: Clients, lost: Callable[[], Step], refusal: Step, kind: type[SymphonyError]
) -> None:
    server.on("PUT", THING, acts(lost()), then=refusal)
    with pytest.raises(kind) as caught:
        await clients.session().execute(REPLACE.build({"a": 1}))
    assert caught.value.may_have_acted
    assert "The server may have acted" in str(caught.value)
    assert "Nothing was" not in str(caught.value)
    assert server.counts["PUT", THING] == 2


async def test_no_connection_for_the_repetition_does_not_mean_that_nothing_was_sent(
    server: FaultServer, clients: Clients
) -> None:
    server.on("PUT", THING, then=acts(stop_listening()))
    with pytest.raises(TransportError) as caught:
        await clients.session().execute(REPLACE.build({"a": 1}))
    assert caught.value.kind == "connect"
    assert (caught.value.sent, caught.value.may_have_acted) == (True, True)
    assert "Nothing was sent" not in str(caught.value)
    assert len(server.writes) == 1


async def test_a_token_that_is_refused_at_the_repetition_leaves_the_first_open(
    server: FaultServer, clients: Clients
) -> None:
    server.on("PUT", THING, acts(reset()), then=reply(401, {"code": 401, "message": "no"}))
    with pytest.raises(AuthError) as caught:
        await clients.session().execute(REPLACE.build({"a": 1}))
    assert caught.value.may_have_acted


async def test_a_login_that_fails_before_the_repetition_leaves_the_first_open(
    server: FaultServer, clients: Clients
) -> None:
    server.on("PUT", THING, acts(reset()), then=reply(401, {"code": 401, "message": "expired"}))
    session = clients.session()
    await session.token_cache("bearer").get()
    server.on("POST", "/oauth/token", then=reply(403, {"error": "access_denied"}))
    with pytest.raises(AuthError) as caught:
        await session.execute(REPLACE.build({"a": 1}))
    assert caught.value.may_have_acted


@each_loss
async def test_nothing_of_this_holds_for_what_only_reads(
    server: FaultServer, clients: Clients, lost: Callable[[], Step]
) -> None:
    server.on("GET", THING, lost(), then=reply(404, {"code": 404, "message": "no such thing"}))
    with pytest.raises(NotFound) as caught:
        await clients.session().execute(READ.build())
    assert not caught.value.may_have_acted


async def test_a_refusal_of_the_first_attempt_still_means_that_nothing_was_changed(
    server: FaultServer, clients: Clients
) -> None:
    server.on("PUT", THING, reply(429, b"", {"Retry-After": "0"}), then=reply(404))
    with pytest.raises(NotFound) as caught:
        await clients.session().execute(REPLACE.build({"a": 1}))
    assert not caught.value.may_have_acted
    assert "Nothing was changed" in str(caught.value)


# Operations of each kind, as the facade calls them.

PUTS: dict[tuple[str, str], Callable[[PodClient], Awaitable[Any]]] = {
    ("POST", "/pod/v1/admin/user/7/roles/add"): lambda pod: pod.users.add_role(7, "INDIVIDUAL"),
    ("POST", "/pod/v1/admin/user/7/roles/remove"): lambda pod: pod.users.remove_role(7, "INDIVIDUAL"),
    ("POST", "/pod/v1/admin/user/7/delegates/update"): lambda pod: pod.users.add_delegate(7, 8),
    ("POST", "/pod/v1/user/7/follow"): lambda pod: pod.users.follow(7, [8]),
    ("POST", "/pod/v1/user/7/unfollow"): lambda pod: pod.users.unfollow(7, [8]),
    ("POST", "/pod/v1/room/r/membership/add"): lambda pod: pod.rooms.add_member("r", 7),
    ("POST", "/pod/v1/room/r/membership/remove"): lambda pod: pod.rooms.remove_member("r", 7),
    ("POST", "/pod/v1/admin/system/protocols"): lambda pod: pod.system.add_protocol("skype"),
    ("DELETE", "/pod/v1/admin/system/protocols/skype"): lambda pod: pod.system.remove_protocol("skype"),
    ("DELETE", "/pod/file_ext/v1/allowed_extensions/exe"): lambda pod: pod.system.disallow_file_extension("exe"),
    ("DELETE", "/pod/v1/admin/user/7/disclaimer"): lambda pod: pod.disclaimers.unassign(user_id=7),
    ("POST", "/pod/v1/admin/messagesuppression/bWVzc2FnZQ/suppress"): lambda pod: pod.messages.suppress("bWVzc2FnZQ"),
}
ENDS: dict[tuple[str, str], Callable[[PodClient], Awaitable[Any]]] = {
    ("POST", "/pod/v1/users/7/sessions/logout"): lambda pod: pod.users.end_all_sessions(7),
    ("POST", "/pod/v1/users/7/sessions/s/logout"): lambda pod: pod.users.end_session(7, "s"),
    ("POST", "/pod/v1/presence/feed/f/delete"): lambda pod: pod.presence.delete_feed("f"),
    ("POST", "/pod/v1/connection/reject"): lambda pod: pod.connections.reject(7),
    ("POST", "/pod/v1/connection/user/7/remove"): lambda pod: pod.connections.remove(7),
    ("POST", "/pod/v1/admin/app/a/delete"): lambda pod: pod.applications.delete("a"),
    ("POST", "/pod/v1/companycert/delete"): lambda pod: pod.certificates.delete("ff"),
}


@pytest.mark.parametrize(("asked", "call"), PUTS.items(), ids=[path for _, path in PUTS])
async def test_what_says_how_a_thing_is_to_be_is_repeated_and_its_echo_is_no_refusal(
    server: FaultServer, pod: PodClient, asked: tuple[str, str], call: Callable[[PodClient], Awaitable[Any]]
) -> None:
    server.on(*asked, acts(reset()), then=reply(404, {"code": 404, "message": "there is nothing left to do"}))
    with pytest.raises(NotFound) as caught:
        await call(pod)
    assert caught.value.may_have_acted
    assert server.counts[asked] == 2


@pytest.mark.parametrize(("asked", "call"), ENDS.items(), ids=[path for _, path in ENDS])
async def test_what_ends_a_thing_is_sent_once(
    server: FaultServer, pod: PodClient, asked: tuple[str, str], call: Callable[[PodClient], Awaitable[Any]]
) -> None:
    server.on(*asked, acts(reset()), then=reply(404, {"code": 404, "message": "there is no such thing"}))
    with pytest.raises(OutcomeUnknown):
        await call(pod)
    assert server.counts[asked] == 1
