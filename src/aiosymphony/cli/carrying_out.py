"""Carries a job out in this process, under its signals."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import typer

from ..errors import JobError, JobInterrupted, JobRefused
from ..provisioning import Job, Plan
from ..stop_signals import on_stop_signals

__all__ = ["carry_out"]


async def carry_out(
    job: Job, made: Plan | None, *, shards: int, show: Callable[[], AbstractContextManager[Callable[[str], None]]]
) -> JobError | None:
    """Run a job; why it stopped, if it did before its end and after it had begun.

    Raises:
        JobError: It did not begin.
    """
    try:
        with show() as tell, _signals(job, tell):
            await job.run(made, shards=shards)
    except JobError as error:
        if isinstance(error, JobRefused) or job.progress.total == 0:
            raise
        return error
    except asyncio.CancelledError:
        if job.progress.total == 0:  # it came before the job had a journal
            raise typer.Abort from None
        return JobInterrupted("stopped at once; run the same command to resume: it first looks up what was in flight")
    return None


@contextlib.contextmanager
def _signals(job: Job, tell: Callable[[str], None]) -> Iterator[None]:
    """Ctrl-C or SIGTERM once: finish requests in flight. Twice: stop now."""
    task = asyncio.current_task()
    asked = False

    def stop() -> None:
        nonlocal asked
        if asked and task is not None:
            task.cancel()
        elif not asked:
            asked = True
            job.drain()
            still = job.progress.requests
            what = f"finishing {still} request{'' if still == 1 else 's'} in flight" if still else "stopping"
            tell(f"{what}; press Ctrl-C again to stop now")

    with on_stop_signals(stop):
        yield
