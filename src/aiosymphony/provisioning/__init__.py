"""Provisioning: a file of people on one side, a tenant on the other, and a job that makes the second like the first.

``Desired`` reads and checks the file, ``plan`` compares it with what is there, ``Job`` carries the plan out under a
journal, and ``Report`` tells what became of each row. Killed at any moment and started again, a job loses no row and
doubles none; ``docs/provisioning.md`` says what that promise rests on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy

if TYPE_CHECKING:
    from .actual import Actual as Actual
    from .actual import ActualUser as ActualUser
    from .desired import Desired as Desired
    from .job.run import Job as Job
    from .journal.base import JobStore as JobStore
    from .journal.registry import open_store as open_store
    from .journal.sqlite import SqliteStore as SqliteStore
    from .plans.actions import Action as Action
    from .plans.decide import plan as plan
    from .plans.file import Plan as Plan
    from .preparing import make_plan as make_plan
    from .preparing import prepare as prepare
    from .preparing import renew_plan as renew_plan
    from .progress import Progress as Progress
    from .reports.report import Report as Report
    from .rows.connect import ConnectUser as ConnectUser
    from .rows.pod import PodUser as PodUser
    from .rows.wanted import Problem as Problem
    from .sources.column_map import ColumnMap as ColumnMap
    from .targets.base import Target as Target
    from .targets.base import read_actual as read_actual
    from .targets.connect import ConnectTarget as ConnectTarget
    from .targets.pod import PodTarget as PodTarget

_HOMES = {
    "Action": "plans.actions",
    "Actual": "actual",
    "ActualUser": "actual",
    "ColumnMap": "sources.column_map",
    "ConnectTarget": "targets.connect",
    "ConnectUser": "rows.connect",
    "Desired": "desired",
    "Job": "job.run",
    "JobStore": "journal.base",
    "Plan": "plans.file",
    "PodTarget": "targets.pod",
    "PodUser": "rows.pod",
    "Problem": "rows.wanted",
    "Progress": "progress",
    "Report": "reports.report",
    "SqliteStore": "journal.sqlite",
    "Target": "targets.base",
    "make_plan": "preparing",
    "read_actual": "targets.base",
    "open_store": "journal.registry",
    "plan": "plans.decide",
    "prepare": "preparing",
    "renew_plan": "preparing",
}

__all__ = [*_HOMES]  # noqa: PLE0604 - the keys are names

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy(__name__, _HOMES)
