"""From a file to a plan: read the tenant, decide, and check later that a saved plan still holds."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any

import attrs

from ..errors import JobInterrupted, JobRefused
from ..text import counted
from .actual import Actual
from .desired import Desired
from .job.earlier import Earlier, owned
from .journal.base import JobStore
from .plans.actions import ACTIONS
from .plans.decide import plan
from .plans.file import Plan
from .plans.guard import HANDFUL
from .plans.rules import Rules
from .progress import Progress
from .rows.base import User
from .rows.wanted import Wanted, WantedRow
from .sources.content import file_digest
from .targets.base import RuledTarget, Target, read_actual

__all__ = ["check_input", "make_plan", "prepare", "renew_plan"]


async def make_plan(
    target: Target,
    desired: Desired,
    *,
    disable_missing: bool = False,
    include_service_accounts: bool = False,
    trust_keys: bool = False,
    strict: bool = False,
    progress: Progress | None = None,
) -> Plan:
    """Read the tenant and decide what makes it match the file. Nothing is written.

    A small file is looked up row by row, if the target can; otherwise the whole tenant is listed. It is listed too if
    more than a handful of users would be disabled: how many that is of all, the listing tells. A target that tells what
    it takes is asked that too: rows that it would refuse are invalid.

    Args:
        target: Where.
        desired: The checked file.
        disable_missing: As for :func:`~aiosymphony.provisioning.plan`.
        include_service_accounts: The same.
        trust_keys: The same.
        strict: Refuse a plan with any invalid row.
        progress: Told how it gets on.

    Raises:
        SymphonyError: The target could not be read.
        JobError: As :func:`~aiosymphony.provisioning.plan`; or (strict) a row is wrong or would be refused.
    """
    if disable_missing and desired.is_rest:
        raise JobRefused(
            f"{desired.name} holds what is left of a job, not everybody: leave out --disable-missing, which would "
            "disable all others",
        )
    progress = Progress() if progress is None else progress
    options = {
        "disable_missing": disable_missing,
        "include_service_accounts": include_service_accounts,
        "trust_keys": trust_keys,
    }
    rows = desired.count + desired.bad
    own_id, rules = await target.own_id(), await _rules(target, desired)
    made = await _plan(target, desired, options, own_id, rules, progress, whole=disable_missing, rows=rows)
    if made.end_inactive.count > HANDFUL and not made.whole:
        made.close()
        made = await _plan(target, desired, options, own_id, rules, progress, whole=True, rows=rows)
    if strict and made.counts["invalid"]:
        told = "; ".join(f"line {each.line}: {each.reason}" for each in islice(made.actions("invalid"), 3))
        raise JobRefused(
            f"{made.name}: {counted(made.counts['invalid'], 'wrong row')}, and --strict takes none; the first: {told}"
        )
    made.input_path, made.reading = desired.path, desired.reading
    return made


async def renew_plan(target: Target, saved: Plan, *, progress: Progress | None = None) -> Plan:
    """Make a saved plan again from its own rows and what is there now.

    Raises:
        JobError: It is for another target, or what is there, or which rows the target would refuse, is not what it was
            made from.
        SymphonyError: The target could not be read.
    """
    if saved.target != target.name:
        raise JobRefused(f"the plan is for {saved.target}, not for {target.name}")
    # Of those who are disabled, the plan does not tell how many stand in the file.
    rows = None if saved.disable_missing else saved.rows
    progress = Progress() if progress is None else progress
    own_id, rules = await target.own_id(), await _rules(target, saved)
    made = await _plan(target, saved, saved.options, own_id, rules, progress, whole=saved.whole, rows=rows)
    made.input_path, made.reading, made.command = saved.input_path, saved.reading, saved.command
    if made.state != saved.state:
        changes = {do: made.counts[do] - saved.counts[do] for do in ACTIONS}
        told = ", ".join(f"{change:+d} {do}" for do, change in changes.items() if change)
        raise JobRefused(
            "users of this plan, or its rules, were changed in the tenant since it was made"
            + (f" (made again: {told})" if told else "")
            + ": make a new plan, and look at it again",
        )
    return made


async def prepare(
    store: JobStore,
    target: Target,
    wanted: Desired | Plan,
    *,
    disable_missing: bool = False,
    include_service_accounts: bool = False,
    trust_keys: bool = False,
    strict: bool = False,
    force: bool = False,
    new: bool = False,
    settle: float = 30.0,
    progress: Progress | None = None,
    tell: Callable[[str], None] | None = None,
    approve: Callable[[Plan], None] | None = None,
) -> Plan | None:
    """Make the plan that a job begins with, or make sure that the journal holds this very job.

    Used as ``await Job(target, store).run(await prepare(store, target, desired))``. A finished job makes room for a new
    one: it is put away under a name of its own, when the new plan is made.

    Args:
        store: The journal.
        target: Where.
        wanted: The checked file, or a saved plan.
        disable_missing: As for :func:`~aiosymphony.provisioning.plan`; a saved plan knows by itself.
        include_service_accounts: The same.
        trust_keys: The same.
        strict: As for ``make_plan``; of a saved plan nothing more is asked.
        force: Allow many users to be disabled; see ``Plan.allow``.
        new: Also put away a job that is not finished; the new plan finds what it did.
        settle: With ``new``: seconds after which an interrupted write has taken effect, or never will.
        progress: Told how it gets on.
        tell: Told in a sentence what becomes of the job that the journal holds.
        approve: Called with a new plan before any job is put away for it; what it raises is raised, and nothing is
            changed.

    Returns:
        The plan of a new job; None if the journal holds this very job already, which goes on.

    Raises:
        JobError: The journal is of another job that is not finished or has an owner, the plan is of an older state, or
            disables too many.
        SymphonyError: The target could not be read.
    """
    options = {
        "disable_missing": disable_missing,
        "include_service_accounts": include_service_accounts,
        "trust_keys": trust_keys,
    }
    if isinstance(wanted, Plan):
        options = wanted.options

    async def made() -> Plan:
        if isinstance(wanted, Plan):
            plan = await renew_plan(target, wanted, progress=progress)
        else:
            plan = await make_plan(target, wanted, strict=strict, progress=progress, **options)
        plan.allow(force=force)
        if approve is not None:
            approve(plan)
        return plan

    tell = tell or (lambda _: None)
    earlier = await Earlier.of(store)
    if earlier is None:
        return await made()
    plan_state = wanted.state if isinstance(wanted, Plan) else ""
    wish: dict[str, Any] = {
        "kind": wanted.kind,
        "target": target.name,
        "input_name": wanted.name,
        "input_digest": wanted.digest,
        "reading": wanted.reading,
        **options,
    }
    same = attrs.evolve(earlier.header, **wish)
    if earlier.goes_on(same, plan_state, new=new):
        earlier.header.check(same, store.name)
        tell(earlier.resumed(store.name))
        return None
    # Nobody else works on it from here until there is room; and what nobody works on any more, nobody sends.
    async with owned(store):
        earlier = await Earlier.of(store)
        if earlier is None:
            return await made()
        if earlier.goes_on(same, plan_state, new=new):
            raise JobInterrupted(f"another process began a job in {store.name} meanwhile: run the same command again")
        if earlier.in_doubt:
            if progress is not None:
                progress.begin("settling")
            tell(f"waited {settle:g} s for late writes of the job in {store.name}")
            await asyncio.sleep(settle)
        plan = await made()
        kept = await store.archive(earlier.ended_at)
    tell(earlier.put_away(kept))
    return plan


def check_input(saved: Plan, path: str | PathLike[str]) -> str:
    """Refuse a saved plan if the file it was made from has another content by now.

    The file is looked for where it lay, and then beside the plan.

    Returns:
        What an operator should know: that the file is not found, so that nobody can say; empty if it is as it was.

    Raises:
        JobError: It was changed, or cannot be read.
    """
    if not saved.input_path:
        return ""
    places = (Path(saved.input_path), Path(path).absolute().parent / Path(saved.input_path).name)
    source = next((place for place in places if os.path.isfile(place)), None)  # noqa: PTH113 - raises nothing
    if source is None:
        return (
            f"{saved.input_name} is neither in {places[0].parent} nor beside the plan, so nobody can say whether it "
            "was changed; the plan holds its rows"
        )
    if file_digest(source) != saved.input_digest:
        raise JobRefused(f"{source} was changed since {path} was made from it: make a new plan")
    return ""


async def _rules(target: Target, wanted: Wanted) -> Rules:
    return await target.rules(wanted.columns) if isinstance(target, RuledTarget) else Rules(target.kind)


async def _plan(
    target: Target,
    wanted: Wanted,
    options: Mapping[str, bool],
    own_id: str | None,
    rules: Rules,
    progress: Progress,
    *,
    whole: bool,
    rows: int | None,
) -> Plan:
    with await _seen(target, wanted, progress, whole=whole) as actual:
        progress.begin("deciding", rows)
        return plan(wanted, actual, target=target.name, own_id=own_id, rules=rules, progress=progress, **options)


async def _seen(target: Target, wanted: Wanted, progress: Progress, *, whole: bool) -> Actual:
    if not whole:
        users: list[User] = []
        for user in _users(wanted):
            users.append(user)
            if len(users) > target.look_up_limit:
                break
        else:
            return await read_actual(target, users, progress=progress)
    return await read_actual(target, progress=progress)


def _users(wanted: Wanted) -> Iterator[User]:
    return (item.user for item in wanted.checked_rows() if isinstance(item, WantedRow))
