"""A plain aiohttp client of the sandbox: none of ours, so that these tests share nothing with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from typing import Any

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from aiosymphony.sandbox import Sandbox

PassTime = Callable[[float], Awaitable[None]]


@cache
def loaded(pem: str) -> Any:
    return serialization.load_pem_private_key(pem.encode(), password=None)


def login_jwt(subject: str, key: str, *, seconds: float = 200, algorithm: str = "RS512", **claims: Any) -> str:
    """A login JWT that expires in so many seconds."""
    return jwt.encode({"sub": subject, "exp": time.time() + seconds, **claims}, loaded(key), algorithm=algorithm)


class Client:
    """One aiohttp session with the headers of a login."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.session = session
        self.pod: dict[str, str] = {}
        self.connect: dict[str, str] = {}

    async def send(
        self, method: str, path: str, *, json: Any = None, headers: dict[str, str] | None = None, **query: Any
    ) -> tuple[int, Any]:
        """Status and body of an answer; a body that is not JSON as text."""
        if headers is None:
            headers = self.connect if path.startswith("/api/") else self.pod
        params = {name: str(value).lower() if isinstance(value, bool) else value for name, value in query.items()}
        # aiohttp would state a content type for requests without a body too, which certificate logins refuse.
        skip = ["Content-Type"] if json is None else []
        request = self.session.request(method, path, json=json, headers=headers, params=params, skip_auto_headers=skip)
        async with request as response:
            raw = await response.read()
            if not raw:
                return response.status, None
            is_json = response.content_type == "application/json"
            return response.status, await response.json() if is_json else raw.decode()

    async def status(self, path: str, **query: Any) -> int:
        """Status of a GET."""
        return (await self.send("GET", path, **query))[0]

    async def get(self, path: str, **options: Any) -> tuple[int, Any]:
        return await self.send("GET", path, **options)

    async def post(self, path: str, json: Any = None, **options: Any) -> tuple[int, Any]:
        return await self.send("POST", path, json=json, **options)

    async def log_in(self) -> None:
        """A session token of the bot."""
        bot = self.sandbox.bot
        status, body = await self.post(
            "/login/pubkey/authenticate", {"token": login_jwt(bot.username, bot.private_key)}
        )
        assert status == 200, body
        self.pod = {"sessionToken": body["token"]}

    async def log_in_connect(self) -> None:
        """An access token of the partner."""
        credentials = self.sandbox.client_credentials
        grant = {
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
            "audience": "https://api.symphony.com/partners",
            "grant_type": "client_credentials",
        }
        status, body = await self.post("/oauth/token", grant)
        assert status == 200, body
        self.connect = {"Authorization": f"Bearer {body['access_token']}"}

    async def scoped(self, scope: str) -> dict[str, str]:
        """Headers with a bearer token of a scope."""
        _, body = await self.post("/login/idm/tokens", headers=self.pod, scope=scope)
        return {"Authorization": f"Bearer {body['access_token']}"}

    async def behalf_of(self, user: int) -> dict[str, str]:
        """Headers of a session that acts for a user."""
        app = self.sandbox.app
        _, body = await self.post("/login/pubkey/app/authenticate", {"token": login_jwt(app.username, app.private_key)})
        headers = {"sessionToken": body["token"]}
        status, body = await self.post(f"/login/pubkey/app/user/{user}/authenticate", headers=headers)
        assert status == 200, body
        return {"sessionToken": body["token"]}


class Clock:
    """The sandbox's clock, which stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def __call__(self) -> float:
        return self.now

    def step(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(symphony_sandbox: Sandbox) -> Clock:
    clock = Clock()
    symphony_sandbox._clock = symphony_sandbox.state.clock = symphony_sandbox._auth._clock = clock
    return clock


@pytest.fixture
async def pass_time(monkeypatch: pytest.MonkeyPatch) -> PassTime:
    """Lets timers of the running loop come to their end at once."""
    loop = asyncio.get_running_loop()
    time_of = loop.time
    passed = 0.0

    async def pass_time(seconds: float) -> None:
        nonlocal passed
        passed += seconds
        for _ in range(3):
            await asyncio.sleep(0)

    monkeypatch.setattr(loop, "time", lambda: time_of() + passed)
    return pass_time


@pytest.fixture
async def client(symphony_sandbox: Sandbox) -> AsyncIterator[Client]:
    """A client of the test's sandbox, logged in to both APIs."""
    async with aiohttp.ClientSession(symphony_sandbox.url) as session:
        client = Client(symphony_sandbox, session)
        await client.log_in()
        await client.log_in_connect()
        symphony_sandbox.stats.reset()
        yield client
