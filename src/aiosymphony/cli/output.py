"""Prints results on standard output, for people or as JSON, and errors as one sentence.

Only this module writes to a terminal. Text from a server, a file or an argument has no effect on the terminal: control
characters are printed as escapes, and markup is not interpreted.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import sys
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import orjson
import typer
from rich.console import Console
from rich.text import Text

from ..errors import ConfigError, DecodeError, JobError, JobRefused, OutcomeUnknown, SymphonyError
from ..files import private_file, regular_file
from ..jsontext import NotJsonError, dump
from ..text import visible
from ..wire.encoding import model_as_dict
from .exit_codes import FAILED, STOPPED, UNKNOWN, USAGE

_quiet = False
_when_interrupted = ""

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


class _Console(Console):
    """Prints every text literally, in tables, titles and lines."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text), **{**options, "markup": False, "emoji": False, "highlight": False})


def console(*, stderr: bool = False) -> Console:
    """A new console for the present stream: tests and pipes replace it."""
    return _Console(stderr=stderr, highlight=False, soft_wrap=True)


def say(text: str, *, stderr: bool = False) -> None:
    """One line for people."""
    console(stderr=stderr).print(text)


def be_quiet(wanted: bool) -> None:
    """Whether notes and progress are left out, for the command that runs."""
    global _quiet  # noqa: PLW0603 - a process runs one command
    _quiet = wanted


def is_quiet() -> bool:
    """Whether ``--quiet`` was given."""
    return _quiet


def when_interrupted(told: str) -> None:
    """What Ctrl-C would mean from now on, for the command that runs; empty if it means nothing to anybody."""
    global _when_interrupted  # noqa: PLW0603 - a process runs one command
    _when_interrupted = told


def interruption() -> str:
    """What to say of Ctrl-C."""
    return f"interrupted: {_when_interrupted}" if _when_interrupted else "interrupted"


def note(text: str) -> None:
    """One line on standard error that a result can do without; ``--quiet`` leaves it out."""
    if not _quiet:
        say(f"aiosymphony: {text}", stderr=True)


def confirm(question: str) -> bool:
    """Ask whoever sits at a terminal; a script, which cannot be asked, says yes by running."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    # The event loop would only note Ctrl-C, and go on waiting for the answer.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return typer.confirm(visible(question), default=False, err=True)
    finally:
        signal.signal(signal.SIGINT, before)


def end_at_once(code: int) -> NoReturn:
    """End the process without another word to anybody, when all that was said is out."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def one_line(text: str) -> Text:
    """Text for a live view: cut where the terminal ends."""
    return Text(visible(text), no_wrap=True, overflow="ellipsis")


def print_lines(text: str) -> None:
    """Text of several lines."""
    for line in text.rstrip("\n").split("\n"):
        _write(visible(line) + "\n")


def print_json(value: Any) -> None:
    """One line of JSON."""
    _write(_json(value) + "\n")


def print_tree(value: Any) -> None:
    """JSON for people: indented."""
    _write(_json(value, orjson.OPT_INDENT_2) + "\n")


def check_output(file: Path) -> None:
    """Refuse a file that could not be written, before anything is sent for it.

    Raises:
        ConfigError: It is no regular file, or its folder is not there.
    """
    try:
        regular_file(file)
    except JobError as error:
        raise ConfigError(f"--output: {error}. Nothing was sent.") from None
    if not file.parent.is_dir():
        raise ConfigError(f"--output: there is no folder {file.parent}. Nothing was sent.")


def save_json(file: Path, value: Any) -> None:
    """A file of JSON, indented, which nobody else can read.

    Raises:
        SymphonyError: It cannot be written.
    """
    text = _json(value, orjson.OPT_INDENT_2) + "\n"
    try:
        with private_file(file) as opened:
            opened.write(text)
    except JobError as error:
        raise SymphonyError(f"the call was made, but its result is lost: {error}") from None


def print_error(error: object, code: int, *, as_json: bool) -> None:
    """Print an error on standard error, and with ``as_json`` on standard output too."""
    advice = error.advice if isinstance(error, JobRefused) else ""
    if as_json:
        print_json({"error": str(error), "exit_code": code} | ({"advice": advice} if advice else {}))
    sys.stderr.write(visible(f"aiosymphony: {error}") + "\n")
    for line in advice.splitlines():
        sys.stderr.write(visible(line) + "\n")


def make_printable() -> None:
    """Make the standard streams escape characters that their encoding lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _json(value: Any, option: int = 0) -> str:
    """JSON in which every control character is escaped, also those that JSON allows."""
    try:
        content = dump(value, "the answer", model_as_dict, option)
    except NotJsonError as error:
        try:  # Half a character, as in the name of a file that is no UTF-8?
            content = dump(_whole(value), "the answer", model_as_dict, option)
        except (NotJsonError, RecursionError):
            raise DecodeError(str(error)) from None
    return _UNESCAPED.sub(lambda match: f"\\u{ord(match.group()):04x}", content.decode())


_UNESCAPED: Final = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def _whole(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_whole(name): _whole(each) for name, each in value.items()}
        case list() | tuple():
            return [_whole(each) for each in value]
        case _:
            return value


def exit_code_of(error: SymphonyError) -> int:
    """The exit code for an error."""
    if isinstance(error, ConfigError | JobRefused):
        return USAGE
    if isinstance(error, JobError):
        return STOPPED
    return UNKNOWN if isinstance(error, OutcomeUnknown) else FAILED
