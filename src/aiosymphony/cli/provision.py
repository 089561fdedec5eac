"""``aiosymphony provision``: plan, apply, status and report."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import attrs
import typer

from ..auth.secrets import keeps_arguments_secret
from ..errors import ConfigError, JobError
from ..limits import Limits
from ..provisioning import Desired, Job, JobStore, Plan, Progress, Report, make_plan, prepare
from ..provisioning.journal.registry import is_address, open_store
from ..provisioning.preparing import check_input
from ..provisioning.reasons import reasons_of
from ..provisioning.reports.next_steps import command_line
from ..provisioning.rows.base import Kind
from ..provisioning.sources.column_map import ColumnMap
from ..provisioning.sources.content import Content
from ..provisioning.targets.base import Connection, TargetKind
from ..provisioning.targets.registry import target_kind
from . import jobs, provision_files, schedule
from .carrying_out import carry_out
from .clients import ConfigOption
from .exit_codes import CHANGES, RUNNING, SOME_FAILED, STOPPED
from .handing_over import hand_over, options_for_workers
from .input_files import STANDARD_INPUT, EncodingOption, SheetOption, beside, named_file, place_of
from .invocation import arguments_of, profile_of
from .job_status import Status, find_journal
from .output import JsonOption, is_quiet, print_json, say, when_interrupted
from .progress_view import Traffic, show_progress
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
    job_named,
    job_of,
)
from .provision_view import ask_before_disabling, needs_force, print_plan, print_report
from .telemetry import TelemetryOption, telemetry_of

__all__ = ["app"]

P = ParamSpec("P")

app = typer.Typer(
    name="provision",
    help="Make a company or a pod hold the users of a file, safely and resumably.",
    no_args_is_help=True,
)

NewOption = Annotated[
    bool, typer.Option("--new", help="Begin a new job, although the last one is not finished; its journal is kept.")
]
JournalOption = Annotated[
    str | None,
    typer.Option(
        "--journal",
        help="Where the job's state is kept: a file, by default FILE.journal beside the file, or postgresql://….",
    ),
]
JobArgument = Annotated[
    str, typer.Argument(metavar="PLAN|FILE|JOURNAL|JOB", help="What was given to apply, its journal, or a job's name.")
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="ADDRESS",
        help="The database of workers, postgresql://…: they carry the job out.",
    ),
]


def _command(function: Callable[P, Coroutine[Any, Any, int]]) -> Callable[P, None]:
    """Run a command's coroutine; what it returns is the exit code."""

    @functools.wraps(function)
    @keeps_arguments_secret  # the address of a journal may hold a password
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        raise typer.Exit(asyncio.run(function(*args, **kwargs)))

    return run


@app.command("plan")
@_command
async def plan_command(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with a header, XLSX, ODS or JSON; - for standard input.")],
    target: TargetOption = None,
    company: CompanyOption = None,
    disable_missing: MissingOption = False,
    include_service_accounts: ServiceOption = False,
    trust_keys: TrustOption = False,
    column_map: MapOption = None,
    encoding: EncodingOption = None,
    sheet: SheetOption = None,
    strict: StrictOption = False,
    save: Annotated[
        Path | None,
        typer.Option("--output", "-o", callback=named_file, help="Where to save the plan; by default FILE.plan."),
    ] = None,
    details: Annotated[bool, typer.Option("--details", help="Also list what would be done, row by row.")] = False,
    detailed: Annotated[
        bool, typer.Option("--detailed-exitcode", help="End with 5 if there is anything to do, with 0 if not.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Compare a file with what is there, print what would be done, and save it. Nothing is changed.

    The exit code is 2 if rows are wrong or in conflict.
    """
    when_interrupted("nothing was changed")
    save = save or beside(file, ".plan", "--output")
    known, reached = _target(target, Connection(company, config))
    check_absence(disable_missing=disable_missing, include_service_accounts=include_service_accounts)
    progress, traffic = Progress(), Traffic()
    with show_progress(progress, traffic, quiet=is_quiet() or as_json):
        desired = _read(file, known.kind, column_map, encoding, sheet, strict=strict, progress=progress)
        async with known.open(attrs.evolve(reached, observer=traffic.see)) as where:
            made = await make_plan(
                where,
                desired,
                disable_missing=disable_missing,
                include_service_accounts=include_service_accounts,
                trust_keys=trust_keys,
                strict=strict,
                progress=progress,
            )
        made.command = arguments_of(context)
        made.save(save)
    code = _code_of(made, detailed=detailed)
    if as_json:
        print_json(
            made.header()
            | {"plan": str(save), "needs_force": needs_force(made)}
            | {"read_as": _read_as(desired), "notes": desired.notes}
            | {"reasons": [reason.to_dict() for reason in reasons_of(made)]}
            | ({"actions": [action.to_dict() for action in made.actions()]} if details else {})
        )
        return code
    say(f"read as {desired.read_as}")
    print_plan(made, details=details)
    _say_notes(desired)
    say("")
    carry_out = [
        "apply",
        str(save.absolute()),
        *([] if config is None else ["--config", str(config.absolute())]),
        *profile_of(context),
    ]
    if made.rows == made.counts["skip"] + made.counts["invalid"] + made.counts["conflict"]:
        say(f"Saved as {save}. There is nothing to carry out.")
    elif needs_force(made):
        forced = command_line([*carry_out, "--force"])
        say(f"Saved as {save}. It disables more users than may be without --force. If that is meant: {forced}")
    else:
        say(f"Saved as {save}. To carry it out: {command_line(carry_out)}")
    return code


@app.command("apply")
@_command
async def apply_command(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="PLAN|FILE", help="A saved plan, or a file to plan and carry out.")],
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
    new: NewOption = False,
    journal: JournalOption = None,
    store_address: StoreOption = None,
    job_name: Annotated[
        str | None, typer.Option("--job", help="With --store: the job's name; FILE@TARGET if not given.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="With --store: do not wait for the end.")] = False,
    concurrency: ConcurrencyOption = 32,
    rate: Annotated[float | None, typer.Option(min=0.01, help="Requests per second at most; 400 if not given.")] = None,
    settle: SettleOption = 30.0,
    attempts: AttemptsOption = 4,
    audit: AuditOption = True,
    shards: Annotated[
        int | None,
        typer.Option(min=1, help="Parts of a new job, for several processes; with --store one for each 10,000 rows."),
    ] = None,
    max_shards: Annotated[int | None, typer.Option(min=1, help="Work on at most so many shards at a time.")] = None,
    telemetry: TelemetryOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Carry out a plan, or plan a file and carry that out. Run it again to resume.

    Ctrl-C once: finish requests in flight. Twice: stop now.
    """
    when_interrupted("nothing was changed; run the same command to begin again")
    options = None
    if store_address is not None:
        if not is_address(store_address):
            raise ConfigError(f"{store_address} is no database: --store takes postgresql://…, and --journal a file")
        if journal is not None or max_shards is not None or rate is not None:
            raise ConfigError(
                "with --store workers keep the journal and the rate: leave out --journal, --max-shards and --rate"
            )
        options = options_for_workers(concurrency=concurrency, settle=settle, attempts=attempts, audit=audit)
    elif job_name is not None or detach:
        raise ConfigError("--job and --detach go with --store")
    journal = store_address or journal or str(beside(file, ".journal", "--journal"))
    of_jobs, of_requests = telemetry_of(telemetry)
    progress, traffic = Progress(), Traffic(of_requests)
    show = functools.partial(show_progress, progress, traffic, quiet=is_quiet() or as_json)
    with show():
        saved = _saved_plan(file)
    wanted: Desired | Plan
    sentences: list[str] = []
    if saved is None:
        known, reached = _target(target, Connection(company, config))
        check_absence(disable_missing=disable_missing, include_service_accounts=include_service_accounts)
        with show():
            wanted = _read(file, known.kind, column_map, encoding, sheet, strict=strict, progress=progress)
        if not as_json:
            _say_notes(wanted)
    else:
        about_file = (disable_missing, include_service_accounts, trust_keys, column_map, encoding, sheet, strict)
        if any((target, company, *about_file)):
            raise ConfigError("a saved plan knows its target and its file: leave out --target and what goes with it")
        sentences += filter(None, [check_input(saved, file)])
        wanted = saved
        known = target_kind(saved.kind)
        reached = attrs.evolve(known.saved(saved.target), config=config)
        known.check(reached)
    limits = Limits(concurrency=concurrency) if rate is None else Limits(concurrency=concurrency, rate=rate)
    async with (
        known.open(attrs.evolve(reached, limits=limits, observer=traffic.see)) as where,
        open_store(journal, job=job_name or job_of(file, where.name)) as store,
    ):
        with contextlib.ExitStack() as showing:
            showing.enter_context(show())

            def approve(plan: Plan) -> None:
                showing.close()
                if as_json:
                    return
                if isinstance(wanted, Desired):
                    say(f"read as {wanted.read_as}")
                print_plan(plan, details=False)
                if not force:
                    ask_before_disabling(plan)

            made = await prepare(
                store,
                where,
                wanted,
                disable_missing=disable_missing,
                include_service_accounts=include_service_accounts,
                trust_keys=trust_keys,
                strict=strict,
                force=force,
                new=new,
                settle=settle,
                progress=progress,
                tell=sentences.append,
                approve=approve,
            )
        if not as_json:
            for sentence in sentences:
                say(sentence, stderr=True)
        if made is not None:
            if saved is None:
                made.command = arguments_of(context)
            else:
                made.resumed_by = arguments_of(context)
        if made is None or options is not None:
            when_interrupted("run the same command to resume")
        if options is not None:
            ended = await hand_over(
                store,
                made,
                options,
                shards=shards,
                detach=detach,
                quiet=as_json,
                progress=progress,
                show=show,
            )
            if not ended:
                if as_json:
                    print_json({"journal": store.name, "notes": sentences})
                return 0 if detach else RUNNING
            stopped: JobError | None = None
        else:
            job = Job(
                where,
                store,
                concurrency=concurrency,
                settle=settle,
                attempts=attempts,
                audit=audit,
                max_shards=max_shards,
                progress=progress,
            )
            with contextlib.ExitStack() as followed:
                if of_jobs is not None:
                    followed.enter_context(of_jobs.follow(progress, job=store.name, target=where.name))
                stopped = await carry_out(job, made, shards=shards or 1, show=show)
    when_interrupted(
        f"to see how the job stands: {command_line(['status', store.name])}"
        if stopped is None
        else "run the same command to resume"
    )
    # Read anew, and not to be written: the journal may be what failed.
    try:
        async with open_store(journal, job=job_name or job_of(file, where.name), read_only=True) as store:
            report = await Report.of(store)
    except JobError:
        if stopped is None:
            raise
        raise stopped from None
    code = report.exit_code if stopped is None else STOPPED
    if as_json:
        told = {
            "exit_code": code,
            "journal": store.name,
            "stopped": None if stopped is None else str(stopped),
            "notes": [*sentences, *(() if isinstance(wanted, Plan) else wanted.notes)],
        }
        print_json(report.to_dict() | told | {"traffic": traffic.to_dict()})
    else:
        print_report(report, traffic)
    if stopped is not None:
        say(f"aiosymphony: {stopped}", stderr=True)
    return code


@app.command("status")
@_command
async def status_command(
    file: JobArgument,
    journal: JournalOption = None,
    store_address: StoreOption = None,
    as_json: JsonOption = False,
) -> int:
    """Say where a job stands, and who works on it. The exit code is the job's, and 4 while it runs."""
    async with await _journal_of(file, journal or store_address) as store:
        status = await Status.of(store)
    if as_json:
        print_json(status.to_dict() | {"journal": store.name})
    else:
        status.print()
    return status.exit_code


@app.command("report")
@_command
async def report_command(
    file: JobArgument,
    journal: JournalOption = None,
    store_address: StoreOption = None,
    html: Annotated[
        Path | None, typer.Option("--html", callback=named_file, help="Write a self-contained page.")
    ] = None,
    rows: Annotated[
        Path | None, typer.Option("--csv", callback=named_file, help="Write what became of every row.")
    ] = None,
    rest: Annotated[
        Path | None,
        typer.Option(
            "--rest",
            callback=named_file,
            help="Write the rows that are not done, as a file for the next run. A word that the map does not translate "
            "has a question mark before it there: put a value in its place.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Tell what became of each row. The exit code is the job's, and 75 while it is not finished."""
    async with await _journal_of(file, journal or store_address) as store:
        report = await Report.of(store)
        written = {}
        if html is not None:
            report.write_html(html)
            written["html"] = str(html)
        if rows is not None:
            await report.write_csv(store, rows)
            written["csv"] = str(rows)
        if rest is not None:
            await report.write_rest(store, rest)
            written["rest"] = str(rest)
    if as_json:
        print_json(report.to_dict() | {"journal": store.name, "written": written})
    else:
        print_report(report, None)
        for place in written.values():
            say(f"wrote {place}")
    return report.exit_code


# In the order of the help: those that each job needs come first.
app.command("map")(provision_files.map_command)
app.command("template")(provision_files.template_command)
app.command("jobs")(jobs.jobs)
app.command("pause")(jobs.pause)
app.command("resume")(jobs.resume)
app.command("cancel")(jobs.cancel)
app.command("schedule")(schedule.schedule)
app.command("schedules")(schedule.schedules)


# What the commands share.


async def _journal_of(file: str, journal: str | None) -> AbstractAsyncContextManager[JobStore]:
    """The journal of what was given to apply, to be read."""
    job = None if is_address(file) else job_named(file)
    return open_store(journal or await find_journal(file), job=job, read_only=True)


def _target(name: str | None, reached: Connection) -> tuple[TargetKind, Connection]:
    known = target_kind(name)
    known.check(reached)
    return known, reached


def _read(
    file: Path,
    kind: Kind,
    column_map: Path | None,
    encoding: str | None,
    sheet: str | None,
    *,
    strict: bool,
    progress: Progress,
) -> Desired:
    desired = Desired.read(
        place_of(file),
        kind,
        columns=None if column_map is None else ColumnMap.read(column_map, kind),
        encoding=encoding,
        sheet=sheet,
        strict=strict,
        progress=progress,
    )
    if desired.is_rest and column_map is not None:
        note = f"{file} is what a job left: its columns have the API's names, so {column_map} is not used"
        desired.notes = [note, *desired.notes]
    return desired


def _say_notes(desired: Desired) -> None:
    for note in desired.notes:
        say(f"Note: {note}")


def _read_as(desired: Desired) -> dict[str, Any] | None:
    return None if desired.read_as is None else desired.read_as.to_dict()


def _saved_plan(file: Path) -> Plan | None:
    """The plan in a file, None if the file is something else."""
    if file == STANDARD_INPUT:
        return None
    return Plan.load(file) if b'"provisioning plan"' in Content(file).first[:200] else None


def _code_of(made: Plan, *, detailed: bool) -> int:
    """The exit code of a plan: that with which applying it would end, if nothing else fails."""
    if made.counts["invalid"] or made.counts["conflict"]:
        return SOME_FAILED
    return CHANGES if detailed and made.rows > made.counts["skip"] else 0
