"""A bot's week on virtual time: tokens of a minute, an unreliable pod, feeds removed, keys rotated, and SIGTERM.

The pod is a model in place of the transport, and shares no code with the client or the sandbox. The tests let four
hours pass; ``AIOSYMPHONY_TEST_BOT_HOURS=168`` is a week.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from aiosymphony import MissedChanges, TransportError
from aiosymphony.clock import SystemClock
from aiosymphony.life import _run
from aiosymphony.testing import make_response
from aiosymphony.transport import Response
from tests.faults.clock import JumpingLoop

from . import bot

HOURS = float(os.environ.get("AIOSYMPHONY_TEST_BOT_HOURS", "4"))
TOKEN_LIFE = 60.0
EPOCH = 1_700_000_000.0
REFUSED = make_response(401, json={"code": 401, "message": "expired"})


class Pod:
    """A pod in memory, which fails in three ways, one request in twenty each."""

    def __init__(self, key: Path) -> None:
        self.key = key
        self.chance = random.Random(11)
        self.keys: list[Any] = []
        self.tokens: dict[str, float] = {}
        self.feeds: dict[str, list[int]] = {}
        self.changed: dict[int, float] = {}
        self.counts: Counter[str] = Counter()
        self.rotate()

    def rotate(self) -> None:
        """A new key, here and then in the bot's file; the one before stays good."""
        made = rsa.generate_private_key(65537, 2048)
        self.keys = [*self.keys[-1:], made.public_key()]
        self.key.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def change(self) -> None:
        """Somebody's presence changes."""
        number = len(self.changed) + 1
        self.changed[number] = EPOCH + asyncio.get_running_loop().time()
        for feed in self.feeds.values():
            feed.append(number)

    async def happen(self) -> None:
        """What happens to a pod in the course of a week."""
        hour = 0
        while True:
            for _ in range(6):
                await asyncio.sleep(600)
                self.change()
            hour += 1
            if hour % 5 == 0:
                self.feeds.clear()
            if hour % 24 == 12:
                self.rotate()

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, **_: Any) -> Response:
        await asyncio.sleep(0.02)
        self.counts["requests"] += 1
        drawn = self.chance.randrange(40)
        # Of a feed that is made or deleted, these leave open whether it was.
        self.counts["in doubt"] += drawn in (0, 1, 4, 5) and url.endswith(("/create", "/delete"))
        match drawn:
            case 0 | 1:
                self.counts["503"] += 1
                return make_response(503)
            case 2 | 3:
                self.counts["429"] += 1
                return make_response(429, headers={"Retry-After": "2"})
            case 4:
                self.counts["drops"] += 1
                raise TransportError("the connection was lost", sent=True)
            case 5:
                self.counts["drops"] += 1
                self.answer(method, urlsplit(url).path, headers, body)
                raise TransportError("the connection was lost", sent=True)
        return self.answer(method, urlsplit(url).path, headers, body)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        now = asyncio.get_running_loop().time()
        if path == "/login/pubkey/authenticate":
            return self.log_in(orjson.loads(body or b"{}")["token"], now)
        if self.tokens.get(headers.get("sessionToken", ""), 0.0) <= now:
            self.counts["expired"] += 1
            return REFUSED
        match (method, *path.split("/")[3:]):
            case ("GET", "sessioninfo"):
                return make_response(200, json={"id": 1, "username": "bot"})
            case ("POST", "presence", "feed", "create"):
                self.counts["feeds"] += 1
                feed = f"feed-{self.counts['feeds']}"
                self.feeds[feed] = []
                return make_response(200, json={"id": feed})
            case ("GET", "presence", "feed", feed, "read") if feed in self.feeds:
                taken, self.feeds[feed] = self.feeds[feed], []
                rows = [{"category": "BUSY", "userId": number, "timestamp": 1} for number in taken]
                return make_response(200, json=rows)
            case ("POST", "presence", "feed", feed, "delete") if feed in self.feeds:
                del self.feeds[feed]
                return make_response(200, json={"message": "OK"})
        return make_response(404, json={"code": 404, "message": "no such feed"})

    def log_in(self, proof: str, now: float) -> Response:
        for key in self.keys:
            try:
                jwt.decode(proof, key, algorithms=["RS512"], options={"verify_exp": False})
            except jwt.InvalidSignatureError:
                continue
            self.counts["logins"] += 1
            token = f"token-{self.counts['logins']}"
            self.tokens = {token: now + TOKEN_LIFE}
            return make_response(200, json={"name": "sessionToken", "token": token})
        self.counts["refused logins"] += 1
        return REFUSED

    def reset(self) -> None:
        """There are no connections."""

    async def close(self) -> None:
        """There is nothing to close."""


def test_a_week_of_a_bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)  # an hour of it fills pages
    logging.getLogger("aiosymphony").setLevel(logging.CRITICAL)
    pod = Pod(tmp_path / "bot.pem")
    shown: list[Any] = []
    monkeypatch.setattr(bot, "EVERY", 300.0)
    monkeypatch.setattr(bot, "MAX_WAIT", 15.0)
    monkeypatch.setattr(bot, "show", shown.append)
    monkeypatch.setattr("aiosymphony.transport.aiohttp.AiohttpTransport", lambda **_: pod)
    monkeypatch.setattr(SystemClock, "monotonic", staticmethod(lambda: asyncio.get_running_loop().time()))
    monkeypatch.setattr(SystemClock, "time", staticmethod(lambda: EPOCH + asyncio.get_running_loop().time()))
    for name, value in (("POD_URL", "https://pod.test"), ("BOT_USERNAME", "bot"), ("PRIVATE_KEY", str(pod.key))):
        monkeypatch.setenv(f"SYMPHONY_{name}", value)

    async def live() -> float:
        loop = asyncio.get_running_loop()
        happening = asyncio.create_task(pod.happen())
        asked = loop.time() + HOURS * 3600
        loop.call_at(asked, os.kill, os.getpid(), signal.SIGTERM)
        await _run(bot.main, 10.0, None)
        happening.cancel()
        return loop.time() - asked

    with asyncio.Runner(loop_factory=lambda: JumpingLoop(0.0)) as runner:
        took = runner.run(live())

    logging.getLogger("aiosymphony").setLevel(logging.NOTSET)
    assert took < 5
    told = [text for text in shown if isinstance(text, str)]
    failed = [text for text in told if text.startswith("failed")]
    assert failed == []
    assert len(pod.feeds) <= int(told[-1].removeprefix("left behind: ")) <= pod.counts["in doubt"]
    assert pod.counts["refused logins"] == 0
    assert pod.counts["feeds"] > HOURS / 5
    # A change is told of, or lies in a time of which the bot is told that changes may be missing.
    seen = {change.user_id for change in shown if not isinstance(change, str | MissedChanges)}
    missed = [item for item in shown if isinstance(item, MissedChanges)]
    lost = [
        number
        for number, at in pod.changed.items()
        if number not in seen and not any(item.since <= at * 1000 <= item.until for item in missed)
    ]
    assert [number for number in lost if pod.changed[number] < EPOCH + 1000 + HOURS * 3600 - 60] == []
    assert len(seen) > 0.8 * len(pod.changed)
