"""Cases 5, 14 and 15 through the clients that people use: what a create promises when the wire lies.

A create that may have happened is never sent again, and an answer to somebody else's request is never taken for its.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from aiosymphony import ClientCredentials, ConnectClient, OutcomeUnknown, PodClient, RsaAuth, StaticToken
from aiosymphony.errors import TransportError
from aiosymphony_api.connect.models import User

from .canary import CANARY
from .clients import operation
from .server import Exchange, FaultServer, Step, acts, close, dies_under_next, reply, reset, response, truncated

POD_USER = "/pod/v2/admin/user/create"
POD_ROOM = "/pod/v3/room/create"
COMPANY = "/api/v2/companies"
COMPANY_USERS = "/api/v2/companies/c1/users"
READ_MESSAGES = operation("GET", "/agent/v4/messages", api="agent", auth=("sessionToken", "keyManagerToken"))


@pytest.fixture
async def pod(server: FaultServer) -> AsyncIterator[PodClient]:
    async with PodClient(server.url, StaticToken(f"static-{CANARY}")) as pod:
        yield pod
        assert pod.limiter.in_flight == 0


@pytest.fixture
async def connect(server: FaultServer) -> AsyncIterator[ConnectClient]:
    credentials = ClientCredentials("id", f"secret-{CANARY}", token_url=f"{server.url}/oauth/token")
    async with ConnectClient(credentials, base_url=server.url) as connect:
        yield connect
        assert connect.limiter.in_flight == 0


def pod_user(name: str) -> dict[str, Any]:
    return {"userAttributes": {"userName": name, "emailAddress": f"{name}@example.com"}, "userSystemInfo": {"id": 7}}


def create_user(pod: PodClient, name: str = "jane") -> Awaitable[Any]:
    return pod.users.create(user_name=name, email=f"{name}@example.com", first_name="J", last_name="D")


LOST: dict[str, Callable[[], Step]] = {
    "closed": close,
    "reset": reset,
    "truncated": lambda: truncated(json.dumps(pod_user("jane")).encode()),
    "cut json": lambda: reply(200, json.dumps(pod_user("jane"))[:-9]),
    "html": lambda: reply(200, "<html>", content_type="text/html"),
    "500": lambda: reply(500, {"code": 500, "message": "oops"}),
    "502": lambda: reply(502, "<html>bad gateway"),
    "503": lambda: reply(503, ""),
    "504": lambda: reply(504, ""),
    "408": lambda: reply(408, ""),
}


@pytest.mark.parametrize("lost", LOST)
async def test_case_05_pod_user_is_created_once_however_the_reply_is_lost(
    lost: str, server: FaultServer, pod: PodClient
) -> None:
    server.on("POST", POD_USER, then=acts(LOST[lost]()))
    with pytest.raises(OutcomeUnknown, match="may have acted"):
        await create_user(pod)
    assert len(server.writes) == server.counts["POST", POD_USER] == 1


async def test_case_05_pod_user_refused_at_the_door_is_created_once(server: FaultServer, pod: PodClient) -> None:
    too_fast = reply(429, {}, {"Retry-After": "0"})
    busy = reply(503, "", {"Retry-After": "0"})
    server.on("POST", POD_USER, too_fast, busy, then=acts(reply(200, pod_user("jane"))))
    created = await create_user(pod)
    assert created.user_system_info.id == 7
    assert len(server.writes) == 1
    assert server.counts["POST", POD_USER] == 3


async def test_case_05_rooms_and_companies_are_created_once(
    server: FaultServer, pod: PodClient, connect: ConnectClient
) -> None:
    server.on("POST", POD_ROOM, then=acts(close()))
    server.on("POST", COMPANY, then=acts(close()))
    with pytest.raises(OutcomeUnknown):
        await pod.rooms.create(name="Desk", description="d")
    with pytest.raises(OutcomeUnknown):
        await connect.companies.create(name="Lyondell", vanity_name="lyondell", email_domains=["lyondell.com"])
    assert [(method, path) for method, path, _ in server.writes] == [("POST", POD_ROOM), ("POST", COMPANY)]
    assert server.counts["POST", POD_ROOM] == server.counts["POST", COMPANY] == 1


async def test_case_05_a_lost_batch_of_connect_users_is_unknown_and_the_others_go_on(
    server: FaultServer, connect: ConnectClient
) -> None:
    async def created(exchange: Exchange) -> None:
        rows = [row | {"id": f"u-{row['email']}", "status": 201} for row in exchange.request.json()]
        await reply(201, rows)(exchange)

    async def lost_if_it_holds_number_5(exchange: Exchange) -> None:
        numbers = [row["firstName"] for row in exchange.request.json()]
        await acts(close() if "5" in numbers else created)(exchange)

    server.on("POST", COMPANY_USERS, then=lost_if_it_holds_number_5)
    users = [User(email=f"u{n}@example.com", first_name=str(n), last_name="x") for n in range(12)]
    results = await connect.users.create("c1", users, batch_size=4)
    assert [result.ok for result in results] == [True] * 4 + [False] * 4 + [True] * 4
    assert all(result.error is not None and result.error.may_have_acted for result in results[4:8])
    assert len(server.writes) == server.counts["POST", COMPANY_USERS] == 3
    assert server.logins["/oauth/token"] == 1


@pytest.mark.parametrize("behind", [True, False], ids=["own answer behind", "no answer behind"])
async def test_case_14_another_users_answer_is_not_taken_for_the_one_that_was_created(
    behind: bool, server: FaultServer, pod: PodClient
) -> None:
    """Bytes that arrive after the request was written: no transport can tell them from its answer."""
    intruder = response(200, json.dumps(pod_user("mallory")).encode())
    own = response(200, json.dumps(pod_user("jane")).encode())

    async def astray(exchange: Exchange) -> None:
        await exchange.write(intruder)
        await exchange.write(own if behind else b"")

    server.on("POST", POD_USER, acts(astray), then=acts(reply(200, pod_user("joan"))))
    with pytest.raises(OutcomeUnknown, match=r"mallory.*jane"):
        await create_user(pod)
    assert (await create_user(pod, "joan")).user_attributes.user_name == "joan"
    assert len(server.writes) == 2
    assert server.connections == 2  # the pool was dropped


async def test_case_14_an_answer_about_nobody_is_no_proof(server: FaultServer, pod: PodClient) -> None:
    server.on("POST", POD_USER, then=acts(reply(200, {})))
    with pytest.raises(OutcomeUnknown):
        await create_user(pod)
    assert len(server.writes) == server.counts["POST", POD_USER] == 1


@pytest.mark.parametrize("came", ["JANE", " jane ", "Jane"])
async def test_case_14_a_server_may_trim_and_fold_what_was_asked(
    came: str, server: FaultServer, pod: PodClient
) -> None:
    answer = {"userAttributes": {"userName": came, "emailAddress": "Jane@Example.com"}, "userSystemInfo": {"id": 7}}
    server.on("POST", POD_USER, then=acts(reply(200, answer)))
    assert (await create_user(pod)).user_system_info.id == 7
    assert len(server.writes) == 1


async def test_case_14_another_companys_answer_is_not_taken(server: FaultServer, connect: ConnectClient) -> None:
    server.on("POST", COMPANY, then=acts(reply(202, {"id": "c9", "name": "Evil", "vanityName": "evil"})))
    with pytest.raises(OutcomeUnknown, match="evil"):
        await connect.companies.create(name="Lyondell", vanity_name="lyondell", email_domains=["lyondell.com"])
    assert len(server.writes) == server.counts["POST", COMPANY] == 1


async def test_case_15_keep_alive_race_under_a_pod_user(server: FaultServer, pod: PodClient) -> None:
    server.on("GET", "/pod/v2/sessioninfo", then=dies_under_next(200, {"id": 1}))
    server.on("POST", POD_USER, then=acts(reply(200, pod_user("jane"))))
    await pod.session.info()
    with pytest.raises(OutcomeUnknown) as caught:
        await create_user(pod)
    assert isinstance(caught.value.__cause__, TransportError)
    assert server.counts["POST", POD_USER] == 0
    assert server.connections == 1


async def test_case_20_a_pod_only_program_never_touches_the_key_manager(
    server: FaultServer, other: FaultServer, tmp_path: Path, pem: str
) -> None:
    server.check_tokens = True
    server.on("GET", "/pod/v2/sessioninfo", then=reply(200, {"id": 1}))
    async with PodClient(server.url, RsaAuth("bot", pem), key_manager_url=other.url) as pod:
        await pod.session.info()
        server.expire()
        await pod.session.info()
    assert server.logins["/login/pubkey/authenticate"] == 2
    assert other.connections == 0


async def test_case_22_key_manager_down_stops_only_what_needs_it(
    server: FaultServer, other: FaultServer, pem: str
) -> None:
    server.check_tokens = True
    server.on("GET", "/pod/v2/sessioninfo", then=reply(200, {"id": 1}))
    other.on("POST", "/relay/pubkey/authenticate", then=close())
    async with PodClient(server.url, RsaAuth("bot", pem), key_manager_url=other.url, agent_url=other.url) as pod:
        with pytest.raises(TransportError):
            await pod.execute(READ_MESSAGES.build())
        await pod.session.info()
    assert 1 <= other.total <= 4  # the attempts of one login; nothing else was sent
    assert server.logins["/login/pubkey/authenticate"] == 1
