"""Logins, and how tokens end."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import time
from typing import Any

import aiohttp
import jwt
import pytest
import trustme

from aiosymphony.sandbox import Bot, Sandbox
from aiosymphony.sandbox.auth import new_key, public_pem

from .conftest import Client, Clock, login_jwt

LOGIN = "/login/pubkey/authenticate"


async def test_a_signed_jwt_gives_a_session_of_the_bot(client: Client, symphony_sandbox: Sandbox) -> None:
    await client.log_in()
    status, me = await client.get("/pod/v2/sessioninfo")
    assert (status, me["username"]) == (200, symphony_sandbox.bot.username)
    assert symphony_sandbox.stats.logins == 1


@pytest.fixture(scope="module")
def other_key() -> str:
    return new_key()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"seconds": -60}, "expired"),
        ({"seconds": 400}, "five minutes"),
        ({"algorithm": "RS256"}, "alg"),
        ({"subject": "nobody"}, "registered key"),
        ({"key": "other"}, "registered key"),
    ],
)
async def test_a_wrong_jwt_is_refused_and_the_answer_says_why(
    client: Client, symphony_sandbox: Sandbox, other_key: str, change: dict[str, Any], reason: str
) -> None:
    bot = symphony_sandbox.bot
    key = other_key if change.pop("key", None) else bot.private_key
    token = login_jwt(change.pop("subject", bot.username), key, **change)
    status, body = await client.post(LOGIN, {"token": token})
    assert status == 401
    assert reason in body["message"].lower()


async def test_a_jwt_without_expiry_and_one_that_is_none_are_refused(client: Client, symphony_sandbox: Sandbox) -> None:
    bot = symphony_sandbox.bot
    for token in (jwt.encode({"sub": bot.username}, bot.private_key, algorithm="RS512"), "no.jwt.atall", ""):
        status, body = await client.post(LOGIN, {"token": token})
        assert (status, body["code"]) == (401, 401)


async def test_a_jwt_signed_with_hmac_of_the_public_key_is_refused(client: Client, symphony_sandbox: Sandbox) -> None:
    # The classic confusion: the public key as the secret of a symmetric algorithm.
    def part(value: dict[str, Any]) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    bot = symphony_sandbox.bot
    text = part({"alg": "HS512"}) + b"." + part({"sub": bot.username, "exp": int(time.time()) + 60})
    signature = hmac.new(public_pem(bot.private_key).encode(), text, hashlib.sha512).digest()
    token = (text + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()
    status, _ = await client.post(LOGIN, {"token": token})
    assert status == 401


async def test_a_replaced_key_stays_good_and_a_revoked_one_does_not(
    client: Client, symphony_sandbox: Sandbox, other_key: str
) -> None:
    bot = symphony_sandbox.bot
    uid = next(symphony_sandbox.state.users()).id
    path = f"/pod/v2/admin/user/{uid}/update"
    old, new = (login_jwt(bot.username, key) for key in (bot.private_key, other_key))
    assert (await client.post(LOGIN, {"token": new}))[0] == 401
    await client.post(path, {"currentKey": {"key": public_pem(other_key), "action": "SAVE"}})
    assert [(await client.post(LOGIN, {"token": token}))[0] for token in (old, new)] == [200, 200]
    await client.post(path, {"currentKey": {"action": "REVOKE"}})
    assert [(await client.post(LOGIN, {"token": token}))[0] for token in (old, new)] == [401, 401]


@pytest.mark.symphony_sandbox(token_ttl=0.7)
async def test_tokens_expire(client: Client, clock: Clock) -> None:
    await client.log_in()
    await client.log_in_connect()
    assert (await client.get("/pod/v2/sessioninfo"))[0] == 200
    assert (await client.get("/api/v2/companies"))[0] == 200
    clock.step(0.7)
    assert (await client.get("/pod/v2/sessioninfo"))[0] == 401
    status, problem = await client.get("/api/v2/companies")
    assert (status, problem["status"]) == (401, 401)
    await client.log_in()
    assert (await client.get("/pod/v2/sessioninfo"))[0] == 200


async def test_revoked_tokens_are_refused(client: Client, symphony_sandbox: Sandbox) -> None:
    assert symphony_sandbox.revoke_tokens() > 0
    assert (await client.get("/pod/v2/sessioninfo"))[0] == 401
    assert (await client.get("/api/v2/companies"))[0] == 401


async def test_a_token_is_good_for_its_own_api_alone(client: Client) -> None:
    session, bearer = client.pod["sessionToken"], client.connect["Authorization"]
    assert (await client.get("/api/v2/companies", headers={"sessionToken": session}))[0] == 401
    assert (await client.get("/api/v2/companies", headers={"Authorization": f"Bearer {session}"}))[0] == 401
    assert (await client.get("/pod/v2/sessioninfo", headers={"Authorization": bearer}))[0] == 401
    assert (await client.get("/pod/v2/sessioninfo", headers={}))[0] == 401


@pytest.mark.symphony_sandbox(users=1)
async def test_on_behalf_of_needs_the_apps_token_and_has_the_users_rights(
    client: Client, symphony_sandbox: Sandbox
) -> None:
    user = list(symphony_sandbox.state.users())[1]
    assert (await client.post(f"/login/pubkey/app/user/{user.id}/authenticate"))[0] == 401
    headers = await client.behalf_of(user.id)
    assert (await client.get("/pod/v1/sessioninfo", headers=headers))[1] == {"userId": user.id}
    assert (await client.get("/pod/v2/admin/user/list", headers=headers))[0] == 403
    await client.post(f"/pod/v1/admin/user/{user.id}/status/update", {"status": "DISABLED"})
    assert (await client.get("/pod/v1/sessioninfo", headers=headers))[0] == 401


async def test_oauth_refuses_wrong_credentials_grants_and_bodies(client: Client, symphony_sandbox: Sandbox) -> None:
    good = {
        "client_id": symphony_sandbox.client_credentials.client_id,
        "client_secret": symphony_sandbox.client_credentials.client_secret,
        "audience": "https://api.symphony.com/partners",
        "grant_type": "client_credentials",
    }
    status, body = await client.post("/oauth/token", good)
    assert (status, set(body)) == (200, {"access_token", "token_type"})
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 86_400
    assert (await client.post("/oauth/token", {**good, "client_secret": "wrong"}))[0] == 401
    assert (await client.post("/oauth/token", {**good, "grant_type": "password"}))[0] == 400
    async with client.session.post("/oauth/token", data=good) as response:
        assert response.status == 415


@pytest.mark.symphony_sandbox(expires_in=True, token_ttl=60)
async def test_oauth_states_its_expiry_where_asked_to(client: Client, symphony_sandbox: Sandbox) -> None:
    credentials = symphony_sandbox.client_credentials
    grant = {"client_id": credentials.client_id, "client_secret": credentials.client_secret}
    _, body = await client.post("/oauth/token", {**grant, "audience": "a", "grant_type": "client_credentials"})
    assert body["expires_in"] == 60


@pytest.mark.symphony_sandbox(trusted_certificate="provisioning-bot")
async def test_a_certificate_login_has_neither_body_nor_content_type(client: Client) -> None:
    path = "/sessionauth/v1/authenticate"
    assert (await client.post(path))[0] == 200
    assert (await client.post(path, {}))[0] == 401
    async with client.session.post(path, headers={"Content-Type": "application/json"}) as response:
        assert response.status == 401


async def test_a_client_certificate_logs_its_common_name_in() -> None:
    ca = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(server)
    ca.configure_trust(server)
    server.verify_mode = ssl.CERT_OPTIONAL
    anonymous, bot, stranger = (ssl.create_default_context() for _ in range(3))
    for context, name in ((anonymous, None), (bot, "provisioning-bot"), (stranger, "stranger")):
        ca.configure_trust(context)
        if name is not None:
            ca.issue_cert(f"{name}@x.example", common_name=name).configure_cert(context)
    async with Sandbox(ssl_context=server, validate_responses=True) as sandbox:
        answers = []
        for context in (anonymous, bot, stranger):
            connector = aiohttp.TCPConnector(ssl=context)
            async with aiohttp.ClientSession(sandbox.url, connector=connector) as session:
                answers.append((await Client(sandbox, session).post("/sessionauth/v1/authenticate"))[0])
        assert answers == [401, 200, 401]


async def test_a_sandbox_takes_the_callers_own_bot(other_key: str) -> None:
    async with Sandbox(bot=Bot("me", other_key)) as sandbox, aiohttp.ClientSession(sandbox.url) as session:
        client = Client(sandbox, session)
        await client.log_in()
        assert (await client.get("/pod/v2/sessioninfo"))[1]["username"] == "me"
    assert other_key not in repr(sandbox.bot)
