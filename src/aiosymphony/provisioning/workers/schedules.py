"""Schedules: files whose users are provisioned again and again, as a database keeps them.

The database holds the file as it was given, and how it is read. ``next_at`` is the truth: whoever finds that it has
come makes a plan, and brings the job in and moves ``next_at`` on in one transaction. So a time that several workers
take up is one job, and one that a dead worker took up is taken up again. Times that pass while no worker lives are made
up for by one job.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import attrs
from croniter import CroniterBadCronError, CroniterBadDateError, croniter

from ...auth.secrets import keeps_arguments_secret
from ...errors import ConfigError, JobRefused
from ..journal.postgres.begin import as_json
from ..journal.postgres.session import Connection, ask_once
from ..rows.base import Kind
from .handing_over import Options

__all__ = ["Due", "Planning", "Schedule", "ScheduleState", "change_schedule", "list_schedules", "move_on", "next_time",
           "read_due", "read_schedules", "save_schedule"]  # fmt: skip

_FIELDS: Final = 5

_SAVE: Final = """
INSERT INTO aiosymphony.schedule (name, kind, target, cron, zone, input_name, input, options, next_at)
VALUES (%(name)s, %(kind)s, %(target)s, %(cron)s, %(zone)s, %(input_name)s, %(input)s, %(options)s::json, %(next_at)s)
ON CONFLICT (name) DO UPDATE SET cron = EXCLUDED.cron, zone = EXCLUDED.zone, input_name = EXCLUDED.input_name,
  input = EXCLUDED.input, options = EXCLUDED.options, next_at = EXCLUDED.next_at, paused = false
WHERE schedule.kind = EXCLUDED.kind AND schedule.target = EXCLUDED.target RETURNING 1
"""
_LIST: Final = """
SELECT s.name, s.kind, s.target, s.cron, s.zone, s.input_name, s.paused, extract(epoch FROM s.next_at)::float8,
  extract(epoch FROM s.last_at)::float8, s.last_job, s.last_result
FROM aiosymphony.schedule AS s ORDER BY s.name
"""
_DUE: Final = """
SELECT name, kind, target, cron, zone, next_at, input_name, input, options FROM aiosymphony.schedule
WHERE name = %s AND NOT paused AND next_at <= aiosymphony.clock()
"""
_MOVE_ON: Final = """
UPDATE aiosymphony.schedule SET next_at = %(next_at)s, last_at = %(at)s, last_result = %(result)s,
  last_job = coalesce(%(job)s, last_job)
WHERE name = %(name)s AND next_at = %(at)s RETURNING 1
"""
_NOW: Final = "SELECT aiosymphony.clock()"
_CHANGES: Final[Mapping[str, str]] = {
    "pause": "UPDATE aiosymphony.schedule SET paused = true WHERE name = %(name)s RETURNING 1",
    "resume": "UPDATE aiosymphony.schedule SET paused = false, next_at = %(next_at)s WHERE name = %(name)s RETURNING 1",
    "remove": "DELETE FROM aiosymphony.schedule WHERE name = %(name)s RETURNING 1",
}
_ALIKE: Final = """
SELECT name, cron, zone FROM aiosymphony.schedule WHERE name = %(name)s OR starts_with(name, %(name)s || '@')
ORDER BY name = %(name)s DESC, name LIMIT 3
"""

Verb = Literal["pause", "resume", "remove"]


@attrs.frozen
class Planning:
    """How a worker reads the file, and plans.

    Attributes:
        columns: The column map, as a table.
        encoding, sheet, strict: As for :meth:`~aiosymphony.provisioning.Desired.read`.
        disable_missing, include_service_accounts, trust_keys: As for :func:`~aiosymphony.provisioning.plan`.
        force: Allow many users to be disabled each time.
    """

    columns: Mapping[str, Any] | None = None
    encoding: str | None = None
    sheet: str | None = None
    strict: bool = False
    disable_missing: bool = False
    include_service_accounts: bool = False
    trust_keys: bool = False
    force: bool = False


@attrs.frozen
class Schedule:
    """A file, and when its users are provisioned.

    Attributes:
        name: Its own.
        kind, target: Where.
        cron: When, in the five fields of cron.
        zone: The time zone of these.
        input_name, input: The file, and its bytes.
        planning: How it is read and planned.
        work: How workers carry the jobs out.
        shards: Into how many parts each job is divided; None for one each 10,000 rows.
        keep: How many of its jobs that ended stay in the database.
    """

    name: str
    kind: Kind
    target: str
    cron: str
    zone: str
    input_name: str
    input: bytes = attrs.field(repr=False)
    planning: Planning = attrs.field(factory=Planning)
    work: Options = attrs.field(factory=Options)
    shards: int | None = None
    keep: int = 30


@attrs.frozen
class Due:
    """A schedule whose time has come.

    Attributes:
        schedule: It.
        at: The time.
    """

    schedule: Schedule
    at: datetime

    @property
    def job(self) -> str:
        """The name of the job of this time."""
        return f"{self.schedule.name}/{self.at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


@attrs.frozen
class ScheduleState:
    """How a schedule stands.

    Attributes:
        name, kind, target, cron, zone, input_name: As in :class:`Schedule`.
        paused: Whether it rests.
        next_at: Its next time, in seconds since the epoch.
        last_at: The last time that was dealt with; None if none was.
        last_job: The last job that it made; None if it made none.
        last_result: What became of the last time, in a sentence.
    """

    name: str
    kind: str
    target: str
    cron: str
    zone: str
    input_name: str
    paused: bool
    next_at: float
    last_at: float | None
    last_job: str | None
    last_result: str | None


def next_time(cron: str, zone: str, after: datetime) -> datetime:
    """The first time of a cron expression after another.

    Raises:
        ConfigError: The expression or the zone is none, or no time ever comes.
    """
    try:
        where = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ConfigError(f"there is no time zone {zone!r}: it is a name such as Europe/Zurich") from None
    if len(cron.split()) != _FIELDS:
        raise ConfigError(f"{cron!r} is no cron expression: it has five fields, such as '0 2 * * 1-5'")
    # By the clock on the wall, of which releases of croniter differ in the nights that it is changed.
    local = after.astimezone(where).replace(tzinfo=None)
    try:
        times = croniter(cron, local)
        while (found := times.get_next(datetime).replace(tzinfo=where).astimezone(UTC)) <= after:
            pass  # in the hour that comes twice
    except (CroniterBadCronError, CroniterBadDateError, ValueError) as error:
        raise ConfigError(f"{cron!r} is no cron expression: {error}") from None
    return found


@keeps_arguments_secret
def save_schedule(address: str, schedule: Schedule) -> float:
    """Put a schedule into a database, in place of one of the same name.

    Returns:
        Its first time, in seconds since the epoch.

    Raises:
        ConfigError: The cron expression or the zone is none.
        JobRefused: A schedule of that name is for another target, or the database cannot be used.
        JobInterrupted: The database cannot be reached.
    """
    options = {
        "planning": attrs.asdict(schedule.planning),
        "work": attrs.asdict(schedule.work),
        "shards": schedule.shards,
        "keep": schedule.keep,
    }

    def save(connection: Connection) -> float:
        first = next_time(schedule.cron, schedule.zone, _now(connection))
        asked = attrs.asdict(schedule, recurse=False) | {"options": as_json(options), "next_at": first}
        if connection.execute(_SAVE, asked).fetchone() is None:
            raise JobRefused(f"the schedule {schedule.name} is for another target: give this one another --name")
        return first.timestamp()

    return ask_once(address, save, read_only=False)


@keeps_arguments_secret
def list_schedules(address: str) -> list[ScheduleState]:
    """The schedules of a database, by name.

    Raises:
        JobError: It cannot be reached or read.
    """
    return ask_once(address, read_schedules, read_only=True)


def read_schedules(connection: Connection) -> list[ScheduleState]:
    """The schedules of a database, by name."""
    return [ScheduleState(*row) for row in connection.execute(_LIST).fetchall()]


@keeps_arguments_secret
def change_schedule(address: str, name: str, verb: Verb) -> str:
    """Pause, resume or remove a schedule, by its name or by that of its file. Its jobs stay.

    Returns:
        The name of the schedule.

    Raises:
        JobRefused: There is no such schedule, or there are several.
        JobInterrupted: The database cannot be reached.
    """

    def change(connection: Connection) -> str:
        with connection.transaction():
            alike = connection.execute(_ALIKE, {"name": name}).fetchall()
            if not alike:
                raise JobRefused(f"there is no schedule {name}: aiosymphony provision schedules lists them")
            found, cron, zone = alike[0]
            if len(alike) > 1 and found != name:
                names = ", ".join(str(each) for each, _, _ in alike)
                raise JobRefused(f"several schedules are of {name}: name one of them: {names}")
            # What it missed while it rested is not made up for.
            asked = {"name": found, "next_at": next_time(cron, zone, _now(connection))}
            connection.execute(_CHANGES[verb].encode(), asked)
        return str(found)

    return ask_once(address, change, read_only=False)


def read_due(connection: Connection, name: str) -> Due | None:
    """A schedule whose time has come; None if it has not, or the schedule rests or is gone."""
    found = connection.execute(_DUE, [name]).fetchone()
    if found is None:
        return None
    *facts, options = found
    kept, kind, target, cron, zone, at, input_name, content = facts
    schedule = Schedule(
        kept,
        kind,
        target,
        cron,
        zone,
        input_name,
        bytes(content),
        Planning(**options["planning"]),
        Options(**options["work"]),
        options["shards"],
        options["keep"],
    )
    return Due(schedule, at)


def move_on(connection: Connection, due: Due, result: str, job: str | None = None) -> bool:
    """Note what became of a time, and go on to the next.

    Returns:
        False if another worker has dealt with this time.
    """
    schedule = due.schedule
    asked = {
        "name": schedule.name,
        "at": due.at,
        "next_at": next_time(schedule.cron, schedule.zone, _now(connection)),
        "result": result,
        "job": job,
    }
    return connection.execute(_MOVE_ON, asked).fetchone() is not None


def _now(connection: Connection) -> datetime:
    found = connection.execute(_NOW).fetchone()
    assert found is not None  # noqa: S101 - it is one row
    now: datetime = found[0]
    return now
