"""Health of a worker over HTTP, for whatever supervises it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from ...errors import ConfigError

if TYPE_CHECKING:
    from .worker import Worker

__all__ = ["serving_health"]


@asynccontextmanager
async def serving_health(worker: Worker, host: str, port: int) -> AsyncIterator[None]:
    """Answer ``/healthz`` while the process lives, and ``/readyz`` with 200 while the worker takes tasks, else 503.

    Raises:
        ConfigError: The port cannot be listened to.
    """

    async def health(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(_request: web.Request) -> web.Response:
        is_ready = worker.is_ready
        return web.Response(status=200 if is_ready else 503, text="ready\n" if is_ready else "not ready\n")

    app = web.Application()
    app.add_routes([web.get("/healthz", health), web.get("/readyz", ready)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ConfigError(f"--health: cannot listen at {host}:{port}: {error.strerror}") from None
        yield
    finally:
        await runner.cleanup()
