"""``aiosymphony provision``: plan, apply, status and report."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, ParamSpec

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table

from ..errors import ConfigError, JobError, RateLimited
from ..limits import Limits
from ..provisioning import Desired, Job, Plan, Report, SqliteStore, make_plan, prepare
from ..provisioning.desired import read_map
from ..provisioning.planning import ACTIONS
from ..provisioning.preparing import check_input
from ..provisioning.rows import Kind
from .clients import ConfigOption
from .interrupts import on_stop_signals
from .output import STOPPED, JsonOption, console, print_json, say

if TYPE_CHECKING:
    from ..provisioning import ConnectTarget, PodTarget
    from ..provisioning.job import Progress
    from ..session import Attempt

__all__ = ["app"]

P = ParamSpec("P")

_PLAIN_EVERY: Final = 5.0
"""Seconds between two lines of progress where there is no terminal."""

app = typer.Typer(
    name="provision",
    help="Make a company or a pod hold the users of a file, safely and resumably.",
    no_args_is_help=True,
)


class Target(StrEnum):
    """What is provisioned."""

    connect = "connect"
    pod = "pod"


TargetOption = Annotated[
    Target | None, typer.Option("--target", help="connect: users of a sponsored company; pod: users of a pod.")
]
CompanyOption = Annotated[str | None, typer.Option("--company", help="The company's id (target connect).")]
MapOption = Annotated[
    Path | None, typer.Option("--map", help="TOML or JSON that maps the file's column names to the API's.")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Refuse a file with any wrong row.")]
MissingOption = Annotated[
    bool, typer.Option("--disable-missing", help="Disable active users that are not in the file.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Allow more than 5 % or 100 users to be disabled.")]
JournalOption = Annotated[
    Path | None,
    typer.Option("--journal", help="Where the job's state is kept; by default beside the file, as FILE.journal."),
]


def _command(function: Callable[P, Coroutine[Any, Any, int]]) -> Callable[P, None]:
    """Run a command's coroutine; what it returns is the exit code."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        raise typer.Exit(asyncio.run(function(*args, **kwargs)))

    return run


@app.command("plan")
@_command
async def plan_command(
    file: Annotated[Path, typer.Argument(help="CSV with a header, or JSON Lines.")],
    target: TargetOption = None,
    company: CompanyOption = None,
    disable_missing: MissingOption = False,
    column_map: MapOption = None,
    strict: StrictOption = False,
    save: Annotated[Path | None, typer.Option("--out", help="Where to save the plan; by default FILE.plan.")] = None,
    details: Annotated[bool, typer.Option("--details", help="Also list what would be done, row by row.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Compare a file with what is there, print what would be done, and save it. Nothing is changed."""
    kind = _kind(target, company)
    desired = _read(file, kind, column_map, strict=strict)
    async with _open(kind, company, config, Traffic()) as where:
        made = await make_plan(where, desired, disable_missing=disable_missing)
    save = save or file.with_name(file.name + ".plan")
    made.save(save)
    if as_json:
        print_json(
            made.header()
            | {"plan": str(save), "needs_force": _needs_force(made)}
            | ({"actions": [action.to_dict() for action in made.actions()]} if details else {})
        )
        return 0
    _print_plan(made, details=details)
    console().print()
    say(f"Saved as {save}. To carry it out: aiosymphony provision apply {save}")
    if _needs_force(made):
        say("It disables more users than are allowed without --force.")
    return 0


@app.command("apply")
@_command
async def apply_command(
    file: Annotated[Path, typer.Argument(metavar="PLAN|FILE", help="A saved plan, or a file to plan and carry out.")],
    target: TargetOption = None,
    company: CompanyOption = None,
    disable_missing: MissingOption = False,
    column_map: MapOption = None,
    strict: StrictOption = False,
    force: ForceOption = False,
    journal: JournalOption = None,
    concurrency: Annotated[int, typer.Option(min=1, max=1000, help="Requests at once.")] = 32,
    rate: Annotated[float | None, typer.Option(min=0.01, help="Requests per second at most; 400 if not given.")] = None,
    settle: Annotated[
        float, typer.Option(min=0, help="Seconds after which a write that was cut off has landed or never will.")
    ] = 30.0,
    attempts: Annotated[int, typer.Option(min=1, help="Tries for a row whose outcome stays unknown.")] = 4,
    audit: Annotated[bool, typer.Option("--audit/--no-audit", help="Compare everything once more at the end.")] = True,
    shards: Annotated[int, typer.Option(min=1, help="Parts of a new job, for several processes.")] = 1,
    take: Annotated[int | None, typer.Option(min=1, help="Work on at most so many shards.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Carry out a plan, or plan a file and carry that out. Run it again to resume. Ctrl-C once drains, twice leaves."""
    saved = _saved_plan(file)
    wanted: Desired | Plan
    if saved is None:
        kind = _kind(target, company)
        wanted = _read(file, kind, column_map, strict=strict)
    else:
        if target or company or disable_missing or column_map or strict:
            raise ConfigError("a saved plan knows its target and its file: leave out --target and what goes with it")
        check_input(saved, file)
        kind, wanted = saved.kind, saved
        company = saved.target.rpartition("/")[2] if kind == "connect" else None
    journal = journal or file.with_name(file.name + ".journal")
    traffic = Traffic()
    limits = Limits(concurrency=concurrency) if rate is None else Limits(concurrency=concurrency, rate=rate)
    async with (
        SqliteStore(journal) as store,
        _open(kind, company, config, traffic, limits) as where,
    ):
        made = await prepare(store, where, wanted, disable_missing=disable_missing, force=force)
        if not as_json:
            if made is None:
                say(f"going on with the job in {journal}", stderr=True)
            else:
                _print_plan(made, details=False)
        job = Job(where, store, concurrency=concurrency, settle=settle, attempts=attempts, audit=audit, take=take)
        stopped: JobError | None = None
        try:
            with _signals(job):
                async with _progress(job, traffic, quiet=as_json):
                    await job.run(made, shards=shards)
        except JobError as error:
            if error.exit_code != STOPPED or job.progress.total == 0:
                raise
            stopped = error
        except asyncio.CancelledError:
            stopped = JobError("left at once; what was under way is looked up when the same command is run again")
    # Read anew, and not to be written: the journal may be what failed.
    async with SqliteStore(journal, read_only=True) as store:
        report = await Report.of(store)
    code = report.exit_code if stopped is None else STOPPED
    if as_json:
        told = {"exit_code": code, "journal": str(journal), "stopped": None if stopped is None else str(stopped)}
        print_json(report.to_dict() | told | {"traffic": traffic.to_dict()})
    else:
        _print_report(report, journal, traffic)
    if stopped is not None:
        say(f"aiosymphony: {stopped}", stderr=True)
    return code


@app.command("status")
@_command
async def status_command(
    file: Annotated[Path, typer.Argument(metavar="PLAN|FILE|JOURNAL", help="What was given to apply, or its journal.")],
    journal: JournalOption = None,
    as_json: JsonOption = False,
) -> int:
    """Say where a job stands, also while it runs. The exit code is the job's."""
    journal = journal or _journal_of(file)
    async with SqliteStore(journal, read_only=True) as store:
        report = await Report.of(store, rows=False)
        running = await store.running()
    if as_json:
        whole = report.to_dict()
        kept = ("job", "exit_code", "rows", "actions", "audit", "finished_at", "next")
        print_json({name: whole[name] for name in kept} | {"journal": str(journal), "running": running})
    else:
        for who in running:
            say(f"running: {who}")
        _print_counts(report)
    return report.exit_code


@app.command("report")
@_command
async def report_command(
    file: Annotated[Path, typer.Argument(metavar="PLAN|FILE|JOURNAL", help="What was given to apply, or its journal.")],
    journal: JournalOption = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a self-contained page.")] = None,
    rows: Annotated[Path | None, typer.Option("--csv", help="Write what became of every row.")] = None,
    rest: Annotated[
        Path | None, typer.Option("--rest", help="Write the rows that are not done, as a file for the next run.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Tell what became of each row. The exit code is the job's."""
    journal = journal or _journal_of(file)
    async with SqliteStore(journal, read_only=True) as store:
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
        print_json(report.to_dict() | {"journal": str(journal), "written": written})
    else:
        _print_report(report, journal, None)
        for path in written.values():
            say(f"wrote {path}")
    return report.exit_code


# What the commands share.


def _kind(target: Target | None, company: str | None) -> Kind:
    if target is None:
        raise ConfigError("say what is provisioned: --target connect --company ID, or --target pod")
    if target is Target.connect and not company:
        raise ConfigError("--target connect needs --company ID")
    if target is Target.pod and company:
        raise ConfigError("--company belongs to --target connect")
    return "connect" if target is Target.connect else "pod"


def _read(file: Path, kind: Kind, column_map: Path | None, *, strict: bool) -> Desired:
    return Desired.read(file, kind, columns=None if column_map is None else read_map(column_map), strict=strict)


@contextlib.asynccontextmanager
async def _open(
    kind: Kind, company: str | None, config: Path | None, traffic: Traffic, limits: Limits | None = None
) -> AsyncIterator[ConnectTarget | PodTarget]:
    """The target over a client made from the environment or a configuration file."""
    from ..config import connect_from_env, from_config, pod_from_env
    from ..provisioning import ConnectTarget, PodTarget

    if kind == "connect":
        if config is not None:
            raise ConfigError("--config is for pods; Connect's credentials come from the environment")
        async with connect_from_env(limits=limits, observer=traffic.see) as connect:
            yield ConnectTarget(connect, company or "")
        return
    if config is None:
        pod = pod_from_env(limits=limits, observer=traffic.see)
    else:
        pod = from_config(config, limits=limits, observer=traffic.see)
    async with pod:
        yield PodTarget(pod)


def _saved_plan(file: Path) -> Plan | None:
    """The plan in a file, None if the file is something else."""
    try:
        with file.open("rb") as content:
            first = content.read(200)
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None
    return Plan.load(file) if b'"provisioning plan"' in first else None


def _journal_of(file: Path) -> Path:
    try:
        with file.open("rb") as content:
            if content.read(16) == b"SQLite format 3\x00":
                return file
    except OSError:
        pass
    return file.with_name(file.name + ".journal")


def _needs_force(plan: Plan) -> bool:
    try:
        plan.allow()
    except JobError:
        return True
    return False


def _print_plan(plan: Plan, *, details: bool) -> None:
    table = Table("action", "rows", title=f"{plan.input_name} to {plan.target}", title_justify="left")
    table.columns[1].justify = "right"
    for do in ACTIONS:
        if plan.counts[do]:
            table.add_row(do, f"{plan.counts[do]:,}")
    console().print(table)
    shown = list(itertools.islice(plan.actions("conflict", "invalid"), 10)) if not details else plan.actions()
    for action in shown:
        where = f"line {action.line}" if action.line else "not in the file"
        changes = "; ".join(f"{name}: {there!r} -> {wanted!r}" for name, (there, wanted) in action.changes.items())
        told = " - ".join(part for part in (action.label, changes, action.reason) if part)
        say(f"{action.do:<8}  {where}: {told}")
    more = plan.counts["conflict"] + plan.counts["invalid"] - 10
    if not details and more > 0:
        say(f"and {more:,} more that need a look: --details lists everything")


def _print_counts(report: Report) -> None:
    table = Table("rows", "count", title=f"{report.header.input_name} to {report.header.target}", title_justify="left")
    table.columns[1].justify = "right"
    for name, count in (
        ("in all", report.total),
        ("done", report.done),
        ("  as wanted before", report.skipped),
        ("failed", report.failed),
        ("unknown", report.unknown),
        ("untouched", report.untouched),
        *((f"audit: {kind}", report.found(kind)) for kind in ("missing", "doubled", "different") if report.audit),
    ):
        table.add_row(name, f"{count:,}")
    console().print(table)
    for step in report.next_steps:
        say(f"Next: {step}")


def _print_report(report: Report, journal: Path, traffic: Traffic | None) -> None:
    for cause in report.causes[:20]:
        code = f" {cause.code}" if cause.code else ""
        say(f"{cause.count:,} {cause.state.lower()}{code}: {cause.message}")
        for line, label, _, message in cause.rows[:3]:
            say(f"    line {line}{label and ' '}{label}: {message}")
    if len(report.causes) > 20:
        say(f"and {len(report.causes) - 20} other causes")
    if traffic is not None and traffic.requests:
        say(f"{traffic.requests:,} requests, {traffic.retries:,} of them retries, {traffic.throttled:,} throttled")
    _print_counts(report)
    say(f"Everything: aiosymphony provision report {journal} --html report.html")


class Traffic:
    """Counts what a client sends."""

    def __init__(self) -> None:
        self.requests = self.retries = self.throttled = 0

    def see(self, attempt: Attempt) -> None:
        self.requests += 1
        self.retries += attempt.number > 1
        self.throttled += isinstance(attempt.error, RateLimited)

    def to_dict(self) -> dict[str, int]:
        return {"requests": self.requests, "retries": self.retries, "throttled": self.throttled}


@contextlib.contextmanager
def _signals(job: Job) -> Iterator[None]:
    """Ctrl-C once (or SIGTERM) drains the job; twice leaves at once."""
    task = asyncio.current_task()
    asked = False

    def stop() -> None:
        nonlocal asked
        if asked and task is not None:
            task.cancel()
        elif not asked:
            asked = True
            say("finishing what is under way; once more to leave at once", stderr=True)
            job.drain()

    with on_stop_signals(stop):
        yield


@contextlib.asynccontextmanager
async def _progress(job: Job, traffic: Traffic, *, quiet: bool) -> AsyncIterator[None]:
    """Show how the job gets on: one live line on a terminal, a line every few seconds elsewhere."""
    if quiet:
        yield
        return

    async def show() -> None:
        errors = console(stderr=True)
        if not errors.is_terminal:
            while True:
                await asyncio.sleep(_PLAIN_EVERY)
                errors.print("; ".join(_told(job.progress, traffic)))
        with Live(console=errors, transient=True, auto_refresh=False) as live:
            while True:
                live.update(Group(*_told(job.progress, traffic)), refresh=True)
                await asyncio.sleep(0.2)

    task = asyncio.create_task(show(), name="aiosymphony progress")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _told(progress: Progress, traffic: Traffic) -> tuple[str, str]:
    left = "" if progress.seconds_left is None else f", about {_duration(progress.seconds_left)} left"
    rows = f"{progress.phase}: {progress.settled:,} of {progress.total:,} rows, {progress.rate:,.0f} rows/s{left}"
    requests = (
        f"{progress.in_flight:,} rows in flight, {traffic.retries:,} retries, {traffic.throttled:,} throttled, "
        f"{progress.doubtful:,} in doubt"
    )
    return rows, requests


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
