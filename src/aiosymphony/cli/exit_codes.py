"""The exit codes of ``aiosymphony``: the one table, which the help, the man page and the reference show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = [
    "CHANGES",
    "EXIT_CODES",
    "FAILED",
    "INTERRUPTED",
    "RUNNING",
    "SOME_FAILED",
    "STOPPED",
    "UNKNOWN",
    "USAGE",
]

FAILED: Final = 1
SOME_FAILED: Final = 2
UNKNOWN: Final = 3
RUNNING: Final = 4
CHANGES: Final = 5
USAGE: Final = 64
STOPPED: Final = 75
INTERRUPTED: Final = 130

EXIT_CODES: Final[Mapping[int, str]] = {
    0: "done",
    FAILED: "failed",
    SOME_FAILED: "some rows failed, are wrong or in conflict, or the audit found something",
    UNKNOWN: "outcome unknown: the server may have acted; look before you repeat it",
    RUNNING: "the job is not finished (provision status, and apply --store)",
    CHANGES: "there is something to do (plan --detailed-exitcode alone)",
    USAGE: "wrong use or configuration: nothing was changed",
    STOPPED: "stopped; run the same command to resume",
    INTERRUPTED: "interrupted by Ctrl-C",
}
