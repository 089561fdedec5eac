"""The commands as a page in Markdown and as a man page, both made from the command line itself.

``python -m aiosymphony.cli.reference`` prints the generated part of ``docs/command-line.md``, and with ``--man`` the
man page. ``make reference`` and ``make man`` write them.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs

from .._version import __version__
from .app import command_tree, leaves
from .examples import EXAMPLES
from .exit_codes import EXIT_CODES
from .output import print_lines

__all__ = ["main", "man", "markdown"]

_VALUES: Final = {"str": "text", "int": "number", "integer": "number", "float": "number", "integer range": "number",
                  "float range": "number", "int range": "number", "filename": "path"}  # fmt: skip
_WIDTH: Final = 120
_ROOT_HELP: Final = "Symphony's Pod and Connect APIs from the command line."


@attrs.frozen
class _Row:
    """An argument or an option: how it is written, and what it is for."""

    written: str
    told: str


@attrs.frozen
class _Page:
    """What is told of a command."""

    name: str
    told: str
    arguments: list[_Row]
    options: list[_Row]
    examples: Sequence[str]


def _row(parameter: Any, is_argument: bool) -> _Row:
    told = " ".join((parameter.help or "").split())
    if is_argument:
        written = parameter.metavar or str(parameter.name).upper()
        return _Row(written, told)
    written = ", ".join(sorted([*parameter.opts, *parameter.secondary_opts], key=lambda text: text.startswith("--")))
    if not (parameter.is_flag or getattr(parameter, "count", False)):
        written += f" {parameter.metavar or _value(parameter)}"
    facts = []
    if parameter.required:
        facts.append("required")
    if parameter.envvar:
        facts.append(f"environment: {parameter.envvar}")
    if not callable(parameter.default) and type(parameter.default) in (str, int, float) and parameter.default != 0:
        facts.append(f"default: {parameter.default}")
    return _Row(written, f"{told} ({'; '.join(facts)})" if facts else told)


def _value(parameter: Any) -> str:
    # Typer has the type itself from 0.28 on, and before that click's name for it.
    kind = parameter.type.name if hasattr(parameter, "type") else str(parameter.bare_type()).lower()
    return _VALUES.get(kind, kind).upper()


def _page(name: str, command: Any) -> _Page:
    shown = [each for each in command.params if not getattr(each, "hidden", False)]
    own = [each for each in shown if getattr(each, "rich_help_panel", None) != "Global options" and each.name != "help"]
    arguments = [_row(each, True) for each in own if each.param_type_name == "argument"]
    options = [_row(each, False) for each in own if each.param_type_name == "option"]
    if name == "sandbox":
        options = _sandbox_options()
    return _Page(name, command.help, arguments, options, EXAMPLES.get(name, ()))


def _sandbox_options() -> list[_Row]:
    """The sandbox's own, which argparse reads."""
    from ..sandbox.serve import make_parser

    rows = []
    for action in make_parser("aiosymphony sandbox")._actions:
        if action.dest == "help":
            continue
        choices = "|".join(map(str, action.choices)) if action.choices else None
        value = action.metavar or choices or action.dest.upper()
        written = ", ".join(action.option_strings) + ("" if action.nargs == 0 else f" {value}")
        rows.append(_Row(written, action.help or ""))
    return rows


def _pages() -> tuple[_Page, list[_Page]]:
    root = command_tree()
    shared = [_row(each, False) for each in root.params if not getattr(each, "hidden", False) and each.name != "help"]
    return _Page("", _ROOT_HELP, [], shared, ()), [_page(name, command) for name, command in sorted(leaves(root))]


def markdown() -> str:
    """The commands, their options and the exit codes, as a part of a page in Markdown."""
    root, pages = _pages()
    lines = ["## Global options", "", *_table("option", root.options), ""]
    lines += ["## Commands", ""]
    for page in pages:
        lines += [f"### aiosymphony {page.name}", "", *_wrapped(page.told), ""]
        if page.arguments:
            lines += [*_table("argument", page.arguments), ""]
        if page.options:
            lines += [*_table("option", page.options), ""]
        lines += ["<!-- not run: the tests of the command line run every example of a help -->"]
        lines += ["```console", *(f"$ {example}" for example in page.examples), "```", ""]
    lines += ["## Exit codes", "", "| code | meaning |", "|---|---|"]
    lines += [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()]
    return "\n".join(lines) + "\n"


def _wrapped(text: str) -> Iterator[str]:
    for paragraph in text.split("\n"):
        yield from textwrap.wrap(paragraph, _WIDTH, break_long_words=False, break_on_hyphens=False) or [""]


def _table(title: str, rows: Sequence[_Row]) -> list[str]:
    cells = (f"| `{_cell(row.written)}` | {_cell(row.told)} |" for row in rows)
    return [f"| {title} | meaning |", "|---|---|", *cells]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def man() -> str:
    """The page for ``man``, in its macros."""
    root, pages = _pages()
    lines = [f'.TH AIOSYMPHONY 1 "" "aiosymphony {__version__}" "User Commands"']
    lines += [".SH NAME", _roff(f"aiosymphony - {_ROOT_HELP}"), ".SH SYNOPSIS"]
    lines += [r".B aiosymphony", r"[OPTIONS] COMMAND [ARGUMENTS]", ".SH OPTIONS", *_terms(root.options), ".SH COMMANDS"]
    for page in pages:
        lines += [f'.SS "aiosymphony {page.name}"', *map(_roff, page.told.splitlines())]
        lines += _terms([*page.arguments, *page.options])
        for example in page.examples:
            lines += [".PP", ".nf", _roff(example), ".fi"]
    lines += [".SH EXIT STATUS", *_terms([_Row(str(code), meaning) for code, meaning in EXIT_CODES.items()])]
    return "\n".join(line or ".PP" for line in lines) + "\n"


def _terms(rows: Sequence[_Row]) -> list[str]:
    return [line for row in rows for line in (".TP", rf"\fB{_roff(row.written)}\fR", _roff(row.told))]


def _roff(text: str) -> str:
    """Text in which nothing is a request or an escape."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("`", "").replace("…", "...")
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the part of the reference, or the man page."""
    parser = argparse.ArgumentParser(prog="python -m aiosymphony.cli.reference", description=__doc__)
    parser.add_argument("--man", action="store_true", help="print the man page")
    print_lines(man() if parser.parse_args(arguments).man else markdown())


if __name__ == "__main__":
    main()
