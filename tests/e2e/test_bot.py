"""A bot in a process of its own, under everything that goes wrong, until it is asked to stop."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from aiosymphony.sandbox import Faults, Sandbox

from . import bot

SECONDS = float(os.environ.get("AIOSYMPHONY_TEST_BOT_SECONDS", "15"))


@asynccontextmanager
async def running(sandbox: Sandbox, key: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The bot's process, and where its health is told."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "SYMPHONY_POD_URL": sandbox.url,
        "SYMPHONY_BOT_USERNAME": sandbox.bot.username,
        "SYMPHONY_PRIVATE_KEY": str(key),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, bot.__file__, address),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process, f"http://{address}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def told(session: aiohttp.ClientSession, url: str) -> Any:
    async with session.get(f"{url}/health") as response:
        return await response.json()


async def ready(session: aiohttp.ClientSession, url: str) -> int:
    while True:
        try:
            async with session.get(f"{url}/readyz") as response:
                return response.status
        except aiohttp.ClientConnectionError:
            await asyncio.sleep(0.05)


async def test_a_bot_lives_through_everything_and_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    key = tmp_path / "bot.pem"
    faults = Faults(rate_503=0.05, rate_429=0.05, rate_drop=0.05, seed=secrets.randbelow(1000))
    async with Sandbox(users=5, token_ttl=3.0) as sandbox, aiohttp.ClientSession() as session:
        key.write_text(sandbox.bot.private_key)
        async with running(sandbox, key) as (process, url):
            assert await ready(session, url) == 200
            while not (await told(session, url))["clients"][0]["success_ago"]:
                await asyncio.sleep(0.05)
            # A create of unknown outcome on entering a feed is the bot's to judge: it has entered by now.
            sandbox.faults = faults
            until = time.monotonic() + SECONDS
            while time.monotonic() < until:
                await asyncio.sleep(min(20.0, SECONDS / 3))
                sandbox.state.feeds.clear()
                sandbox.state.feed_owner.clear()
                await _rotate(sandbox, key)
            health = await told(session, url)
            (client,) = health["clients"]
            assert (health["is_ready"], client["failure"] != "") == (True, True)
            assert client["success_ago"] < 5
            assert [token["refused"] for token in client["tokens"]] == [""]
            asked = time.monotonic()
            process.send_signal(signal.SIGTERM)
            out, err = await process.communicate()
            took = time.monotonic() - asked
        assert process.returncode == 0, err.decode()
        assert [line for line in out.splitlines() if b"failed" in line] == [], "reads that fail are repeated"
        assert took < 5, "it ends within the grace, and this is no measure of speed"
        assert sandbox.stats.by_operation["v1_presence_feed_create_post"] >= 2, "a feed that is removed is made anew"
        left_behind = int(out.rpartition(b"left behind: ")[2])
        assert len(sandbox.state.feeds) <= left_behind, "no feed is left behind but those of an unknown outcome"
        assert sandbox.stats.faults.total() > 3


async def _rotate(sandbox: Sandbox, key: Path) -> None:
    """A new key at the pod, and then in the file. As in a pod, the one before it stays good for a while."""
    # In a thread: the sandbox is to go on meanwhile.
    made = await asyncio.to_thread(rsa.generate_private_key, 65537, 2048)
    public = made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    user = sandbox.state.user(username=sandbox.bot.username)
    assert user is not None
    before = user.attributes["currentKey"]
    user.attributes["previousKey"] = before | {"expirationDate": int(time.time() * 1000) + 5000}
    user.attributes["currentKey"] = {"key": public}
    key.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


async def test_a_bot_that_hangs_is_ended() -> None:
    script = (
        "import asyncio\n"
        "from aiosymphony import run\n"
        "async def main(life):\n"
        "    print('ready', flush=True)\n"
        "    while True:\n"
        "        try:\n"
        "            await asyncio.sleep(60)\n"
        "        except asyncio.CancelledError:\n"
        "            print('no', flush=True)\n"
        "run(main, grace=0.2)\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    assert await process.stdout.readline() == b"no\n"
    assert await process.wait() == 75
