"""What every fault test gets: servers that misbehave, clients on virtual time, and a look behind it afterwards.

After each test, whatever went wrong in it: no place in a limiter is taken, no connection is acquired, no task is
left, no exception went unseen, nothing was left for the garbage collector to close, and no secret stands in any
error, traceback, pickle, log line or repr. All the while, a call that blocks the event loop is an error.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from aiosymphony.errors import SymphonyError

from .canary import CANARY, Trail
from .certificates import Certificates
from .clients import TRANSPORTS, Clients
from .clock import JumpingLoop, LoopClock
from .server import LOGINS, FaultServer


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"jumping": JumpingLoop}


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def pem() -> str:
    """A bot's private key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*form).decode()


@pytest.fixture(scope="session", autouse=True)
def frozen() -> Iterator[None]:
    """Keep what was imported out of the garbage collector's sight, so that looking after each test stays quick."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def may_block() -> bool:
    """Whether the loop may read and write files, as a job's plan and journal do; a module says so by its own."""
    return False


@pytest.fixture(autouse=True)
async def trail(monkeypatch: pytest.MonkeyPatch, may_block: bool) -> AsyncIterator[Trail]:
    """Set up first and torn down last, so that it sees what every other fixture leaves."""
    trail = Trail()
    complaints: list[Any] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    monkeypatch.setattr(sys, "unraisablehook", lambda found: complaints.append(repr(found.exc_value)))
    monkeypatch.setattr(SymphonyError, "__init__", trail.noting(SymphonyError.__init__))
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.DEBUG)  # not by monkeypatch: loggers remember what is enabled until it is set
    logger.addHandler(trail.handler)
    gc.collect()
    complaints.clear()
    try:
        with nullcontext() if may_block else blockbuster_ctx():
            yield trail
    finally:
        logger.removeHandler(trail.handler)
        logger.setLevel(level)
    # A few turns let closed transports and cancelled tasks end.
    for _ in range(5):
        await asyncio.sleep(0)
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    leaks = trail.leaks()
    trail.errors.clear()
    gc.collect()
    await asyncio.sleep(0)
    assert not tasks
    assert not complaints
    assert not leaks


@pytest.fixture
async def server(trail: Trail) -> AsyncIterator[FaultServer]:
    async with FaultServer(secret=CANARY) as server:
        yield server
        trail.secrets.update(
            seen.json()["token"] for seen in server.requests if LOGINS.fullmatch(seen.path) and b'"token"' in seen.body
        )


@pytest.fixture
async def other(trail: Trail) -> AsyncIterator[FaultServer]:
    """A second server, on another port: the other host."""
    async with FaultServer(secret=CANARY) as server:
        yield server


@pytest.fixture(params=TRANSPORTS)
def over(request: pytest.FixtureRequest) -> str:
    """The transport that a test's clients send by; a test that is parametrised with it may name httpx too."""
    return str(request.param)


@pytest.fixture
async def clients(server: FaultServer, over: str) -> AsyncIterator[Clients]:
    clients = Clients(server, over)
    yield clients
    for _ in range(5):
        await asyncio.sleep(0)
    busy = clients.busy()
    await clients.close()
    assert not busy


@pytest.fixture
def clock(clients: Clients) -> LoopClock:
    return clients.clock
