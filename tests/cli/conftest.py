"""The command line in this process, with a sandbox for its server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import attrs
import orjson
import pytest

from aiosymphony.cli import main
from aiosymphony.sandbox import Sandbox


@attrs.frozen
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> object:
        return orjson.loads(self.out)


Run = Callable[..., Awaitable[Done]]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the caller's reaches the commands."""
    import os

    for name in [name for name in os.environ if name.startswith("SYMPHONY_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in a thread, as it has an event loop of its own."""

    async def run(*arguments: str) -> Done:
        capfd.readouterr()
        code = await asyncio.to_thread(main, arguments)
        out, err = capfd.readouterr()
        return Done(code, out, err)

    return run


@pytest.fixture
def key(symphony_sandbox: Sandbox, tmp_path: Path) -> Path:
    """The private key of the sandbox's bot, as a file."""
    path = tmp_path / "bot.pem"
    path.write_text(symphony_sandbox.bot.private_key)
    return path


@pytest.fixture
def credentials(symphony_sandbox: Sandbox, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names the sandbox and its accounts."""
    sandbox = symphony_sandbox
    for name, value in {
        "SYMPHONY_POD_URL": sandbox.url,
        "SYMPHONY_BOT_USERNAME": sandbox.bot.username,
        "SYMPHONY_PRIVATE_KEY": str(key),
        "SYMPHONY_CONNECT_URL": sandbox.url,
        "SYMPHONY_CLIENT_ID": sandbox.client_credentials.client_id,
        "SYMPHONY_CLIENT_SECRET": sandbox.client_credentials.client_secret,
        "SYMPHONY_TOKEN_URL": f"{sandbox.url}/oauth/token",
    }.items():
        monkeypatch.setenv(name, value)
