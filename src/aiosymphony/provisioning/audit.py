"""The closing audit: what the job says is done, against what the tenant says is there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from .actual import Actual
from .journal.base import JobRow, JobStore
from .journal.states import FINDINGS, FINISHED
from .plans.decide import decide
from .plans.persons import shared_keys, whose_keys
from .progress import Progress
from .rows.base import User
from .rows.registry import user_class
from .targets.base import Target

__all__ = ["audit", "compare"]

KEPT = 1000
"""Findings of each kind that are kept by name; beyond that they are only counted."""


async def compare(
    store: JobStore, target: Target, progress: Progress, check: Callable[[], None]
) -> tuple[dict[str, Any], list[tuple[JobRow, str]]]:
    """Read the tenant and audit the job.

    Args:
        store: The journal.
        target: Where its users are.
        progress: Knows how many rows the job has - those of a small one are looked up - and is told how it gets on.
        check: Called again and again while the tenant is read; raises if nobody waits for the audit any more.

    Returns:
        As ``audit``.

    Raises:
        SymphonyError: The tenant could not be read.
    """
    with Actual(target.kind) as actual:
        rows = progress.total
        if rows <= target.look_up_limit:
            progress.begin("auditing", rows)
            async for batch in _batches(store, target):
                check()
                actual.add(await target.look_up(batch))
                progress.step += len(batch)
        else:
            progress.begin("auditing", unit="user")
            async for page in target.everyone():
                check()
                actual.add(page)
                progress.step += len(page)
        progress.begin("auditing", rows)
        return await audit(store, actual, progress)


async def _batches(store: JobStore, target: Target) -> AsyncIterator[list[User]]:
    user_type = user_class(target.kind)
    after = 0
    while rows := await store.fetch(FINISHED, after=after, limit=target.look_up_batch, own=False):
        after = rows[-1].number
        if users := [user_type.from_dict(row.values) for row in rows if _is_a_user(row)]:
            yield users


async def audit(store: JobStore, actual: Actual, progress: Progress) -> tuple[dict[str, Any], list[tuple[JobRow, str]]]:
    """Compare every row of a job with what is there.

    Returns:
        Counts and, of each kind, the first 1000 findings: ``missing`` (line, label), ``doubled`` (line, label, ids)
        for a key that several users share, and ``different`` (line, label, column to (there, wanted), where the user's
        id is none that the job holds also ``id``; where the keys are those of different users, key to (whose it is,
        wanted)); and the rows that were unknown and turn out to be
        there, matching the file, with their ids.
    """
    user_type = user_class(actual.kind)
    findings: dict[str, list[Any]] = {kind: [] for kind in FINDINGS}
    counts = dict.fromkeys(findings, 0)
    found_after_all: list[tuple[JobRow, str]] = []
    checked = after = 0

    def find(kind: str, *what: object) -> None:
        counts[kind] += 1
        if counts[kind] <= KEPT:
            findings[kind].append(what)

    while rows := await store.fetch(FINISHED, after=after, limit=1000, own=False):
        after = rows[-1].number
        for row in progress.each(rows):
            if not _is_a_user(row):
                continue
            user = user_type.from_dict(row.values)
            matches = actual.find(user.identities())
            if shared := shared_keys(user, matches):
                find("doubled", row.line, row.label, sorted({each for ids in shared.values() for each in ids}))
                continue
            if len(matches) > 1:
                # Different users, each with a key of this row: nobody is there twice.
                if row.state == "DONE":
                    checked += 1
                    find("different", row.line, row.label, whose_keys(user, matches))
                continue
            action = decide(user, matches, row.line)
            if row.state == "UNKNOWN" and action.do == "skip":
                found_after_all.append((row, matches[0].id))
            elif row.state == "DONE":
                checked += 1
                if not matches:
                    find("missing", row.line, row.label)
                elif row.id is not None and row.id != matches[0].id:
                    find("different", row.line, row.label, {**action.changes, "id": (matches[0].id, row.id)})
                elif action.do != "skip":
                    find("different", row.line, row.label, action.changes)
    return {"checked": checked, "counts": counts, **findings}, found_after_all


def _is_a_user(row: JobRow) -> bool:
    """Whether a row says what a user shall be; a wrong one has no more than its cells."""
    return row.action != "invalid" and bool(row.values)
