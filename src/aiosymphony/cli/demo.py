"""``aiosymphony demo``: provisions people against a sandbox that misbehaves."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from .exit_codes import FAILED
from .output import JsonOption, console, print_json, say

if TYPE_CHECKING:
    from ..demo import DemoReport
    from ..demo.progress import Progress

DIFFERENCES_SHOWN: Final = 20
_LINE_EVERY: Final = 2.0
"""Seconds between two lines of progress of one stage, where there is no terminal."""


def demo(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="People, as CSV. Default: a thousand that come along.")
    ] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="Rows of the file to take. Default: all.")] = None,
    pod_users: Annotated[int, typer.Option(min=0, max=10_000, help="Rows that become users of the pod as well.")] = 200,
    rooms: Annotated[int, typer.Option(min=0, max=99, help="Rooms in the pod.")] = 10,
    seed: Annotated[int, typer.Option(help="Seed of the faults.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Provision a thousand users over Connect and the Pod, while the server throttles, fails and expires tokens.

    The Connect part is a provisioning job, killed in the middle and resumed. The server is a sandbox on loopback,
    started for this. Exit code 0 only if the sandbox holds what the file asks for, no more and no less.
    """
    from ..demo.run import FAULTS, DemoOptions, run_demo, users_file  # loads the clients

    options = DemoOptions(
        file=file or users_file(), rows=rows, pod_users=pod_users, rooms=rooms, faults={**FAULTS, "seed": seed}
    )
    if as_json:
        report = asyncio.run(run_demo(options, progress=lambda _name, _done, _size: None))
        print_json(report.to_dict())
    elif console().is_terminal:
        with _bars() as bars:
            report = asyncio.run(run_demo(options, progress=_shown_as_bars(bars), say=bars.console.print))
        _show(report)
    else:
        report = asyncio.run(run_demo(options, progress=_shown_as_lines(), say=say))
        _show(report)
    raise typer.Exit(0 if report.ok else FAILED)


def _bars() -> Bars:
    return Bars(
        TextColumn("{task.description:<14}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console()
    )


def _shown_as_bars(bars: Bars) -> Progress:
    tasks = {}

    def progress(name: str, done: int, size: int) -> None:
        if name not in tasks:
            tasks[name] = bars.add_task(name, total=size)
        bars.update(tasks[name], completed=done, total=size)

    return progress


def _shown_as_lines() -> Progress:
    last: dict[str, float] = {}

    def progress(name: str, done: int, size: int) -> None:
        now = time.monotonic()
        if done == size or now - last.setdefault(name, now) >= _LINE_EVERY:
            last[name] = now
            say(f"{name}: {done}/{size}")

    return progress


def _show(report: DemoReport) -> None:
    out = console()
    table = Table(title="Expected and created", title_justify="left")
    for heading in ("", "expected", "created", "rejected"):
        table.add_column(heading, justify="left" if not heading else "right")
    for count in report.counts:
        table.add_row(count.what, str(count.expected), str(count.created), str(count.rejected or ""))
    out.print(table)
    if report.rejections:
        refused = Table(title="Rejected rows", title_justify="left")
        refused.add_column("line", justify="right")
        refused.add_column("by")
        refused.add_column("reason", overflow="fold")
        for rejection in report.rejections:
            refused.add_row(str(rejection.line), rejection.by, rejection.reason)
        out.print(refused)
    faults = ", ".join(f"{count} x {kind.replace('_', ' ')} acting" if "_" in kind else f"{count} x {kind}"
                       for kind, count in sorted(report.faults.items()))  # fmt: skip
    numbers = Table(show_header=False)
    numbers.add_column()
    numbers.add_column(justify="right")
    for name, value in (
        ("faults injected", faults or "none"),
        ("retries", str(report.retries)),
        ("other creates looked up", str(report.looked_up)),
        ("logins", str(report.logins)),
        ("requests", str(report.requests)),
        ("seconds", f"{report.seconds:.1f}"),
        ("requests/s", f"{report.requests_per_second:.1f}"),
    ):
        numbers.add_row(name, value)
    out.print(numbers)
    rows = report.job["rows"]
    job = Table("the job's report", "", title_justify="left")
    job.columns[1].justify = "right"
    for name in ("done", "failed", "unknown"):
        job.add_row(f"rows {name}", f"{rows[name]:,}")
    job.add_row("rows found by look-up", f"{report.job['looked_up']:,}")
    for kind, count in report.job["audit"]["counts"].items():
        job.add_row(f"audit: {kind}", f"{count:,}")
    killed = report.killed
    job.add_row(
        "killed and resumed",
        "no: it finished first" if killed is None else f"once, after {killed.done:,} of {killed.rows:,} rows",
    )
    out.print(job)
    if report.ok:
        out.print("The sandbox holds what the file asks for, by its APIs and by its own state.")
        return
    out.print(f"{len(report.differences)} differences from what the file asks for:")
    for difference in report.differences[:DIFFERENCES_SHOWN]:
        out.print(f"  {difference}")
    if len(report.differences) > DIFFERENCES_SHOWN:
        out.print(f"  and {len(report.differences) - DIFFERENCES_SHOWN} more")
