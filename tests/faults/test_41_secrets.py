"""Case 41: no secret in any repr, str, log, traceback, pickle.

The fixture ``trail`` looks through what every test of this folder leaves. Here are the ways a secret could take that
no other case goes, and the proof that the fixture would find one.
"""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import pickle
from pathlib import Path

import pytest

from aiosymphony import OnBehalfOf, PodClient
from aiosymphony.auth.oauth import ClientCredentials
from aiosymphony.auth.rsa import RsaAuth
from aiosymphony.auth.secrets import HeaderSecret, Secret
from aiosymphony.auth.static import StaticToken
from aiosymphony.errors import AuthError, BadRequest, ConfigError, Forbidden, SymphonyError, TransportError
from aiosymphony.retry import RetryPolicy
from aiosymphony.transport.base import RequestHeaders

from .canary import CANARY, Trail
from .clients import CREATE, READ, THING, Clients, operation
from .server import FaultServer, close, reply, token

LOGIN = "/login/pubkey/authenticate"
SESSION_READ = operation("GET", auth=("sessionToken",))


@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
async def test_case_41_a_server_that_repeats_the_token_to_the_caller(
    status: int, server: FaultServer, clients: Clients
) -> None:
    async def parrot(exchange) -> None:
        await reply(status, f"<p>you sent {exchange.request.header_lines}</p>")(exchange)

    server.on("POST", THING, then=parrot)
    with pytest.raises(SymphonyError):
        await clients.session(retry=RetryPolicy(attempts=1)).execute(CREATE.build({"name": "x"}))
    assert server.counts["POST", THING] >= 1


async def test_case_41_a_login_that_repeats_the_credentials(server: FaultServer, clients: Clients) -> None:
    async def parrot(exchange) -> None:
        await reply(400, {"error": "bad", "message": f"you sent {exchange.request.body.decode()}"})(exchange)

    server.on("POST", "/oauth/token", then=parrot)
    with pytest.raises(AuthError):
        await clients.session().execute(READ.build())
    assert server.logins["/oauth/token"] == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"accessToken": f"{CANARY}-misspelt"},
        {"access_token": f"{CANARY} with spaces"},
        {"access_token": f"{CANARY}\r\nX-Injected: yes"},
        {"access_token": {"value": CANARY}},
        [CANARY],
        CANARY,
    ],
    ids=["misspelt", "spaces", "line break", "object", "array", "text"],
)
async def test_case_41_a_login_answered_with_a_token_that_cannot_be_used(
    answer, server: FaultServer, clients: Clients
) -> None:
    server.on("POST", "/oauth/token", then=reply(200, answer))
    with pytest.raises(SymphonyError):
        await clients.session(retry=RetryPolicy(attempts=1)).execute(READ.build())
    assert server.logins["/oauth/token"] == 1
    assert server.counts["GET", THING] == 0


async def test_case_41_rsa_login_reads_the_key_anew_and_shows_neither_key_nor_jwt(
    server: FaultServer, clients: Clients, trail: Trail, pem: str, tmp_path: Path
) -> None:
    trail.secrets.update(line for line in pem.splitlines() if "----" not in line)
    file = tmp_path / "bot.pem"
    await asyncio.to_thread(file.write_text, pem)
    server.check_tokens = True
    server.on("GET", THING, then=reply(200, {"id": 1}))
    session = clients.session(auth=await asyncio.to_thread(RsaAuth, "bot", file))
    assert await session.execute(SESSION_READ.build()) == {"id": 1}
    assert server.requests[-1].headers["sessiontoken"] == server.token(1)
    await asyncio.to_thread(file.write_text, "-----BEGIN NONSENSE-----")
    server.expire()
    with pytest.raises(ConfigError, match=r"bot\.pem"):
        await session.execute(SESSION_READ.build())
    await asyncio.to_thread(file.write_text, pem)
    assert await session.execute(SESSION_READ.build()) == {"id": 1}
    assert server.logins[LOGIN] == 2


@pytest.mark.parametrize("answer", [close(), reply(500, {}), reply(401, {}), reply(200, "<html>"), reply(200, {})])
async def test_case_41_rsa_login_that_fails_shows_neither_key_nor_jwt(
    answer, server: FaultServer, clients: Clients, trail: Trail, pem: str
) -> None:
    trail.secrets.update(line for line in pem.splitlines() if "----" not in line)
    server.on("POST", LOGIN, then=answer)
    with pytest.raises(SymphonyError):
        await clients.session(auth=RsaAuth("bot", pem), retry=RetryPolicy(attempts=1)).execute(SESSION_READ.build())
    assert server.logins[LOGIN] == 1
    assert server.seen("POST", LOGIN)[0].json()["token"].startswith("ey")


async def test_case_41_a_lost_request_shows_no_body(server: FaultServer, clients: Clients) -> None:
    server.on("POST", THING, then=close())
    with pytest.raises(SymphonyError):
        await clients.session().execute(CREATE.build({"password": CANARY}))
    assert server.seen("POST", THING)[0].json() == {"password": CANARY}


def test_case_41_secrets_mask_themselves_and_refuse_to_be_pickled() -> None:
    for secret in (Secret("hush"), HeaderSecret("hush")):
        assert "hush" not in f"{secret} {secret!r} {secret:>10} {[secret]} {vars(type(secret))}"
        for keep in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="is a secret and cannot be pickled or copied"):
                keep(secret)
        assert secret.reveal() == "hush"


def test_case_41_headers_show_harmless_values_alone() -> None:
    names = ("sessionToken", "Authorization", "Cookie", "X-API-Key", "X-New", "X-Trace-Id", "Accept")
    shown = repr(RequestHeaders((name, f"value-of-{name}") for name in names))
    assert [name for name in names if f"value-of-{name}" in shown] == ["X-Trace-Id", "Accept"]


@pytest.mark.parametrize("auth", [StaticToken(CANARY), ClientCredentials("id", CANARY)], ids=["static", "client"])
def test_case_41_credentials_cannot_be_pickled_or_dumped(auth) -> None:
    assert CANARY not in repr(auth)
    assert CANARY not in repr(vars(auth))
    with pytest.raises((TypeError, AttributeError)):
        pickle.dumps(auth)
    with pytest.raises(TypeError):
        json.dumps(auth)


def test_case_41_the_trail_finds_a_planted_secret_wherever_it_is(trail: Trail) -> None:
    def found(trail: Trail) -> set[str]:
        return {leak.split(":")[0] for leak in trail.leaks()}

    said = Trail()
    said.errors.append(BadRequest(CANARY))
    assert {"str of BadRequest", "repr of BadRequest", "pickle of BadRequest"} <= found(said)

    attribute = Trail()
    attribute.errors.append(BadRequest("no", details={"sent": CANARY}))
    assert "attributes of BadRequest" in found(attribute)

    logged = Trail()
    logger = logging.getLogger("aiosymphony.tests.planted")
    logger.propagate = False  # the handler of this very test must not see it
    logger.addHandler(logged.handler)
    logger.debug("token %s", CANARY)
    assert found(logged) == {"log"}

    chained = Trail()
    chained.errors.append(TransportError("lost"))
    chained.errors[0].__context__ = ValueError(CANARY)
    assert found(chained) == {"traceback of TransportError"}

    namespace = {"TransportError": TransportError, "CANARY": CANARY}
    # Compiled under another file name, as the frames of this folder are left out.
    exec(compile("def leaks():\n held = CANARY\n raise TransportError('lost')", "product.py", "exec"), namespace)
    frames = Trail()
    try:
        namespace["leaks"]()
    except TransportError as error:
        frames.errors.append(error)
    assert found(frames) == {"local held of leaks in the traceback of TransportError"}
    trail.errors.clear()  # these were planted


@pytest.mark.parametrize("method", ["info", "debug"])
async def test_case_41_debug_logs_name_operations_and_never_urls_with_values(
    method: str, server: FaultServer, clients: Clients, trail: Trail
) -> None:
    server.on("GET", THING, reply(503, ""), then=reply(200, {}))
    await clients.session().execute(READ.build(query="email=jane%40example.com"))
    assert READ.id in trail.log
    assert "jane" not in trail.log
    assert server.counts["GET", THING] == 2
    assert server.seen("GET", THING)[0].query == "email=jane%40example.com"


async def test_case_41_tokens_never_travel_in_the_address(server: FaultServer, clients: Clients) -> None:
    server.on("POST", "/oauth/token", then=token())
    server.on("GET", THING, then=reply(200, {}))
    await clients.session().execute(READ.build())
    assert not any(CANARY in seen.target for seen in server.requests)


async def parrot(exchange) -> None:
    await reply(403, f"<p>you sent {exchange.request.header_lines}</p>")(exchange)


async def test_case_41_acting_for_a_user_shows_neither_the_apps_token_nor_the_users(
    server: FaultServer, trail: Trail, pem: str
) -> None:
    user_login = "/login/pubkey/app/user/7/authenticate"
    trail.secrets.update(line for line in pem.splitlines() if "----" not in line)
    server.check_tokens = True
    server.on("POST", user_login, parrot, then=token())
    server.on("GET", "/pod/v2/sessioninfo", reply(200, {"id": 7}), then=parrot)
    async with PodClient(server.url, OnBehalfOf("app", pem)) as app:
        with pytest.raises(AuthError, match="you sent"):
            await app.on_behalf_of(user_id=7).session.info()
        pod = app.on_behalf_of(user_id=8)
        server.on("POST", "/login/pubkey/app/user/8/authenticate", then=token())
        assert (await pod.session.info()).id == 7
        with pytest.raises(Forbidden, match="you sent"):
            await pod.session.info()
    assert server.logins["/login/pubkey/app/authenticate"] == 1


async def test_case_41_a_logout_that_fails_shows_no_token(server: FaultServer, pem: str) -> None:
    server.on("GET", "/pod/v2/sessioninfo", then=reply(200, {"id": 7}))
    server.on("POST", "/sessionauth/v1/logout", then=parrot)
    async with PodClient(server.url, RsaAuth("bot", pem)) as pod:
        await pod.session.info()
        with pytest.raises(Forbidden, match="you sent"):
            await pod.logout()
    assert server.counts["POST", "/sessionauth/v1/logout"] == 1
