"""Files of people on the command line: standard input, how a file is read, and what lies beside it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from ..errors import ConfigError

__all__ = ["STANDARD_INPUT", "EncodingOption", "SheetOption", "beside", "named_file", "place_of"]

STANDARD_INPUT = Path("-")

EncodingOption = Annotated[
    str | None, typer.Option("--encoding", help="How a CSV is encoded, such as windows-1252, if it is not UTF-8.")
]
SheetOption = Annotated[
    str | None, typer.Option("--sheet", help="The sheet of a workbook, by name or by number from 1.")
]


def place_of(file: Path) -> Path | BinaryIO:
    """What is to be read: a file, or standard input if it is called ``-``.

    Raises:
        ConfigError: Standard input is a terminal.
    """
    if file != STANDARD_INPUT:
        return file
    if sys.stdin.isatty():
        raise ConfigError("- is standard input, which is a terminal here: hand in a file, such as by < FILE")
    return sys.stdin.buffer


def named_file(parameter: typer.CallbackParam, value: Path | None) -> Path | None:
    """The file of an option that writes one: ``-``, which would be standard output elsewhere, is refused.

    Raises:
        ConfigError: It is ``-``.
    """
    if value == STANDARD_INPUT:
        raise ConfigError(f"{parameter.opts[0]} writes a file: name it instead of -")
    return value


def beside(file: Path, suffix: str, option: str) -> Path:
    """A file beside another, named after it.

    Raises:
        ConfigError: The other is standard input.
    """
    if file == STANDARD_INPUT:
        raise ConfigError(f"standard input has no name for what is kept beside it: name a file by {option}")
    return file.with_name(file.name + suffix)
