"""Room for a new job under the name of an old one, which keeps its rows under another name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .session import transaction

if TYPE_CHECKING:
    from .session import Connection
    from .shards import Shards

__all__ = ["put_away"]


def put_away(connection: Connection, job: int, name: str | None, at: float, shards: Shards) -> str | None:
    """Give a job another name, and let go of its shards; may be called again if the answer was lost.

    Returns:
        The new name: the time comes first, so that who looks for the job of a file does not find it. None if some of
        its shards are another's.
    """
    # The number of the job makes it a name that no other has.
    kept = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H%M%SZ}-{job} {name}"
    with transaction(connection):
        found = connection.execute("SELECT name FROM aiosymphony.job WHERE job = %s", [job]).fetchone()
        if found == (kept,):
            return kept
        if not shards.are_all_held(connection, job):
            return None
        connection.execute("UPDATE aiosymphony.job SET name = %s WHERE job = %s", (kept, job))
        shards.let_go(connection, job)
    return kept
