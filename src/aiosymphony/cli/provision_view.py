"""What ``aiosymphony provision`` prints for people."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.live import Live
from rich.table import Table

from ..errors import JobError, RateLimited
from ..provisioning.journal.states import FINDINGS
from ..provisioning.plans.actions import ACTIONS
from .output import console, say

if TYPE_CHECKING:
    from ..observer import Attempt
    from ..provisioning import Job, Plan, Progress, Report

__all__ = ["Traffic", "needs_force", "print_counts", "print_plan", "print_report", "show_progress"]

_PLAIN_EVERY: Final = 5.0
"""Seconds between two lines of progress where there is no terminal."""


def needs_force(plan: Plan) -> bool:
    """Whether a plan disables so many users that it has to be forced."""
    try:
        plan.allow()
    except JobError:
        return True
    return False


def print_plan(plan: Plan, *, details: bool) -> None:
    """What a plan would do: all of it, or counts and what needs a look."""
    table = Table("action", "rows", title=f"{plan.input_name} to {plan.target}", title_justify="left")
    table.columns[1].justify = "right"
    for do in ACTIONS:
        if plan.counts[do]:
            table.add_row(do, f"{plan.counts[do]:,}")
        if do == "create" and plan.created_disabled:
            table.add_row("  switched off", f"{plan.created_disabled:,}")
    console().print(table)
    shown = list(itertools.islice(plan.actions("conflict", "invalid"), 10)) if not details else plan.actions()
    for action in shown:
        where = f"line {action.line}" if action.line else "not in the file"
        changes = "; ".join(f"{name}: {old!r} -> {new!r}" for name, (old, new) in action.changes.items())
        told = " - ".join(part for part in (action.label, changes, action.reason) if part)
        say(f"{action.do:<8}  {where}: {told}")
    more = plan.counts["conflict"] + plan.counts["invalid"] - 10
    if not details and more > 0:
        say(f"and {more:,} more that need a look: --details lists everything")


def print_counts(report: Report) -> None:
    """How many rows are in which state, and what to do next."""
    table = Table("rows", "count", title=f"{report.header.input_name} to {report.header.target}", title_justify="left")
    table.columns[1].justify = "right"
    for name, count in (
        ("in all", report.total),
        ("done", report.done),
        ("  already correct", report.skipped),
        ("failed", report.failed),
        ("unknown", report.unknown),
        ("not finished", report.not_finished),
        *((f"audit: {kind}", report.found(kind)) for kind in FINDINGS if report.audit),
    ):
        table.add_row(name, f"{count:,}")
    console().print(table)
    for step in report.next_steps:
        say(f"Next: {step}")


def print_report(report: Report, journal: Path, traffic: Traffic | None) -> None:
    """Why rows are not done, what was sent, and the counts."""
    for cause in report.causes[:20]:
        code = f" {cause.code}" if cause.code else ""
        say(f"{cause.count:,} {cause.state.lower()}{code}: {cause.message}")
        for line, label, _, message in cause.rows[:3]:
            say(f"    line {line}{label and ' '}{label}: {message}")
    if len(report.causes) > 20:
        say(f"and {len(report.causes) - 20} other causes")
    if traffic is not None and traffic.requests:
        say(f"{traffic.requests:,} requests, {traffic.retries:,} of them retries, {traffic.throttled:,} throttled")
    print_counts(report)
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


@contextlib.asynccontextmanager
async def show_progress(job: Job, traffic: Traffic, *, quiet: bool) -> AsyncIterator[None]:
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
    rows = f"{progress.phase}: {progress.finished:,} of {progress.total:,} rows, {progress.rate:,.0f} rows/s{left}"
    requests = (
        f"{progress.in_flight:,} rows in flight, {traffic.retries:,} retries, {traffic.throttled:,} throttled, "
        f"{progress.in_doubt:,} in doubt"
    )
    return rows, requests


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
