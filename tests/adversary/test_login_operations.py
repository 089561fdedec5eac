"""Every operation of the login API through ``pod.call``: with the token that it declares, or with none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aiosymphony import AuthError, ConfigError, OnBehalfOf, PodClient, RsaAuth
from aiosymphony.limits import Limits
from aiosymphony_api.login import OPERATIONS
from aiosymphony_api.login.api.authentication import (
    login_idm_tokens_post,
    login_pubkey_app_user_user_id_authenticate_post,
)
from aiosymphony_api.login.api.certificate_authentication import sessionauth_v1_logout_post
from aiosymphony_api.login.models import (
    AuthenticateExtensionAppRequest,
    AuthenticateRequest,
    CertificateExtensionAppRequest,
)
from tests.faults.canary import CANARY
from tests.faults.server import FaultServer, reply, signal, token, wait_for

LOGIN = "/login/pubkey/authenticate"
APP_LOGIN = "/login/pubkey/app/authenticate"
BEARER = "/login/idm/tokens"
INFO = "/pod/v2/sessioninfo"

BODY: dict[str, Any] = {"body": AuthenticateRequest(token="a.b.c")}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "login_pubkey_authenticate_post": BODY,
    "login_pubkey_app_authenticate_post": BODY,
    "relay_pubkey_authenticate_post": BODY,
    "login_pubkey_app_user_user_id_authenticate_post": {"user_id": 7},
    "login_pubkey_app_username_username_authenticate_post": {"username": "ann"},
    "sessionauth_v1_app_user_uid_authenticate_post": {"uid": 7},
    "sessionauth_v1_app_username_username_authenticate_post": {"username": "ann"},
    "sessionauth_v1_authenticate_extension_app_post": {"body": CertificateExtensionAppRequest(app_token="t")},
    "login_v1_pubkey_app_authenticate_extension_app_post": {"body": AuthenticateExtensionAppRequest(app_token="t")},
}
# Written from Symphony's documents: which tokens go into the header ``sessionToken`` of which request.
OF_THE_SESSION = {"login_idm_tokens_post", "sessionauth_v1_logout_post"}
OF_THE_APP = {
    "login_pubkey_app_user_user_id_authenticate_post",
    "login_pubkey_app_username_username_authenticate_post",
    "sessionauth_v1_app_user_uid_authenticate_post",
    "sessionauth_v1_app_username_username_authenticate_post",
}


def path_of(operation: Any) -> str:
    return str(operation.path.replace("{userId}", "7").replace("{uid}", "7").replace("{username}", "ann"))


@pytest.fixture
async def pod(server: FaultServer, pem: str) -> AsyncIterator[PodClient]:
    server.on("GET", INFO, then=reply(200, {"id": 7}))
    async with PodClient(server.url, RsaAuth("bot", pem)) as pod:
        yield pod


@pytest.fixture
async def app(server: FaultServer, pem: str) -> AsyncIterator[PodClient]:
    async with PodClient(server.url, OnBehalfOf("app", pem)) as app:
        yield app


@pytest.mark.parametrize("operation", [pytest.param(each, id=name) for name, each in OPERATIONS.items()])
async def test_each_operation_is_reached_with_the_token_it_declares(
    operation: Any, server: FaultServer, pod: PodClient, app: PodClient
) -> None:
    server.on(operation.method, path_of(operation), then=reply(200, {}))
    expected = server.token(1) if operation.id in OF_THE_SESSION | OF_THE_APP else None
    client = app if operation.id in OF_THE_APP else pod
    async with asyncio.timeout(60.0):
        await client.call(operation, **ARGUMENTS.get(operation.id, {}))
    (seen,) = server.seen(operation.method, path_of(operation))
    assert seen.headers.get("sessiontoken") == expected
    assert "keymanagertoken" not in seen.headers
    assert server.total == (1 if expected is None else 2)


async def test_a_bearer_token_is_had_for_a_session_and_a_stale_session_is_renewed(
    server: FaultServer, pod: PodClient
) -> None:
    server.check_tokens = True
    answer = await pod.call(login_idm_tokens_post.OPERATION, scope="a b")
    assert answer.access_token == server.token(2)
    (seen,) = server.seen("POST", BEARER)
    assert (seen.headers["sessiontoken"], seen.query) == (server.token(1), "scope=a%20b")
    server.on("POST", BEARER, reply(401, {"message": "expired"}), then=token())
    assert (await pod.call(login_idm_tokens_post.OPERATION)).access_token == server.token(4)
    assert [seen.token for seen in server.seen("POST", BEARER)[1:]] == [server.token(1), server.token(3)]
    assert server.logins[LOGIN] == 2


async def test_calls_of_login_operations_keep_to_the_limits_and_logins_pass_them_by(
    server: FaultServer, pem: str
) -> None:
    """With one place in all, a call that holds it must be able to log in."""
    async with asyncio.timeout(60.0), PodClient(server.url, RsaAuth("bot", pem), limits=Limits(concurrency=1)) as pod:
        await asyncio.gather(*(pod.call(login_idm_tokens_post.OPERATION) for _ in range(20)))
    assert server.logins[LOGIN] == 1
    assert server.logins[BEARER] == 20
    assert server.most_in_flight == 1


async def test_an_account_without_the_token_is_told(server: FaultServer, pod: PodClient) -> None:
    with pytest.raises(ConfigError, match="appToken"):
        await pod.call(login_pubkey_app_user_user_id_authenticate_post.OPERATION, 7)
    assert server.total == 0


async def test_a_logout_by_call_ends_the_session_that_it_names(server: FaultServer, pod: PodClient) -> None:
    server.on("POST", "/sessionauth/v1/logout", then=reply(200, {"message": "bye"}))
    await pod.session.info()
    await pod.call(sessionauth_v1_logout_post.OPERATION)
    await pod.logout()
    assert [seen.token for seen in server.seen("POST", "/sessionauth/v1/logout")] == [server.token(1)] * 2
    assert server.logins[LOGIN] == 1
    await pod.logout()  # there is nothing left to log out of, and no reason to log in for it
    assert server.logins[LOGIN] == 1


async def test_a_closed_client_takes_no_call_of_a_login_operation(server: FaultServer, pem: str) -> None:
    arrived, go = asyncio.Event(), asyncio.Event()
    server.on("GET", INFO, then=signal(arrived, wait_for(go, reply(200, {"id": 7}))))
    pod = PodClient(server.url, RsaAuth("bot", pem))
    call = asyncio.ensure_future(pod.session.info())
    await arrived.wait()
    closing = asyncio.ensure_future(pod.close())
    await asyncio.sleep(0)
    with pytest.raises(ConfigError, match="closed"):
        await pod.call(login_idm_tokens_post.OPERATION)
    go.set()
    assert (await call).id == 7
    await closing


@pytest.mark.parametrize("sent", [CANARY, f"Bearer {CANARY}"])
async def test_the_authorization_token_of_a_login_is_kept_as_a_secret(
    sent: str, server: FaultServer, pod: PodClient
) -> None:
    server.on("POST", LOGIN, then=token(authorizationToken=sent))
    await pod.session.info()
    found = await pod.authorization_token()
    assert found is not None
    assert found.reveal() == CANARY
    assert CANARY not in f"{found} {found!r}"
    assert server.logins[LOGIN] == 1


@pytest.mark.parametrize("sent", [None, "", 7, ["x"], {"a": 1}, "a b c", "a\nb", "\u00e4", "Bearer "])
async def test_an_odd_authorization_token_fails_no_login(sent: Any, server: FaultServer, pod: PodClient) -> None:
    server.on("POST", LOGIN, then=token(authorizationToken=sent))
    assert (await pod.session.info()).id == 7
    assert await pod.authorization_token() is None


@pytest.mark.parametrize(
    "answer", [{}, {"token": None}, {"token": 7}, {"token": ["x"]}, {"token": "a b"}, {"token": ""}]
)
async def test_case_22_a_login_answered_with_no_token_that_can_be_used_is_an_error_of_ours(
    answer: Any, server: FaultServer, pod: PodClient
) -> None:
    server.on("POST", LOGIN, then=reply(200, answer))
    with pytest.raises(Exception, match="token") as caught:
        await pod.session.info()
    assert type(caught.value).__module__.startswith("aiosymphony.")
    assert not isinstance(caught.value, AuthError)
    assert server.counts["GET", INFO] == 0
