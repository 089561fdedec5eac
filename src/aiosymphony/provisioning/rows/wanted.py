"""What is wanted, row by row: a user, or why a row cannot be used."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

import attrs

from .base import Kind, User

__all__ = ["Problem", "Wanted", "WantedRow", "WrongRow"]


@attrs.frozen
class Problem:
    """Why a row cannot be used: its line (the first line of the file is 1), its column, the reason."""

    line: int
    column: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.column} {self.reason}" if self.column else f"line {self.line}: {self.reason}"


@attrs.frozen
class WantedRow:
    """A row that passed: its line in the file, and the user it asks for."""

    line: int
    user: User


@attrs.frozen
class WrongRow:
    """A row that did not pass.

    Attributes:
        line: Its line in the file.
        problems: All that is wrong with it.
        cells: Its cells by the API's columns, as text; none if it cannot be divided into cells.
    """

    line: int
    problems: Sequence[Problem]
    cells: Mapping[str, str] = attrs.field(factory=dict)


class Wanted(Protocol):
    """What ``plan`` reads: a ``Desired``, or a ``Plan`` that was made before."""

    @property
    def kind(self) -> Kind: ...
    @property
    def name(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def columns(self) -> Collection[str]: ...
    def checked_rows(self) -> Iterator[WantedRow | WrongRow]: ...
