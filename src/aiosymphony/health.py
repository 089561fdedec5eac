"""How a client fares, as an object and over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs

from .errors import ConfigError

__all__ = ["Health", "TokenHealth", "serve_health"]


@attrs.frozen
class TokenHealth:
    """How a token stands.

    Attributes:
        scheme: Which one: ``sessionToken``, ``keyManagerToken`` or ``bearer``.
        held: Whether there is one that can be used.
        age: Seconds since it was obtained; None if there is none.
        expires_in: Seconds until it expires; None if that is not known.
        refused: Why the last login was refused, if that was within the last minute; empty otherwise.
    """

    scheme: str
    held: bool
    age: float | None
    expires_in: float | None
    refused: str


@attrs.frozen
class Health:
    """How a client fares.

    Attributes:
        is_closed: Whether it was closed.
        tokens: Those that were needed so far.
        in_flight: Requests under way.
        waiting: Calls that wait for their turn.
        concurrency: Requests that may be under way at once, at present: less than the limit after throttling.
        paused_for: Seconds until the server may be asked again, after throttling; 0 if it may be now.
        success_ago: Seconds since the last request that succeeded was sent; None if none has.
        failure_ago: Seconds since the last one that failed; None if none has.
        failure: What it failed with; empty if none has.
    """

    is_closed: bool
    tokens: Sequence[TokenHealth]
    in_flight: int
    waiting: int
    concurrency: int
    paused_for: float
    success_ago: float | None
    failure_ago: float | None
    failure: str

    @property
    def is_ready(self) -> bool:
        """Whether calls may succeed: it is open, and no login was refused within the last minute."""
        return not self.is_closed and not any(token.refused for token in self.tokens)

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {"is_ready": self.is_ready, **attrs.asdict(self)}


@asynccontextmanager
async def serve_health(
    is_ready: Callable[[], bool],
    host: str = "127.0.0.1",
    port: int = 8080,
    *,
    details: Callable[[], Mapping[str, Any]] | None = None,
) -> AsyncIterator[int]:
    """Answer whoever supervises the process, as long as the block runs::

    async with serve_health(lambda: pod.health().is_ready, port=8080, details=lambda: pod.health().to_dict()):
        ...

    ``/healthz`` is answered with 200 while the event loop runs; ``/readyz`` with 200 or 503 as ``is_ready`` says;
    ``/health`` with the details, as JSON.

    Args:
        is_ready: Whether work is taken.
        host: Where to listen.
        port: The same; 0 for a free one.
        details: What else is told. It must hold no secret.

    Returns:
        The port.

    Raises:
        ConfigError: The port cannot be listened to.
    """
    from aiohttp import web  # noqa: PLC0415 - aiohttp's server loads when it is used

    async def health(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(_request: web.Request) -> web.Response:
        now = is_ready()
        return web.Response(status=200 if now else 503, text="ready\n" if now else "not ready\n")

    async def told(_request: web.Request) -> web.Response:
        return web.json_response({} if details is None else dict(details()))

    app = web.Application()
    app.add_routes([web.get("/healthz", health), web.get("/readyz", ready), web.get("/health", told)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ConfigError(f"health cannot be told at {host}:{port}: {error.strerror}") from None
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
