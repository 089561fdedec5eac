"""A client of the test's sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiosymphony import PodClient, RsaAuth
from aiosymphony.sandbox import Sandbox


@pytest.fixture
async def pod(symphony_sandbox: Sandbox) -> AsyncIterator[PodClient]:
    """The pod's API, as the sandbox's service account."""
    bot = symphony_sandbox.bot
    async with PodClient(symphony_sandbox.url, RsaAuth(bot.username, bot.private_key)) as pod:
        yield pod
