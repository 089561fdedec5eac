"""Clients: of the test's sandbox, and of a server that answers from a list."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from aiosymphony import ConnectClient, PodClient

from .wire import Wire


@pytest.fixture
def pod(symphony_pod: PodClient) -> PodClient:
    """The pod's API, as the sandbox's service account."""
    return symphony_pod


@pytest.fixture
def connect(symphony_connect: ConnectClient) -> ConnectClient:
    """The Connect API, as the sandbox's partner."""
    return symphony_connect


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    """Both clients against a server that answers what the test says."""
    wire = Wire()
    async with wire.pod, wire.connect:
        yield wire
