"""``aiosymphony store``: the database that holds the journals of jobs."""

from __future__ import annotations

from typing import Annotated

import typer

from ..auth.secrets import keeps_arguments_secret
from ..errors import ConfigError
from ..provisioning.journal.registry import NEEDS_POSTGRES
from .output import JsonOption, print_json, say

__all__ = ["app"]

app = typer.Typer(name="store", help="Prepare a database that keeps the journals of jobs.", no_args_is_help=True)


@app.callback()
def _root() -> None:
    """Keep ``init`` a command of its own, although it is the only one."""


@app.command("init")
@keeps_arguments_secret
def init(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="postgresql://USER@HOST:PORT/DATABASE")],
    as_json: JsonOption = False,
) -> None:
    """Make the tables for jobs in a PostgreSQL database, or bring them up to date. It may be run again at any time.

    The password is better left to PGPASSWORD or ~/.pgpass than put into the address.
    """
    try:
        from ..provisioning.journal.postgres.init import init_store
    except ImportError:
        raise ConfigError(NEEDS_POSTGRES) from None
    done = init_store(address)
    if as_json:
        print_json({"database": done.database, "version": done.version, "before": done.before})
    elif done.before == done.version:
        say(f"{done.database} has the tables of this release already (version {done.version})")
    else:
        what = f"brought from version {done.before}" if done.before else "made"
        say(f"{done.database}: tables {what}, version {done.version}")
