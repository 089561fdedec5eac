"""``provision apply --store``: hands a job over to workers, and watches them."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..provisioning import JobStore, Plan, Progress
from ..stop_signals import on_stop_signals
from .output import say
from .worker import MISSING

if TYPE_CHECKING:
    from ..provisioning.workers.handing_over import Options

__all__ = ["hand_over", "options_for_workers"]


def options_for_workers(*, concurrency: int, settle: float, attempts: int, audit: bool) -> Options:
    """How workers carry a job out.

    Raises:
        ConfigError: The extra is missing.
    """
    try:
        from ..provisioning.workers.handing_over import Options
    except ModuleNotFoundError:
        raise ConfigError(MISSING) from None
    return Options(concurrency=concurrency, settle=settle, attempts=attempts, audit=audit)


async def hand_over(
    store: JobStore,
    made: Plan | None,
    options: Options,
    *,
    shards: int | None,
    detach: bool,
    quiet: bool,
    progress: Progress,
    show: Callable[[], AbstractContextManager[Callable[[str], None]]],
) -> bool:
    """Hand a job over, and watch it until workers ended it.

    Returns:
        Whether it ended; False if nobody waits for that, as it was asked for or by Ctrl-C.
    """
    from ..provisioning.journal.postgres.store import PostgresStore
    from ..provisioning.workers import handing_over

    assert isinstance(store, PostgresStore)  # noqa: S101 - the address was checked
    with show():
        header = await handing_over.hand_over(store, made, options, shards=shards, progress=progress)
    living = await handing_over.living_workers(store, header.kind, header.target)
    if not living:
        say(
            f"no worker that can reach {header.target} shows a sign of life: start one with aiosymphony worker --store "
            f"{shlex.quote(store.database)}",
            stderr=True,
        )
    how = f"aiosymphony provision status {shlex.quote(store.name)}"
    if detach:
        if not quiet:
            say(f"handed over as {store.name}, in {header.shards} shards; to see how it stands: {how}")
        return False
    watching = asyncio.ensure_future(handing_over.follow(store, progress))

    def stop() -> None:
        watching.cancel()

    with show(), on_stop_signals(stop):
        await asyncio.wait([watching])
    if watching.cancelled():
        say(f"workers go on with {store.name}; to see how it stands: {how}", stderr=True)
        return False
    watching.result()
    return True
