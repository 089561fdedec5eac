"""``client.token()``: the token for requests that something else sends."""

from __future__ import annotations

import asyncio

import pytest

from aiosymphony import ClientCredentials, ConfigError, ConnectClient, PodClient, RsaAuth
from aiosymphony.sandbox import Sandbox


async def test_the_token_is_that_of_the_calls_and_a_refused_one_is_renewed_once() -> None:
    async with (
        Sandbox(users=1) as sandbox,
        PodClient(sandbox.url, RsaAuth(sandbox.bot.username, sandbox.bot.private_key)) as pod,
    ):
        token = await pod.token()
        assert "***" in repr(token)
        await pod.session.info()
        assert await pod.token() == token
        assert sandbox.stats.logins == 1
        newer = await asyncio.gather(*(pod.token(refused=token) for _ in range(20)))
        assert {each.reveal() for each in newer} == {newer[0].reveal()} != {token.reveal()}
        assert sandbox.stats.logins == 2
        # Whoever was refused the old one hears of the new one, without a login.
        assert await pod.token(refused=token) == newer[0]
        assert sandbox.stats.logins == 2
        assert await pod.token("keyManagerToken") != newer[0]
        assert sandbox.stats.logins == 3
        with pytest.raises(ConfigError, match="gives no 'bearer' token"):
            await pod.token("bearer")


async def test_connect_gives_its_bearer() -> None:
    async with Sandbox(users=1) as sandbox:
        given = sandbox.client_credentials
        auth = ClientCredentials(given.client_id, given.client_secret, token_url=f"{sandbox.url}/oauth/token")
        async with ConnectClient(auth, base_url=sandbox.url) as connect:
            assert await connect.token() == await connect.token("bearer")
