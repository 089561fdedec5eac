"""Clients: of the test's sandbox, and of a server that answers from a list."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from aiosymphony import ClientCredentials, ConnectClient, PodClient, RsaAuth
from aiosymphony.sandbox import Sandbox

from .wire import Wire, open_wire


@pytest.fixture
async def pod(symphony_sandbox: Sandbox) -> AsyncIterator[PodClient]:
    """The pod's API, as the sandbox's service account."""
    bot = symphony_sandbox.bot
    async with PodClient(symphony_sandbox.url, RsaAuth(bot.username, bot.private_key)) as pod:
        yield pod


@pytest.fixture
async def connect(symphony_sandbox: Sandbox) -> AsyncIterator[ConnectClient]:
    """The Connect API, as the sandbox's partner."""
    url, credentials = symphony_sandbox.url, symphony_sandbox.client_credentials
    auth = ClientCredentials(credentials.client_id, credentials.client_secret, token_url=f"{url}/oauth/token")
    async with ConnectClient(auth, base_url=url) as connect:
        yield connect


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    """Both clients against a server that answers what the test says."""
    async with open_wire() as wire:
        yield wire
