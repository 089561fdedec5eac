"""``aiosymphony provision jobs``, ``pause``, ``resume`` and ``cancel``: the jobs of a database."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ..auth.secrets import keeps_arguments_secret
from ..errors import ConfigError
from ..provisioning.journal.registry import NEEDS_POSTGRES
from .output import JsonOption, console, print_json, say
from .progress_view import duration
from .worker import StoreOption

if TYPE_CHECKING:
    from ..provisioning.journal.base import Wish

__all__ = ["cancel", "jobs", "pause", "resume"]

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The job's name, or that of its file.")]


@keeps_arguments_secret
def jobs(store: StoreOption, as_json: JsonOption = False) -> None:
    """List the jobs of a database, the newest first, and how they stand."""
    try:
        from ..provisioning.journal.postgres.jobs import list_jobs
    except ModuleNotFoundError:
        raise ConfigError(NEEDS_POSTGRES) from None
    found = list_jobs(store)
    if as_json:
        print_json([job.to_dict() for job in found])
        return
    if not found:
        say("no job")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("job", "state", "rows", "not done", "shards", "made", "last sign of life"):
        table.add_column(name, justify="right" if name in ("rows", "not done", "shards") else "left")
    for job in found:
        table.add_row(
            job.name,
            job.state,
            f"{job.done:,} of {job.total:,}",
            f"{job.failures:,}",
            f"{job.finished_shards} of {job.shards}",
            time.strftime("%Y-%m-%d %H:%M", time.localtime(job.made_at)),
            "" if job.seen_ago is None or job.finished_at is not None else f"{duration(max(0.0, job.seen_ago))} ago",
        )
    console().print(table)
    for job in found:
        if job.stopped is not None and job.finished_at is None:
            say(f"{job.name}: {job.stopped}")


@keeps_arguments_secret
def pause(job: JobArgument, store: StoreOption, as_json: JsonOption = False) -> None:
    """Have whoever works on a job finish requests in flight and stop. Nobody takes it up until it is resumed."""
    _set(store, job, "pause", "{} is paused: aiosymphony provision resume lets it go on", as_json=as_json)


@keeps_arguments_secret
def resume(job: JobArgument, store: StoreOption, as_json: JsonOption = False) -> None:
    """Let a job go on that was paused. Workers take it up within seconds; without workers, run its command again."""
    _set(store, job, "run", "{} goes on", as_json=as_json)


@keeps_arguments_secret
def cancel(job: JobArgument, store: StoreOption, as_json: JsonOption = False) -> None:
    """Send no further row of a job, for good: what was sent is looked up, the rest counts as failed, and the job ends.

    Whoever works on it does that; without workers, run its command again.
    """
    _set(store, job, "cancel", "{} is cancelled: whoever works on it gives up what is still to do", as_json=as_json)


def _set(store: str, job: str, wish: Wish, told: str, *, as_json: bool) -> None:
    try:
        from ..provisioning.journal.postgres.jobs import set_wish
    except ModuleNotFoundError:
        raise ConfigError(NEEDS_POSTGRES) from None
    name = set_wish(store, job, wish)
    if as_json:
        print_json({"job": name, "wish": wish})
    else:
        say(told.format(name))
