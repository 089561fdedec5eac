"""What ``aiosymphony provision`` prints for people."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from rich.table import Table

from ..errors import JobError, JobRefused
from ..provisioning.journal.states import FINDINGS
from ..provisioning.plans.actions import ACTIONS
from ..provisioning.plans.guard import HANDFUL
from ..provisioning.reasons import reasons_of
from ..provisioning.reports.next_steps import command_line
from ..text import counted
from .output import confirm, console, say

if TYPE_CHECKING:
    from ..provisioning import Plan, Report
    from .progress_view import Traffic

__all__ = ["ask_before_disabling", "needs_force", "print_counts", "print_next", "print_plan", "print_report"]

_REASONS: Final = 10


def needs_force(plan: Plan) -> bool:
    """Whether a plan disables so many users that it has to be forced."""
    try:
        plan.allow()
    except JobError:
        return True
    return False


def ask_before_disabling(plan: Plan) -> None:
    """Ask whoever sits at the terminal before more than a handful of users are disabled; scripts are not asked.

    Raises:
        JobError: The answer is no.
    """
    disabled = plan.end_inactive
    if disabled.count > HANDFUL and not confirm(f"Disable {disabled.count:,} users, first {disabled.names()}?"):
        raise JobRefused("cancelled at the prompt: nothing was sent")


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
    for told in _about_access(plan):
        say(told)
    shown = list(itertools.islice(plan.actions("conflict", "invalid"), 10)) if not details else plan.actions()
    for action in shown:
        where = f"line {action.line}" if action.line else "not in the file"
        changes = "; ".join(f"{name}: {_shown(old)} -> {_shown(new)}" for name, (old, new) in action.changes.items())
        told = " - ".join(part for part in (action.label, changes, action.reason) if part)
        say(f"{action.do:<8}  {where}: {told}")
    more = plan.counts["conflict"] + plan.counts["invalid"] - 10
    if not details and more > 0:
        say(f"and {more:,} more that need a look: --details lists everything")
        for reason in reasons_of(plan)[:_REASONS]:
            say(f"{reason.rows:,} {reason.do}, from line {reason.line} on: {reason.reason}")
    for warning in plan.warnings:
        say(f"Warning: {warning}")


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _about_access(plan: Plan) -> Iterator[str]:
    """Who could log in before and not after, or the other way round, and who stays as they are."""
    if plan.end_inactive.count:
        of = "" if plan.active is None else f" of {plan.active:,} active users"
        yield f"disabled: {plan.end_inactive.count:,}{of}: {plan.end_inactive.names()}"
    if plan.end_active.count:
        yield f"enabled again: {plan.end_active.count:,}: {plan.end_active.names()}"
    if plan.stay_disabled.count:
        yield f"in the file, but disabled, and left so: {plan.stay_disabled.count:,}: {plan.stay_disabled.names()}"
    if plan.left_alone["own_account"]:
        yield "not in the file, and left alone: the account that this job runs as"
    if services := plan.left_alone["service_accounts"]:
        yield f"not in the file, and left alone: {services:,} service accounts (--include-service-accounts)"


def print_counts(report: Report, *, in_flight: str = "in doubt") -> None:
    """How many rows are in which state; ``in_flight`` is what to call those that are not finished and were sent."""
    table = Table("rows", "count", title=f"{report.header.input_name} to {report.header.target}", title_justify="left")
    table.columns[1].justify = "right"
    for name, count in (
        ("in all", report.total),
        ("done", report.done),
        ("  already correct", report.skipped),
        ("failed", report.failed),
        ("unknown", report.unknown),
        ("not finished", report.not_finished),
        *([(f"  {in_flight}", report.state("IN_FLIGHT"))] if report.state("IN_FLIGHT") else []),
        *((f"audit: {kind}", report.found(kind)) for kind in FINDINGS if report.audit),
    ):
        table.add_row(name, f"{count:,}")
    console().print(table)


def print_next(steps: Sequence[str]) -> None:
    """What to do next."""
    for step in steps:
        say(f"Next: {step}")


def print_report(report: Report, traffic: Traffic | None) -> None:
    """The counts, why rows are not done, what was sent, and what to do next."""
    print_counts(report)
    for cause in report.causes[:20]:
        code = f" {cause.code}" if cause.code not in ("", cause.state.lower()) else ""
        say(f"{cause.count:,} {cause.state.lower()}{code}: {cause.message}")
        for line, label, _, message in cause.rows[:3]:
            say(f"    line {line}{label and ' '}{label}: {message}")
    if len(report.causes) > 20:
        say(f"and {len(report.causes) - 20} other causes")
    if traffic is not None and traffic.requests:
        requests = counted(traffic.requests, "request")
        say(f"{requests}, {traffic.retries:,} of them retries, {traffic.throttled:,} throttled")
    say(f"Everything: {command_line(['report', report.journal, '--html', 'report.html'])}")
    print_next(report.next_steps)
