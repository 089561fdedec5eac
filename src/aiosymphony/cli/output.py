"""What commands print: results on standard output, for people or as JSON, and errors as one sentence."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final

import orjson
import typer
from rich.console import Console

from ..errors import ConfigError, DecodeError, JobError, OutcomeUnknown, SymphonyError
from ..jsontext import NotJsonError, dump
from ..operation import model_as_dict

FAILED: Final = 1
SOME_FAILED: Final = 2
UNKNOWN: Final = 3
USAGE: Final = 64
STOPPED: Final = 75
INTERRUPTED: Final = 130

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def console() -> Console:
    """A console on standard output, made when it is needed: tests and pipes replace the stream."""
    return Console(highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """One line of JSON."""
    sys.stdout.write(_json(value, 0) + "\n")
    sys.stdout.flush()


def print_tree(value: Any) -> None:
    """JSON for people: indented."""
    console().print(_json(value, orjson.OPT_INDENT_2), markup=False)


def print_error(error: object, code: int, *, as_json: bool) -> None:
    """Say on standard error what went wrong, and with ``as_json`` on standard output too."""
    if as_json:
        print_json({"error": str(error), "exit_code": code})
    print(f"aiosymphony: {error}", file=sys.stderr)


def exit_code_of(error: SymphonyError) -> int:
    """The exit code that an error ends a command with."""
    if isinstance(error, ConfigError):
        return USAGE
    if isinstance(error, JobError):
        return error.exit_code
    return UNKNOWN if isinstance(error, OutcomeUnknown) else FAILED


def _json(value: Any, option: int) -> str:
    try:
        return dump(value, "the answer", model_as_dict, option).decode()
    except NotJsonError as error:
        raise DecodeError(str(error)) from None
