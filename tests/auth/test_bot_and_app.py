"""One client for a bot and its application, and the application as an extension app."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import respx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from httpx import Response

from aiosymphony import AuthError, ConfigError, OnBehalfOf, PodClient, RsaAuth, Secret, TokenPair
from aiosymphony.sandbox import Sandbox
from aiosymphony.transport.httpx import HttpxTransport


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(users=3) as made:
        yield made


def bot_and_app(sandbox: Sandbox, **options: Any) -> PodClient:
    bot = RsaAuth(sandbox.bot.username, sandbox.bot.private_key)
    app = OnBehalfOf(sandbox.app.username, sandbox.app.private_key)
    return PodClient(sandbox.url, bot, app=app, **options)


async def test_a_bot_and_its_app_share_connections_and_limits(sandbox: Sandbox) -> None:
    async with bot_and_app(sandbox) as pod:
        me = await pod.session.info()
        assert me.username == sandbox.bot.username
        user = next(user.id for user in sandbox.state.users() if user.id != me.id)
        acting = pod.on_behalf_of(user)
        assert (await acting.session.info()).id == user
        assert acting.limiter is pod.limiter
        assert pod.on_behalf_of(user) is acting
        logins = sandbox.stats.by_operation
        for login in ("", "_app", "_app_user_user_id"):
            assert logins[f"login_pubkey{login}_authenticate_post"] == 1
        sandbox.revoke_tokens()
        assert (await acting.session.info()).id == user
        assert (await pod.session.info()).id == me.id
    with pytest.raises(ConfigError, match="closed"):
        await acting.session.info()


async def test_the_app_calls_as_itself() -> None:
    with respx.mock(base_url="https://acme.symphony.test") as wire:
        login = wire.post("/login/pubkey/app/authenticate").respond(json={"name": "sessionToken", "token": "app-1"})
        info = wire.get("/pod/v2/sessioninfo").respond(json={"id": 7})
        pem = _pem(rsa.generate_private_key(65537, 2048))
        async with PodClient(
            "https://acme.symphony.test", RsaAuth("bot", pem), app=OnBehalfOf("app", pem), transport=HttpxTransport()
        ) as pod:
            itself = pod.as_app()
            assert (await itself.session.info()).id == 7
            assert pod.as_app() is itself
        assert info.calls.last.request.headers["sessionToken"] == "app-1"
        proof = json.loads(login.calls.last.request.content)["token"]
        assert jwt.decode(proof, options={"verify_signature": False})["sub"] == "app"


@pytest.mark.parametrize("name", ["config.yaml", "config.json"])
async def test_a_configuration_with_both_is_both(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    host, _, port = sandbox.url.removeprefix("http://").partition(":")
    content = {
        "scheme": "http",
        "host": host,
        "port": int(port),
        "bot": {"username": sandbox.bot.username, "privateKey": {"content": sandbox.bot.private_key}},
        "app": {"appId": sandbox.app.username, "privateKey": {"content": sandbox.app.private_key}},
    }
    (tmp_path / name).write_text(json.dumps(content))
    async with PodClient.from_config(tmp_path / name) as pod:
        me = await pod.session.info()
        assert (await pod.on_behalf_of(me.id).session.info()).id == me.id
    environment = {
        "SYMPHONY_POD_URL": sandbox.url,
        "SYMPHONY_APP_ID": sandbox.app.username,
        "SYMPHONY_APP_PRIVATE_KEY": sandbox.app.private_key,
    }
    async with PodClient.from_env(environment) as app:
        assert (await app.on_behalf_of(me.id).session.info()).id == me.id
    bot = {"SYMPHONY_BOT_USERNAME": sandbox.bot.username, "SYMPHONY_PRIVATE_KEY": sandbox.bot.private_key}
    async with PodClient.from_env(environment | bot) as pod:
        assert (await pod.session.info()).id == me.id
        assert (await pod.on_behalf_of(me.id).session.info()).id == me.id


async def test_without_an_app_nothing_of_it_is_to_be_had(sandbox: Sandbox) -> None:
    async with PodClient(sandbox.url, RsaAuth(sandbox.bot.username, sandbox.bot.private_key)) as pod:
        for ask in (lambda: pod.on_behalf_of(1), pod.as_app, pod.extension_app):
            with pytest.raises(ConfigError, match="has no application"):
                ask()


async def test_an_extension_app_logs_its_front_end_in(sandbox: Sandbox) -> None:
    async with bot_and_app(sandbox) as pod:
        app = pod.extension_app()
        pair = await app.authenticate()
        other = await app.authenticate("own-token")
        assert other.app_token.reveal() == "own-token"
        assert pair.expires_at is not None
        assert "***" in repr(pair)
        assert pair.symphony_token.reveal() not in repr(pair)
        shown = pair.app_token.reveal(), pair.symphony_token.reveal()
        assert await app.is_valid(*shown)
        assert not await app.is_valid(shown[0], other.symphony_token.reveal())
        assert not await app.is_valid("unknown", shown[1])
        assert not await app.is_valid("", "")
        assert not await pod.extension_app().is_valid(*shown), "another store"


async def test_a_pair_ends_when_the_pod_says_so(sandbox: Sandbox) -> None:
    class Kept:
        async def save(self, pair: TokenPair) -> None: ...

        async def find(self, app_token: Secret) -> TokenPair | None:
            return TokenPair(app_token, Secret("given"), expires_at=1.0)

    async with bot_and_app(sandbox) as pod:
        assert not await pod.extension_app(store=Kept()).is_valid("app", "given")


class Pod:
    """A pod that signs JWTs, and changes its key."""

    def __init__(self, wire: respx.MockRouter) -> None:
        self.rotate()
        self.route = wire.get("/pod/v1/podcert").mock(side_effect=lambda _: Response(200, json=self.answer))

    def rotate(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pod")])
        now = datetime.now(UTC)
        made = x509.CertificateBuilder(name, name, self.key.public_key(), 1, now, now + timedelta(days=9))
        pem = made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        self.answer = {"certificate": pem.decode()}

    def sign(self, algorithm: str = "RS512", **claims: Any) -> str:
        told = {"aud": "app", "sub": 7, "exp": datetime.now(UTC) + timedelta(minutes=5), "user": {"id": 7}} | claims
        told = {name: value for name, value in told.items() if value is not None}
        return jwt.PyJWT({"enforce_minimum_key_length": False}).encode(told, self.key, algorithm=algorithm)


def _pem(key: rsa.RSAPrivateKey) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


async def test_a_jwt_is_checked_with_the_pods_certificate_also_after_a_rotation() -> None:
    with respx.mock(base_url="https://acme.symphony.test") as wire:
        pod = Pod(wire)
        auth = OnBehalfOf("app", _pem(rsa.generate_private_key(65537, 2048)))
        async with PodClient("https://acme.symphony.test", auth, transport=HttpxTransport()) as client:
            app = client.extension_app()
            for _ in range(3):
                assert (await app.validate_jwt(pod.sign()))["user"] == {"id": 7}
            assert pod.route.call_count == 1
            assert "sessionToken" not in pod.route.calls.last.request.headers
            for wrong, why in (
                (pod.sign(aud="another"), "Audience"),
                (pod.sign(aud=None), "aud"),
                (pod.sign(exp=datetime.now(UTC) - timedelta(minutes=1)), "expired"),
                (pod.sign(exp=None), "exp"),
                (pod.sign("RS256"), "alg"),
                (jwt.encode({"aud": "app"}, "", algorithm="none"), "alg"),
                ("no JWT at all", "Not enough segments"),
            ):
                with pytest.raises(AuthError, match=f"is not valid for the app app: .*{why}"):
                    await app.validate_jwt(wrong)
            assert pod.route.call_count == 1
            pod.rotate()
            with pytest.raises(AuthError, match="Signature"):
                await app.validate_jwt(pod.sign())
            assert pod.route.call_count == 1, "it was fetched a moment ago"
            app._fetched_at -= 61
            assert (await app.validate_jwt(pod.sign()))["sub"] == 7
            assert pod.route.call_count == 2
