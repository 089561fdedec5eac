"""``aiosymphony provision schedule`` and ``schedules``: files whose users are provisioned again and again."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import attrs
import typer

from ..auth.secrets import keeps_arguments_secret
from ..errors import ConfigError
from ..provisioning import Desired
from ..provisioning.journal.base import JobHeader
from ..provisioning.journal.registry import NEEDS_POSTGRES
from ..provisioning.sources.column_map import ColumnMap
from ..provisioning.targets.base import Connection
from ..provisioning.targets.registry import target_kind
from ..text import counted
from .clients import ConfigOption
from .input_files import EncodingOption, SheetOption
from .output import JsonOption, print_json, say
from .provision_options import (
    AttemptsOption,
    AuditOption,
    CompanyOption,
    ConcurrencyOption,
    ForceOption,
    MapOption,
    MissingOption,
    ServiceOption,
    SettleOption,
    StrictOption,
    TargetOption,
    TrustOption,
    check_absence,
    job_of,
)
from .worker import MISSING, StoreOption

if TYPE_CHECKING:
    from ..provisioning.workers.schedules import Verb

__all__ = ["schedule", "schedules"]

_DONE: Final = {"pause": "paused", "resume": "resumed", "remove": "removed"}
_READING: Final = "it was read by a column map, an encoding or a sheet: give --map, --encoding or --sheet again"


@keeps_arguments_secret
def schedule(
    file: Annotated[
        str, typer.Argument(metavar="FILE|JOB", help="A file, or a job of a file; to change a schedule, its name.")
    ],
    store: StoreOption,
    cron: Annotated[
        str | None, typer.Option("--cron", metavar="'0 2 * * 1-5'", help="When: minute, hour, day, month, weekday.")
    ] = None,
    zone: Annotated[str, typer.Option("--zone", help="The time zone of --cron, such as Europe/Zurich.")] = "UTC",
    name: Annotated[str | None, typer.Option("--name", help="The schedule's name; FILE@TARGET if not given.")] = None,
    pause: Annotated[bool, typer.Option("--pause", help="Let the schedule rest.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Let it go on, from its next time.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove it. Its jobs stay.")] = False,
    target: TargetOption = None,
    company: CompanyOption = None,
    disable_missing: MissingOption = False,
    include_service_accounts: ServiceOption = False,
    trust_keys: TrustOption = False,
    column_map: MapOption = None,
    encoding: EncodingOption = None,
    sheet: SheetOption = None,
    strict: StrictOption = False,
    force: ForceOption = False,
    concurrency: ConcurrencyOption = 32,
    settle: SettleOption = 30.0,
    attempts: AttemptsOption = 4,
    audit: AuditOption = True,
    shards: Annotated[
        int | None, typer.Option(min=1, help="Parts of each job, for several workers; one for each 10,000 rows.")
    ] = None,
    keep: Annotated[int, typer.Option(min=1, help="How many of its jobs that ended stay in the database.")] = 30,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Provision the users of a file again and again: at each time, workers plan it anew and carry out what differs.

    The file is kept in the database as it is now. Give the command again to replace it.

    A time is left out while the job of an earlier one has not ended. Times that pass while no worker lives are made up
    for by one job.
    """
    try:
        from ..provisioning.workers.handing_over import Options
        from ..provisioning.workers.schedules import Planning, Schedule, change_schedule, save_schedule
    except ModuleNotFoundError:
        raise ConfigError(MISSING) from None
    chosen: dict[Verb, bool] = {"pause": pause, "resume": resume, "remove": remove}
    verbs: list[Verb] = [verb for verb, wanted in chosen.items() if wanted]
    if len(verbs) + (cron is not None) != 1:
        raise ConfigError("give --cron to make a schedule, or one of --pause, --resume and --remove to change one")
    if verbs:
        found = change_schedule(store, file, verbs[0])
        if as_json:
            print_json({"schedule": found, "done": verbs[0]})
        else:
            say(f"{found} is {_DONE[verbs[0]]}")
        return
    assert cron is not None  # noqa: S101 - checked above
    planning = Planning(
        None if column_map is None else ColumnMap.read_table(column_map),
        encoding,
        sheet,
        strict,
        disable_missing,
        include_service_accounts,
        trust_keys,
        force,
    )
    path, connection, kind = Path(file), Connection(company, config), target
    job = None
    if not path.exists():
        job = asyncio.run(_header(store, file))
        path, kind = Path(job.input_path), job.kind
        if not job.input_path or not path.exists():
            raise ConfigError(f"{job.input_name}, the file of the job, is not there: name a file")
        connection = attrs.evolve(target_kind(kind).saved(job.target), config=config)
        planning = attrs.evolve(
            planning,
            disable_missing=job.disable_missing,
            include_service_accounts=job.include_service_accounts,
            trust_keys=job.trust_keys,
        )
    known = target_kind(kind)
    known.check(connection)
    check_absence(disable_missing=planning.disable_missing, include_service_accounts=planning.include_service_accounts)
    desired = Desired.read(path, known.kind, columns=planning.columns, encoding=encoding, sheet=sheet, strict=strict)
    if job is not None and job.reading != desired.reading and not (column_map or encoding or sheet):
        raise ConfigError(f"{file}: {_READING}")
    if planning.disable_missing and desired.is_rest:
        raise ConfigError(f"{path} holds what is left of a job, not everybody: leave out --disable-missing")
    where = asyncio.run(_name(known.kind, connection))
    made = Schedule(
        name or job_of(path, where),
        known.kind,
        where,
        cron,
        zone,
        path.name,
        path.read_bytes(),
        planning,
        Options(concurrency=concurrency, settle=settle, attempts=attempts, audit=audit),
        shards,
        keep,
    )
    first = save_schedule(store, made)
    if as_json:
        print_json({"schedule": made.name, "next_at": first, "rows": desired.count, "wrong": desired.bad})
        return
    say(f"{made.name}: {counted(desired.count, 'row')} at {cron} ({zone}), the first time on {_moment(first)}")
    if desired.bad:
        rows = "1 row is" if desired.bad == 1 else f"{desired.bad:,} rows are"
        say(f"{rows} wrong, and left out each time: aiosymphony provision plan lists them")


@keeps_arguments_secret
def schedules(store: StoreOption, as_json: JsonOption = False) -> None:
    """List the schedules of a database, and what became of their last time."""
    try:
        from ..provisioning.workers.schedules import list_schedules
    except ModuleNotFoundError:
        raise ConfigError(NEEDS_POSTGRES) from None
    found = list_schedules(store)
    if as_json:
        print_json([attrs.asdict(each) for each in found])
        return
    if not found:
        say("no schedule")
        return
    for each in found:
        say(each.name)
        say(f"  {each.cron} ({each.zone}), {'paused' if each.paused else f'next on {_moment(each.next_at)}'}")
        if each.last_at is not None:
            say(f"  last on {_moment(each.last_at)}: {each.last_result}")
            say(f"  last job {each.last_job}" if each.last_job else "  no job yet")


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


async def _header(store: str, job: str) -> JobHeader:
    from ..provisioning.journal.postgres.store import PostgresStore

    async with PostgresStore(store, job=job, read_only=True) as journal:
        header = await journal.header()
    if header is None:
        raise ConfigError(f"{job} is neither a file nor a job: aiosymphony provision jobs lists the jobs")
    return header


async def _name(kind: str, connection: Connection) -> str:
    async with target_kind(kind).open(connection) as target:
        return target.name
