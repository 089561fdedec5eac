"""Runs a bot until it is asked to stop, and ends it within bounds.

::

    async def main(life: Life) -> None:
        async with PodClient.from_env() as pod:
            life.watch(pod)
            async with pod.presence.feed() as feed:
                async for change in life.until_stopped(feed):
                    ...

    run(main, health="127.0.0.1:8080")
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar

from .errors import ConfigError
from .health import Health, serve_health
from .stop_signals import on_stop_signals

__all__ = ["Life", "run"]

T = TypeVar("T")

HUNG: Final = 75
"""The exit code of a process that had to be ended."""

_log = logging.getLogger("aiosymphony")


class Watched(Protocol):
    """A client."""

    def health(self) -> Health:
        """How it fares."""
        ...


class Life:
    """Whether a program was asked to stop, and how its clients fare; made by :func:`run`."""

    def __init__(self) -> None:
        self._stopped = asyncio.Event()
        self._watched: list[Watched] = []

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stopped.is_set()

    @property
    def is_ready(self) -> bool:
        """Whether work is taken: nobody asked it to stop, and every client is ready."""
        return not self.is_stopping and all(each.health().is_ready for each in self._watched)

    def stop(self) -> None:
        """Ask it to stop, as a signal does."""
        self._stopped.set()

    def watch(self, client: Watched) -> None:
        """Tell of a client where health is asked for."""
        self._watched.append(client)

    async def sleep(self, seconds: float) -> bool:
        """Sleep; False, at once, when it is asked to stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)
        return not self.is_stopping

    async def wait(self) -> None:
        """Wait until it is asked to stop."""
        await self._stopped.wait()

    async def until_stopped(self, items: AsyncIterable[T]) -> AsyncIterator[T]:
        """The items, until it is asked to stop: the wait for the next one ends then, the work on one does not."""
        source = aiter(items)
        stopped = asyncio.ensure_future(self._stopped.wait())
        following: asyncio.Future[T] | None = None
        try:
            while not self.is_stopping:
                following = asyncio.ensure_future(anext(source))
                await asyncio.wait([following, stopped], return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    return
                try:
                    item = following.result()
                except StopAsyncIteration:
                    return
                yield item
        finally:
            waiting: list[asyncio.Future[Any]] = [stopped] if following is None else [stopped, following]
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)

    def to_dict(self) -> dict[str, Any]:
        """How it fares, as JSON values."""
        clients = [each.health().to_dict() for each in self._watched]
        return {"is_ready": self.is_ready, "is_stopping": self.is_stopping, "clients": clients}


def run(main: Callable[[Life], Awaitable[T]], *, grace: float = 10.0, health: str | None = None) -> T | None:
    """Run a program until it ends, or is asked to stop by Ctrl-C or SIGTERM.

    Asked once, ``life.is_stopping`` becomes true, and ``main`` has ``grace`` seconds to end; then, or when asked twice,
    it is cancelled, which closes what it holds open. If it hangs all the same after as long again, the process ends
    with 75, whatever else it does.

    Args:
        main: The program.
        grace: Seconds to end in.
        health: ``HOST:PORT`` where ``/healthz``, ``/readyz`` and ``/health`` are answered; None for nowhere.

    Returns:
        What ``main`` returns; None if it was cancelled.

    Raises:
        ConfigError: Health cannot be told there.
        Exception: What ``main`` raises.
    """
    host, _, port = (health or "").rpartition(":")
    if health is not None and not port.isdecimal():
        raise ConfigError(f"health takes HOST:PORT, such as 127.0.0.1:8080, and not {health}")
    return asyncio.run(_run(main, grace, None if health is None else (host.strip("[]") or "127.0.0.1", int(port))))


async def _run(main: Callable[[Life], Awaitable[T]], grace: float, address: tuple[str, int] | None) -> T | None:
    life = Life()

    async def work() -> T:
        return await main(life)

    async with contextlib.AsyncExitStack() as undo:
        if address is not None:
            await undo.enter_async_context(serve_health(lambda: life.is_ready, *address, details=life.to_dict))
        task = asyncio.create_task(work(), name="main")

        def stop() -> None:
            if life.is_stopping:
                task.cancel()
            else:
                _log.info("asked to stop: there are %g s to end in", grace)
                life.stop()

        with on_stop_signals(stop):
            stopping = asyncio.ensure_future(life.wait())
            await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            for seconds in (grace, grace):
                if not task.done():
                    await asyncio.wait([task], timeout=seconds)
                    task.cancel()
        if not task.done():
            _log.error("main still runs %g s after it was asked to stop: the process ends", 2 * grace)
            logging.shutdown()
            # Without the end of the event loop, which would wait for it.
            os._exit(HUNG)
        return None if task.cancelled() else task.result()
