"""Every way to log in, over real sockets, against a sandbox that checks signatures, certificates and tokens."""

import asyncio
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from aiosymphony import (
    AuthError,
    CertificateAuth,
    ClientCredentials,
    ConfigError,
    ConnectClient,
    OnBehalfOf,
    PodClient,
    RsaAuth,
    StaticToken,
    TransportError,
)
from aiosymphony.observer import Attempt
from aiosymphony.sandbox import Sandbox
from aiosymphony.transport.httpx import HttpxTransport


def rsa_auth(sandbox: Sandbox) -> RsaAuth:
    return RsaAuth(sandbox.bot.username, sandbox.bot.private_key)


def pem(key: rsa.RSAPrivateKey, layout: serialization.PrivateFormat) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, layout, serialization.NoEncryption())


async def test_200_concurrent_calls_on_an_expired_token_make_one_login() -> None:
    async with Sandbox() as sandbox, PodClient(sandbox.url, rsa_auth(sandbox)) as pod:
        await pod.session.info()
        sandbox.revoke_tokens()
        sandbox.stats.reset()
        answers = await asyncio.gather(*(pod.session.info() for _ in range(200)))
        assert len(answers) == 200
        assert all(answer.username == sandbox.bot.username for answer in answers)
        assert sandbox.stats.logins == 1


async def test_200_first_calls_make_one_login_and_a_cancelled_one_harms_none() -> None:
    async with Sandbox() as sandbox, PodClient(sandbox.url, rsa_auth(sandbox)) as pod:
        calls = [asyncio.create_task(pod.session.info()) for _ in range(200)]
        await asyncio.sleep(0)
        calls[0].cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(outcomes[0], asyncio.CancelledError)
        assert not any(isinstance(outcome, BaseException) for outcome in outcomes[1:])
        assert sandbox.stats.logins == 1
        assert pod.limiter.in_flight == 0


async def test_a_pod_only_program_never_touches_the_key_manager() -> None:
    async with Sandbox() as sandbox:
        async with PodClient(sandbox.url, rsa_auth(sandbox), key_manager_url="http://127.0.0.1:9") as pod:
            await pod.session.info()
        assert "relay_pubkey_authenticate_post" not in sandbox.stats.by_operation


@pytest.mark.parametrize("layout", [serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8])
async def test_a_key_file_is_read_again_at_each_login(tmp_path: Path, layout: serialization.PrivateFormat) -> None:
    async with Sandbox() as sandbox:
        key = serialization.load_pem_private_key(sandbox.bot.private_key.encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        file = tmp_path / "bot.pem"
        file.write_bytes(pem(key, layout))
        async with PodClient(sandbox.url, RsaAuth(sandbox.bot.username, file)) as pod:
            await pod.session.info()
            stranger = rsa.generate_private_key(65537, 2048)
            file.write_bytes(pem(stranger, layout))
            sandbox.revoke_tokens()
            with pytest.raises(AuthError, match="refused"):
                await pod.session.info()


async def test_a_refused_login_is_not_repeated_for_a_minute() -> None:
    async with Sandbox() as sandbox:
        stranger = pem(rsa.generate_private_key(65537, 2048), serialization.PrivateFormat.PKCS8).decode()
        async with PodClient(sandbox.url, RsaAuth(sandbox.bot.username, stranger)) as pod:
            for _ in range(5):
                with pytest.raises(AuthError) as caught:
                    await pod.session.info()
                assert caught.value.status == 401
        assert sandbox.stats.logins == 1


async def test_client_credentials() -> None:
    async with Sandbox(companies=2) as sandbox:
        given = sandbox.client_credentials
        auth = ClientCredentials(given.client_id, given.client_secret, token_url=f"{sandbox.url}/oauth/token")
        async with ConnectClient(auth, base_url=sandbox.url) as connect:
            assert len(await connect.companies.list()) == 2
        wrong = ClientCredentials(given.client_id, "wrong", token_url=f"{sandbox.url}/oauth/token")
        async with ConnectClient(wrong, base_url=sandbox.url) as connect:
            with pytest.raises(AuthError) as caught:
                await connect.companies.list()
        assert "wrong" not in str(caught.value)


async def test_a_static_token_that_is_refused_is_an_auth_error() -> None:
    async with Sandbox() as sandbox, PodClient(sandbox.url, StaticToken("stale")) as pod:
        with pytest.raises(AuthError, match=r"the token that was given was refused"):
            await pod.session.info()
        assert sandbox.stats.by_operation["v2_sessioninfo_get"] == 1  # there is no other to try


async def test_acting_for_users_shares_one_app_login() -> None:
    async with Sandbox(users=3) as sandbox:
        auth = OnBehalfOf(sandbox.app.username, sandbox.app.private_key)
        async with PodClient(sandbox.url, auth) as app:
            ids = [user.id for user in sandbox.state.users()][:3]
            infos = await asyncio.gather(*(app.on_behalf_of(uid).session.info() for uid in ids))
            assert [info.id for info in infos] == ids
            assert app.on_behalf_of(ids[0]) is app.on_behalf_of(ids[0])
            operations = sandbox.stats.by_operation
            assert operations["login_pubkey_app_authenticate_post"] == 1
            assert operations["login_pubkey_app_user_user_id_authenticate_post"] == 3

            sandbox.revoke_tokens()  # the app's and the users'
            again = await app.on_behalf_of(ids[0]).session.info()
            assert again.id == ids[0]
            assert operations["login_pubkey_app_authenticate_post"] == 2

            with pytest.raises(ConfigError, match="on_behalf_of"):
                await app.session.info()
            with pytest.raises(ConfigError, match="one user"):
                app.on_behalf_of()


async def test_closing_waits_for_a_call_for_a_user_that_needs_the_app_to_log_in() -> None:
    async with Sandbox(users=1) as sandbox:
        app = PodClient(sandbox.url, OnBehalfOf(sandbox.app.username, sandbox.app.private_key))
        pod = app.on_behalf_of(user_id=7696581394433)
        await pod.session.info()
        sandbox.revoke_tokens()
        call = asyncio.create_task(pod.session.info())
        await asyncio.sleep(0)
        await app.close()
        assert (await call).id == 7696581394433
        with pytest.raises(ConfigError, match="closed"):
            await pod.session.info()


async def test_only_apps_act_for_users() -> None:
    async with Sandbox() as sandbox, PodClient(sandbox.url, rsa_auth(sandbox)) as pod:
        with pytest.raises(ConfigError, match="OnBehalfOf"):
            pod.on_behalf_of(1)


async def test_certificate_login_over_mutual_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    ca_file, certificate = tmp_path / "ca.pem", tmp_path / "bot.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    async with Sandbox() as pod_host, Sandbox(ssl_context=context) as login_host:
        issued = authority.issue_cert("bot@example.com", common_name=login_host.bot.username)
        issued.private_key_and_cert_chain_pem.write_to_path(str(certificate))
        auth = CertificateAuth(certificate, ca_file=ca_file)
        async with PodClient(pod_host.url, auth, session_auth_url=login_host.url) as pod:
            with pytest.raises(AuthError):  # the two sandboxes do not know each other's tokens: only the login is real
                await pod.session.info()
        assert login_host.stats.by_operation["sessionauth_v1_authenticate_post"] == 2
        assert login_host.stats.by_status[200] == 2
        assert "sessionauth_v1_authenticate_post" not in pod_host.stats.by_operation


@pytest.mark.parametrize("make", [lambda: None, HttpxTransport])
async def test_a_certificate_that_does_not_fit_is_told_at_once_with_the_host(
    make: Callable[[], HttpxTransport | None],
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    sends: list[Attempt] = []
    async with (
        Sandbox(ssl_context=context) as sandbox,
        PodClient(sandbox.url, StaticToken("t"), transport=make(), observer=sends.append) as pod,
    ):
        with pytest.raises(TransportError, match=sandbox.url.removeprefix("https://")) as caught:
            await pod.session.info()
    assert (caught.value.sent, caught.value.permanent, caught.value.kind) == (False, True, "tls")
    assert len(sends) == 1


async def test_logout_ends_the_session_and_the_next_call_logs_in_again() -> None:
    async with Sandbox() as sandbox, PodClient(sandbox.url, rsa_auth(sandbox)) as pod:
        await pod.session.info()
        await pod.logout()
        await pod.session.info()
        assert sandbox.stats.logins == 2
        assert sandbox.stats.by_operation["sessionauth_v1_logout_post"] == 1
        assert sandbox.stats.by_status.get(401, 0) == 0


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("nowhere/bot.pem", "cannot be read"),
        ("-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----", "damaged"),
    ],
)
def test_a_bad_key_is_told_at_once(source: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        RsaAuth("bot", source)
    assert "nonsense" not in str(caught.value)


@pytest.mark.parametrize("wrap", ["".join, "\n".join])
def test_a_key_without_its_frame_is_not_taken_for_a_path_and_shown(wrap: Callable[[list[str]], str]) -> None:
    key = wrap(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ"] * 30)
    with pytest.raises(ConfigError, match="neither a path nor PEM text") as caught:
        RsaAuth("bot", key)
    assert "MIIE" not in str(caught.value)


def test_other_kinds_of_keys_are_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    file = tmp_path / "ec.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    with pytest.raises(ConfigError, match="not an RSA key"):
        RsaAuth("bot", file)


def test_the_login_jwt_is_rs512_and_short_lived() -> None:
    import jwt

    from aiosymphony.auth.keys import PrivateKey
    from aiosymphony.auth.rsa import login_jwt

    key = rsa.generate_private_key(65537, 2048)
    now = time.time()
    token = login_jwt("bot", PrivateKey(pem(key, serialization.PrivateFormat.PKCS8).decode()), now=now)
    claims = jwt.decode(token.reveal(), key.public_key(), algorithms=["RS512"])
    assert claims["sub"] == "bot"
    assert 0 < claims["exp"] - now <= 300
