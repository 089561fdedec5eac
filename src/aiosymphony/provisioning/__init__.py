"""Provisioning: a file of people on one side, a tenant on the other, and a job that makes the second like the first.

``Desired`` reads and checks the file, ``plan`` compares it with what is there, ``Job`` carries the plan out under a
journal, and ``Report`` tells what became of each row. Killed at any moment and started again, a job loses no row and
doubles none; ``docs/provisioning.md`` says what that promise rests on.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .actual import Actual as Actual
    from .actual import ActualUser as ActualUser
    from .connect_target import ConnectTarget as ConnectTarget
    from .desired import Desired as Desired
    from .desired import Problem as Problem
    from .job import Job as Job
    from .job import Progress as Progress
    from .planning import Action as Action
    from .planning import Plan as Plan
    from .planning import plan as plan
    from .pod_target import PodTarget as PodTarget
    from .preparing import make_plan as make_plan
    from .preparing import prepare as prepare
    from .preparing import renew_plan as renew_plan
    from .report import Report as Report
    from .rows import ConnectUser as ConnectUser
    from .rows import PodUser as PodUser
    from .sqlite_store import SqliteStore as SqliteStore
    from .store import JobStore as JobStore
    from .target import Target as Target
    from .target import observe as observe

_HOMES = {
    "Action": "planning",
    "Actual": "actual",
    "ActualUser": "actual",
    "ConnectTarget": "connect_target",
    "ConnectUser": "rows",
    "Desired": "desired",
    "Job": "job",
    "JobStore": "store",
    "Plan": "planning",
    "PodTarget": "pod_target",
    "PodUser": "rows",
    "Problem": "desired",
    "Progress": "job",
    "Report": "report",
    "SqliteStore": "sqlite_store",
    "Target": "target",
    "make_plan": "preparing",
    "observe": "target",
    "plan": "planning",
    "prepare": "preparing",
    "renew_plan": "preparing",
}

__all__ = [*_HOMES]  # noqa: PLE0604 - the keys are names


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
