"""How a help is laid out on a terminal of any width: no name is cut, and lines end where the terminal does."""

from __future__ import annotations

import inspect
from typing import Any, Final

from rich.table import Table
from rich.text import Text

__all__ = ["flowing", "lay_out_help"]

_NAMES: Final = 4
"""Columns that typer gives to names of options: long and short ones, and those that say no."""
_TAKES: Final = 14
"""Characters of a line of what an option takes."""


def lay_out_help() -> None:
    """Have typer use our table, for which it has no option."""
    from typer import rich_utils  # takes a while to load, and is for help alone

    setattr(rich_utils, "Table", _OptionsTable)  # noqa: B010 - it is not exported


def flowing(docstring: str) -> str:
    """A docstring as a help: each paragraph is one line, and what is code stands between single backticks."""
    paragraphs = inspect.cleandoc(docstring).replace("``", "`").split("\n\n")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)


class _OptionsTable(Table):
    """A table of a help: all names of an option stand in one column, which is as wide as the longest of them."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        if len(cells) < _NAMES + 2:  # commands
            super().add_row(*cells, **options)
            return
        *mark, long, short, negative, short_negative, takes, told = cells
        names = (Text.assemble(name) for name in (short, long, short_negative, negative) if name)
        super().add_row(*mark, Text.assemble(", ").join(names), takes, told, **options)
        self.columns[-3].no_wrap = True
        self.columns[-2].max_width = _TAKES
