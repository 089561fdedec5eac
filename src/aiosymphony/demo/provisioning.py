"""The job of the Connect part: planned, applied, killed in the middle, and resumed by the same command."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from ..connect.users import MAX_BATCH
from ..errors import JobError
from ..provisioning import Report, SqliteStore
from ..provisioning.journal.base import each_row
from ..provisioning.journal.states import REJECTED
from .commands import Commands, Running
from .progress import Progress
from .report import Killed, Rejection

STAGE: Final = "Connect users"
KILL_AT: Final = 0.4
"""The share of the rows after which the job is killed."""
BATCHES_AT_ONCE: Final = 16
SETTLE: Final = 1
"""Seconds to wait before an interrupted write is looked up: the sandbox's delays are far shorter."""
WATCH_EVERY: Final = 0.02
FINISHED: Final = (0, 2, 3)
"""Exit codes of a job that came to its end: all done, some rows failed, some unknown."""


@attrs.frozen
class Provisioned:
    """How the job went.

    Attributes:
        plan: What ``provision plan`` printed.
        report: What ``provision apply`` printed when it had finished.
        killed: Where it was killed; None if it finished before that.
        rejections: The rows that were not provisioned.
    """

    plan: dict[str, Any]
    report: dict[str, Any]
    killed: Killed | None
    rejections: tuple[Rejection, ...]

    @property
    def done(self) -> int:
        """Rows that are done, by the job's own report."""
        return int(self.report["rows"]["done"])

    def complaints(self, expected: int) -> Iterator[str]:
        """What the job itself reports as wrong, beyond rejected rows; ``expected`` rows should be done."""
        if self.report["rows"]["unknown"]:
            yield f"the job: the outcome of {self.report['rows']['unknown']} rows is unknown"
        if self.done != expected:
            yield f"the job: {self.done} rows are done, not {expected}"
        for kind, count in self.report["audit"]["counts"].items():
            if count:
                yield f"the job's audit: {count} users are {kind}"


async def provision(commands: Commands, file: str, company_id: str, *, progress: Progress) -> Provisioned:
    """Plan a file, apply the plan, kill that process with SIGKILL in the middle, and start the same command again.

    Args:
        commands: Run in the file's folder.
        file: Its name there: users of a Connect company.
        company_id: The company.
        progress: Told how it goes, from the job's journal.

    Raises:
        SymphonyError: A command failed as a whole.
    """
    target = ("--target", "connect", "--company", company_id)
    async with commands.begin("provision", "plan", file, *target, "--json") as run:
        plan = await run.result(0, 2)  # some of its rows are wrong on purpose
    counts = ", ".join(f"{count:,} {action}" for action, count in plan["counts"].items() if count)
    commands.say(f"The plan: {counts}. Saved as {plan['plan']}; nothing is changed yet.")

    journal = commands.folder / f"{plan['plan']}.journal"
    concurrency = _concurrency(sum(plan["counts"].values()))
    options = ("--concurrency", str(concurrency), "--settle", str(SETTLE))
    apply = ("provision", "apply", plan["plan"], *options, "--json")
    killed = None
    async with commands.begin(*apply) as run:
        await _watch(run, journal, progress, kill_at=KILL_AT)
        await run.exit_code()
        if run.was_killed:
            killed = await _killed(journal)
    if killed is not None:
        commands.say(
            f"Killed it (SIGKILL) with {killed.done:,} of {killed.rows:,} rows done and {killed.in_flight:,} in "
            "flight. The same command again:"
        )
        async with commands.begin(*apply) as run:
            await _watch(run, journal, progress)
    report = await run.result(*FINISHED)
    if killed is None:
        commands.say("The job finished before it could be killed.")
    else:
        commands.say(f"Resumed and finished: {report['looked_up']:,} rows were found by look-up.")
    async with SqliteStore(journal, read_only=True) as store:
        rejections = [
            Rejection(
                row.line,
                row.label,
                row.message if row.code in ("", "invalid") else f"{row.message} (code {row.code})",
                "check" if row.code == "invalid" else "Connect",
            )
            async for row in each_row(store, REJECTED)
        ]
    return Provisioned(plan, report, killed, tuple(rejections))


def _concurrency(rows: int) -> int:
    """Requests at once: 16, or fewer for a small file, so that the job can be killed in the middle."""
    return max(1, min(BATCHES_AT_ONCE, rows // MAX_BATCH // 3))


async def _watch(run: Running, journal: Path, progress: Progress, *, kill_at: float | None = None) -> None:
    """Report a job's progress until its process ends; kill it once this share of its rows is done, but not all."""
    reported = -1
    over = False
    while not over:
        over = run.is_over  # before the journal is read, so that the last rows are reported too
        report = await _report_of(journal)
        if report is not None:
            if (finished := report.total - report.not_finished) != reported:
                progress(STAGE, finished, report.total)
                reported = finished
            if kill_at is not None and report.not_finished and report.done >= kill_at * report.total:
                run.kill()
                return
        await asyncio.sleep(WATCH_EVERY)


async def _report_of(journal: Path) -> Report | None:
    """How far the job is, by its journal; None before it has begun."""
    try:
        async with SqliteStore(journal, read_only=True) as store:
            return await Report.of(store, rows=False)
    except JobError:
        return None


async def _killed(journal: Path) -> Killed:
    async with SqliteStore(journal, read_only=True) as store:
        report = await Report.of(store, rows=False)
    return Killed(report.done, report.state("IN_FLIGHT"), report.total)
