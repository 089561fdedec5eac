"""One login beside the real symphony-bdk-python, whose ever it is, through expiry and revocation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from aiosymphony import BdkAuth, ConfigError, PodClient, RsaAuth, share_login
from aiosymphony.sandbox import Sandbox

bdk_package = pytest.importorskip("symphony.bdk.core.symphony_bdk", reason="symphony-bdk-python is not installed")


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(users=2) as made:
        yield made


@asynccontextmanager
async def bdk_of(sandbox: Sandbox) -> AsyncIterator[Any]:
    """The peer, logged in to a sandbox as its bot."""
    from symphony.bdk.core.config.model.bdk_config import BdkConfig

    host, _, port = sandbox.url.removeprefix("http://").partition(":")
    key = {"content": sandbox.bot.private_key}
    config = BdkConfig(
        scheme="http",
        host=host,
        port=int(port),
        bot={"username": sandbox.bot.username, "privateKey": key},
        # It sleeps between a renewal and the next attempt, two seconds at first by default.
        retry={"initialIntervalMillis": 10, "multiplier": 0.01, "maxIntervalMillis": 50},
    )
    async with bdk_package.SymphonyBdk(config) as bdk:
        yield bdk


def logins(sandbox: Sandbox) -> int:
    """Logins for the session token. The BDK logs in for the key manager's each time as well, needed or not."""
    return sandbox.stats.by_operation["login_pubkey_authenticate_post"]


async def who_am_i(pod: PodClient, bdk: Any) -> None:
    """Both call, one after the other and many at once, and no call fails."""
    me = await pod.session.info()
    found = await bdk.sessions().get_session()
    assert found.id == me.id
    await asyncio.gather(*(pod.session.info() for _ in range(10)), *(bdk.sessions().get_session() for _ in range(10)))


@pytest.mark.parametrize("lender", ["bdk", "pod"])
@pytest.mark.parametrize("first", ["bdk", "pod"])
async def test_one_login_serves_both_and_one_more_after_each_revocation(
    sandbox: Sandbox, lender: str, first: str
) -> None:
    async with bdk_of(sandbox) as bdk:
        auth = BdkAuth(bdk) if lender == "bdk" else RsaAuth(sandbox.bot.username, sandbox.bot.private_key)
        async with PodClient(sandbox.url, auth) as pod:
            if lender == "pod":
                share_login(pod, bdk)
            for each in range(1, 4):
                await (bdk.sessions().get_session() if first == "bdk" else pod.session.info())
                await who_am_i(pod, bdk)
                assert logins(sandbox) == each
                sandbox.revoke_tokens()


@pytest.mark.parametrize("lender", ["bdk", "pod"])
async def test_tokens_that_expire_fail_no_call(sandbox: Sandbox, lender: str) -> None:
    async with Sandbox(users=2, token_ttl=0.6) as short, bdk_of(short) as bdk:
        auth = BdkAuth(bdk) if lender == "bdk" else RsaAuth(short.bot.username, short.bot.private_key)
        async with PodClient(short.url, auth) as pod:
            if lender == "pod":
                share_login(pod, bdk)
            until = asyncio.get_running_loop().time() + 2.5
            calls = 0
            while asyncio.get_running_loop().time() < until:
                await pod.session.info()
                await bdk.sessions().get_session()
                calls += 2
    assert calls > 20
    assert 4 <= logins(short) <= calls / 2


async def test_the_bearer_token_comes_with_the_session_token(sandbox: Sandbox) -> None:
    async with (
        bdk_of(sandbox) as bdk,
        PodClient(sandbox.url, RsaAuth(sandbox.bot.username, sandbox.bot.private_key)) as pod,
    ):
        share_login(pod, bdk)
        await pod.session.info()
        token, expires_at = await bdk.bot_session()._authenticator.retrieve_session_token_object()
        assert token.token == (await pod.token()).reveal()
        assert expires_at > 0
        assert logins(sandbox) == 1
        await bdk.bot_session()._authenticator.retrieve_session_token_object()
        assert logins(sandbox) == 2, "the bearer token that was given is used up"


async def test_what_is_no_bdk_is_refused() -> None:
    for wrong in (object(), "token", None):
        with pytest.raises(ConfigError, match="takes a SymphonyBdk"):
            BdkAuth(wrong)
    async with PodClient("http://127.0.0.1:9", BdkAuth(_Session())) as pod:
        with pytest.raises(ConfigError, match="takes a SymphonyBdk"):
            share_login(pod, object())


class _Session:
    session_token = None

    async def refresh(self) -> None: ...
