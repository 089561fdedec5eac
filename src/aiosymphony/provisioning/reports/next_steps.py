"""What to do after a job: sentences for its operator, with commands that can be copied."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from ...text import visible
from ..journal.base import JobHeader
from ..journal.states import State

__all__ = ["command_line", "next_steps"]

_OF_THE_FILE: Final = frozenset({"--map", "--encoding", "--sheet", "--journal", "--output", "--shards", "--max-shards"})
"""Options with a value that say something of one file, or of one job."""
_OF_ALL: Final = frozenset({"--disable-missing", "--strict"})
"""Switches that are meant for a file of everybody."""


class _Figures(Protocol):
    """What of a report the next steps depend on."""

    @property
    def header(self) -> JobHeader: ...
    @property
    def counts(self) -> Mapping[tuple[str, State], int]: ...
    @property
    def running(self) -> Sequence[str]: ...
    @property
    def journal(self) -> str: ...
    @property
    def not_finished(self) -> int: ...
    @property
    def unknown(self) -> int: ...
    @property
    def is_cut_short(self) -> bool: ...
    @property
    def failed(self) -> int: ...
    def found(self, kind: str) -> int: ...


def command_line(arguments: Sequence[str]) -> str:
    """A command as it can be copied into a shell; paths below the current folder as they are called from there."""
    called = ["aiosymphony", "provision", *map(_from_here, arguments)]
    if sys.platform == "win32":
        return subprocess.list2cmdline(called)
    return " ".join(map(_quoted, called))


def next_steps(report: _Figures) -> list[str]:
    """What the operator should do, most urgent first."""
    return [*_steps(report)] or ["Nothing to do: all users match the file."]


def _steps(report: _Figures) -> Iterator[str]:
    header = report.header
    resume = header.resumed_by or header.command
    anew = header.command
    if report.is_cut_short:
        what = "every row is finished, but the audit is not"
        yield _step(what, "to resume", resume, "run the same command again")
        return
    if report.running:
        yield f"Wait: the job is run by {', '.join(report.running)}."
    elif report.not_finished:
        yield _step(
            f"{_count(report.not_finished, 'is', 'are')} not finished",
            "to resume",
            resume,
            "run the same command to resume",
        )
    if report.found("doubled"):
        yield (
            f"{report.found('doubled'):,} users exist more than once: disable those that are too many. If this "
            "job made them, a write landed later than --settle: choose a longer one next time."
        )
    if report.unknown and not report.running:
        yield _step(
            f"the outcome of {_count(report.unknown)} is unknown",
            "to look them up before anything else",
            resume,
            "run the same command again, which looks them up before anything else",
        )
    # A job that is not finished goes on, whatever is wanted.
    ended = not (report.running or report.not_finished or report.unknown)
    if ended and report.found("missing"):
        yield _step(f"{report.found('missing'):,} users that were created do not exist now", "to plan again", anew)
    if ended and report.found("different"):
        yield _step(
            f"{report.found('different'):,} users differ from the file (the audit names them)", "to plan again", anew
        )
    if report.failed:
        yield from _corrections(report, ended=ended)


def _corrections(report: _Figures, *, ended: bool) -> Iterator[str]:
    header = report.header
    invalid = report.counts.get(("invalid", "FAILED"), 0)
    refused = report.failed - invalid
    parts = (f"{_count(refused)} failed", refused), (f"{_count(invalid, 'is', 'are')} wrong", invalid)
    told = " and ".join(part for part, count in parts if count)
    if not header.command:
        yield f"{told}: correct the file and run the same command, or correct and apply the CSV of what is not done."
        return
    if ended:
        yield _step(told, f"correct {header.input_name}, and run", header.command)
        told = "Or correct these rows alone"
    rest = _rest_of(header.input_path or header.input_name)
    yield _step(told, "write them to a file", ["report", report.journal, "--rest", str(rest)])
    yield f"Then correct that file, and run: {command_line(['apply', str(rest), *_options_of(header.command)])}"


def _step(what: str, when: str, arguments: Sequence[str], otherwise: str = "") -> str:
    if not arguments:
        return f"{what}: {otherwise or when.removeprefix('to ')}."
    return f"{what}. {when[0].upper()}{when[1:]}: {command_line(arguments)}"


def _count(rows: int, one: str = "", many: str = "") -> str:
    return f"1 row {one}".rstrip() if rows == 1 else f"{rows:,} rows {many}".rstrip()


def _rest_of(path: str) -> Path:
    """A name for what is left, beside the input, that nothing has yet."""
    source = Path(path)
    stem = Path(source.name.removesuffix(".gz")).stem
    number = 1
    while True:
        rest = source.with_name(f"{stem}.rest{'' if number == 1 else f'-{number}'}.csv")
        if not os.path.lexists(rest):
            return rest
        number += 1


def _options_of(command: Sequence[str]) -> list[str]:
    """The options of a command for a file of what is left: without those that are meant for the whole one."""
    options: list[str] = []
    given = iter(command[2:])
    for argument in given:
        if argument in _OF_THE_FILE:
            next(given, None)
        elif argument.partition("=")[0] not in _OF_THE_FILE | _OF_ALL:
            options.append(argument)
    return options


def _from_here(argument: str) -> str:
    path = Path(argument)
    try:
        if not path.is_absolute() or not path.is_relative_to(Path.cwd()):
            return argument
        relative = str(path.relative_to(Path.cwd()))
    except OSError:  # The current folder is no more.
        return argument
    return f".{os.sep}{relative}" if relative.startswith("-") else relative


def _quoted(argument: str) -> str:
    shown = visible(argument)
    if shown == argument:
        return shlex.quote(argument)
    # What a terminal would obey is written as the shell's escapes.
    return "$'" + visible(argument.replace("\\", "\\\\").replace("'", "\\'")) + "'"
