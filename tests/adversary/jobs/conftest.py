"""Real time and a loop that may block: jobs here are commands, in processes of their own or with files to write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"plain": asyncio.new_event_loop}


@pytest.fixture(autouse=True)
def trail() -> None:
    """In place of the look behind tests with clients, which forbids to block."""
