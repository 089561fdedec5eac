"""The jobs of a database: which there are, how they stand, and what the operator wants of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from ....auth.secrets import keeps_arguments_secret
from ....errors import JobRefused
from ..base import Wish
from ..owner import Owner
from ..states import FINISHED
from .session import Connection, ask_once

__all__ = ["JobState", "list_jobs", "read_jobs", "set_wish"]

_JOBS: Final = """
SELECT j.job, j.name, j.header->>'kind', j.header->>'target', j.header->>'input_name',
  extract(epoch FROM j.made_at)::float8, j.wish,
  EXISTS (SELECT FROM aiosymphony.note AS n WHERE n.job = j.job AND n.name = 'work'),
  (SELECT (n.value::text)::float8 FROM aiosymphony.note AS n WHERE n.job = j.job AND n.name = 'finished_at'),
  (SELECT n.value->>'why' FROM aiosymphony.note AS n WHERE n.job = j.job AND n.name = 'stopped'),
  s.shards, s.finished, s.owners, s.seen,
  (SELECT json_object_agg(c.state, c.number) FROM (
    SELECT state, sum(number) AS number FROM aiosymphony.counts(j.job, NULL) GROUP BY state) AS c)
FROM aiosymphony.job AS j CROSS JOIN LATERAL (
  SELECT count(*) AS shards, count(*) FILTER (WHERE s.finished) AS finished,
    coalesce(array_agg(DISTINCT s.owner) FILTER (WHERE s.lease_until > aiosymphony.clock()), '{}') AS owners,
    extract(epoch FROM aiosymphony.clock() - max(s.seen_at))::float8 AS seen
  FROM aiosymphony.shard AS s WHERE s.job = j.job) AS s
ORDER BY j.job DESC LIMIT %s
"""
_WISH: Final = """
WITH before AS (
  SELECT job, wish FROM aiosymphony.job WHERE name = %(name)s OR starts_with(name, %(name)s || '@')
  ORDER BY name = %(name)s DESC LIMIT 1 FOR UPDATE)
UPDATE aiosymphony.job AS j SET wish = %(wish)s FROM before WHERE j.job = before.job
RETURNING j.name, before.wish,
  EXISTS (SELECT FROM aiosymphony.note AS n WHERE n.job = j.job AND n.name = 'finished_at')
"""
_VERBS: Final[Mapping[Wish, str]] = {"run": "resume", "pause": "pause", "cancel": "cancel"}
_ALIKE: Final = "SELECT name FROM aiosymphony.job WHERE name = %(name)s OR starts_with(name, %(name)s || '@') LIMIT 3"


@attrs.frozen
class JobState:
    """How a job stands.

    Attributes:
        number, name: Its own.
        kind, target: Where.
        input_name: The file.
        made_at: When it came into the database, in seconds since the epoch, by its clock.
        wish: What the operator wants of it.
        handed_over: Whether workers carry it out.
        finished_at: When it ended, with its audit; None if it did not.
        stopped: Why a worker could not go on, the last time that one could not; None if all could.
        shards, finished_shards: How many parts it has, and how many have no row left.
        owners: The processes that work on it, for people.
        seen_ago: Seconds since the last sign of life; None if there was none.
        rows: Rows by state.
    """

    number: int
    name: str
    kind: str
    target: str
    input_name: str
    made_at: float
    wish: Wish
    handed_over: bool
    finished_at: float | None
    stopped: str | None
    shards: int
    finished_shards: int
    owners: list[str]
    seen_ago: float | None
    rows: Mapping[str, int]

    @property
    def state(self) -> str:
        """In one word: finished, paused, cancelled, running, waiting (for a worker) or stopped."""
        if self.finished_at is not None:
            return "cancelled" if self.wish == "cancel" else "finished"
        if self.wish == "pause":
            return "paused"
        if self.owners:
            return "running"
        return "waiting" if self.handed_over else "stopped"

    @property
    def total(self) -> int:
        """All rows."""
        return sum(self.rows.values())

    @property
    def done(self) -> int:
        """Rows that it has dealt with, however they ended."""
        return sum(self.rows.get(state, 0) for state in FINISHED)

    @property
    def failures(self) -> int:
        """Rows that were not carried out, or of which nobody knows."""
        return self.done - self.rows.get("DONE", 0)

    def to_dict(self) -> dict[str, Any]:
        """The state as JSON values."""
        counted = {"total": self.total, "done": self.done, "failures": self.failures}
        return attrs.asdict(self) | {"state": self.state} | counted


def read_jobs(connection: Connection, limit: int = 1000) -> list[JobState]:
    """The newest jobs of a database."""
    found = []
    for row in connection.execute(_JOBS, [limit]).fetchall():
        facts: list[Any] = [*row]
        facts[-3], facts[-1] = [Owner.parse(owner).described() for owner in row[-3]], row[-1] or {}
        found.append(JobState(*facts))
    return found


@keeps_arguments_secret
def list_jobs(text: str) -> list[JobState]:
    """The jobs of the database at an address, the newest first.

    Raises:
        JobError: It cannot be reached or read.
    """
    return ask_once(text, read_jobs, read_only=True)


@keeps_arguments_secret
def set_wish(text: str, name: str, wish: Wish) -> str:
    """Pause, resume or cancel a job, by its name or by that of its file.

    Returns:
        The name of the job.

    Raises:
        JobRefused: There is no such job, there are several, or it was cancelled or has ended.
        JobInterrupted: The database cannot be reached.
    """

    def ask(connection: Connection) -> str:
        asked = {"name": name, "wish": wish}
        with connection.transaction():
            alike = [str(each) for (each,) in connection.execute(_ALIKE, asked).fetchall()]
            if len(alike) > 1 and name not in alike:
                raise JobRefused(f"several jobs are of {name}: name one of them: {', '.join(alike)}")
            found = connection.execute(_WISH, asked).fetchone()
            if found is None:
                raise JobRefused(f"there is no job {name}: aiosymphony provision jobs lists them")
            name_found, before, has_ended = found
            if has_ended:
                raise JobRefused(f"the job {name_found} has ended: there is nothing left to {_VERBS[wish]}")
            if before == "cancel" != wish:
                raise JobRefused(f"the job {name_found} was cancelled, which is for good: it only has to end")
        return str(name_found)

    return ask_once(text, ask, read_only=False)
