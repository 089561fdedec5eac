"""Serves the page, and what it shows, live: all who look share one reading a second, and nobody looking costs none."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import secrets
import time
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Final

import orjson
from aiohttp import web

from ..errors import ConfigError, JobError
from ..provisioning.reports.style import STYLE
from ..text import visible
from .reading import Reading, State

__all__ = ["Dashboard", "is_loopback"]

_COOKIE: Final = "aiosymphony-dashboard"
_EVERY: Final = 1.0
"""Seconds between two readings; more, if a reading takes long."""
_PATIENCE: Final = 15.0
"""Seconds after which a silent stream says that it lives."""
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Dashboard:
    """The page and its data.

    Args:
        reading: Where jobs are read from.
        host, port: Where to listen; port 0 takes a free one.
        token: What a visitor must know; None only on loopback.
        every: Seconds between two readings.

    Raises:
        ConfigError: It would be open to other machines.
    """

    def __init__(self, reading: Reading, *, host: str, port: int, token: str | None, every: float = _EVERY) -> None:
        if token is None and not is_loopback(host):
            raise ConfigError(f"{host} is reached from other machines: a token is needed")
        self._reading = reading
        self._host = host
        self._port = port
        self._token = token
        self._session = secrets.token_urlsafe(32)
        self._every = every
        self._state: State | None = None
        self._read_at = 0.0
        self._error: str | None = None
        self._viewers = 0
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it is, without the token."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}/"

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: The port is taken.
        """
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/page.js", self._script),
                web.get("/page.css", self._style),
                web.get("/api/state", self._api_state),
                web.get("/api/events", self._events),
                web.get("/healthz", self._health),
            ]
        )
        app.on_shutdown.append(self._end_streams)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        if self._port == 0:
            self._port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Serve nothing more."""
        if self._runner is not None:
            await self._runner.cleanup()
        await self._reading.close()

    # Who may see it.

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if request.path == "/healthz":
            return await handler(request)
        # A page elsewhere may have its own name lead here: on loopback only names of loopback are answered.
        if self._token is None and not is_loopback(request.host.rpartition(":")[0] or request.host):
            return web.Response(status=421, text="this page is not reached under that name", headers=_HEADERS)
        if self._token is not None and not self._knows(request):
            given = request.query.get("token", "")
            if request.path == "/" and hmac.compare_digest(given.encode(), self._token.encode()):
                seen = web.Response(status=303, headers={**_HEADERS, "Location": "/"})
                seen.set_cookie(_COOKIE, self._session, httponly=True, samesite="Strict")
                return seen
            return web.Response(status=401, text="open the address with its token", headers=_HEADERS)
        response = await handler(request)
        if not response.prepared:
            response.headers.update(_HEADERS)
        return response

    def _knows(self, request: web.Request) -> bool:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        cookie = request.cookies.get(_COOKIE, "")
        assert self._token is not None  # noqa: S101 - asked only then
        return hmac.compare_digest(cookie.encode(), self._session.encode()) | hmac.compare_digest(
            bearer.encode(), self._token.encode()
        )

    # What it serves.

    async def _page(self, _request: web.Request) -> web.Response:
        return web.Response(text=_read("page.html"), content_type="text/html")

    async def _script(self, _request: web.Request) -> web.Response:
        return web.Response(text=_read("page.js"), content_type="text/javascript")

    async def _style(self, _request: web.Request) -> web.Response:
        return web.Response(text=STYLE + _read("page.css"), content_type="text/css")

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _api_state(self, _request: web.Request) -> web.Response:
        await self._read()
        return web.Response(body=self._message(), content_type="application/json")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={**_HEADERS, "Content-Type": "text/event-stream"})
        await response.prepare(request)
        self._viewers += 1
        if self._task is None:
            self._task = asyncio.create_task(self._keep_reading(), name="aiosymphony dashboard")
        try:
            sent = None
            while self._viewers > 0:
                if (self._state, self._error, self._read_at) == sent:
                    try:
                        async with asyncio.timeout(_PATIENCE), self._changed:
                            await self._changed.wait()
                    except TimeoutError:
                        await response.write(b": still here\n\n")
                        continue
                sent = (self._state, self._error, self._read_at)
                if self._read_at:
                    await response.write(b"data: " + self._message() + b"\n\n")
        except ConnectionError:
            pass  # Whoever looked is gone.
        finally:
            self._viewers -= 1
        return response

    async def _keep_reading(self) -> None:
        """Read as long as anybody looks."""
        while self._viewers > 0:
            began = time.monotonic()
            await self._read()
            async with self._changed:
                self._changed.notify_all()
            await asyncio.sleep(max(self._every, 10 * (time.monotonic() - began)))
        self._task = None

    async def _read(self) -> None:
        try:
            self._state, self._error = await self._reading.read(), None
        except JobError as error:
            self._error = visible(str(error))
        self._read_at = time.time()

    def _message(self) -> bytes:
        return orjson.dumps({"at": self._read_at, "error": self._error, **(self._state or {})})

    async def _end_streams(self, _app: web.Application) -> None:
        self._viewers = -1_000_000
        async with self._changed:
            self._changed.notify_all()
        if self._task is not None:
            self._task.cancel()


def _read(name: str) -> str:
    return files("aiosymphony.dashboard").joinpath(name).read_text("utf-8")
