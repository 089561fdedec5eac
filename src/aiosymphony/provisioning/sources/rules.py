"""What a column map can do with cells: rules, each of which makes cells of the API's columns of those of the file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal, Protocol, Self

import attrs

from ...text import fold

__all__ = ["Constant", "Cut", "Join", "Rule", "Split", "Take", "Wrong", "word_of"]

Wrong = list[tuple[str, str]]
"""What cannot be made: columns, each with the reason."""
Cut = Literal["", "first", "last"]
_FIELD: Final = re.compile(r"\{\{|\}\}|\{([^{}]+)\}")


class Rule(Protocol):
    """A part of a map.

    Attributes:
        sources: The file's columns that it reads.
        columns: The API's columns that it gives.
    """

    @property
    def sources(self) -> Sequence[str]: ...
    @property
    def columns(self) -> Sequence[str]: ...
    def reading(self, names: Mapping[str, str]) -> Self:
        """The same for a file that spells its columns so, by the map's spelling."""
        ...

    def make(self, cells: Mapping[str, object], made: dict[str, object], wrong: Wrong) -> None:
        """Add what it gives of a record to ``made``, or to ``wrong`` why it cannot.

        What cannot be made is in ``made`` as it stands in the file, for somebody to correct. A switch has a question
        mark before it: the same word may mean the opposite in the API's column, and must not be taken for it.
        """
        ...


@attrs.frozen
class Take:
    """A column of the file becomes one or more of the API's, with its values translated or as they are.

    Attributes:
        name: The file's column.
        columns: The API's.
        values: Value to value, by the words of ``word_of``; "" is an empty cell.
        strict: Whether a value that ``values`` does not have is refused.
        by: What divides the items of a list; ``|`` if empty.
        is_list: Whether the API's columns are lists.
    """

    name: str
    columns: Sequence[str]
    values: Mapping[str, object] = attrs.field(factory=dict)
    strict: bool = False
    by: str = ""
    is_list: bool = False

    @property
    def sources(self) -> Sequence[str]:
        return (self.name,)

    @property
    def plain(self) -> bool:
        """Whether cells are taken as they are."""
        return not self.values and not self.by

    def reading(self, names: Mapping[str, str]) -> Take:
        return attrs.evolve(self, name=names[self.name])

    def make(self, cells: Mapping[str, object], made: dict[str, object], wrong: Wrong) -> None:
        cell = cells.get(self.name)
        try:
            if self.is_list and isinstance(cell, str):
                items = [item.strip() for item in cell.split(self.by or "|")]
                items = items if any(items) else [""]
                # Joined again, as the cell of a list is written.
                value: object = "|".join(str(self._translated(item)) for item in items)
            elif self.is_list and isinstance(cell, list):
                value = [self._translated(item) for item in cell]
            else:
                value = self._translated(cell)
        except LookupError:
            shown = str(cell) if isinstance(cell, str | int | float) else f"a {type(cell).__name__}"
            known = ", ".join(word for word in self.values if word)
            wrong += [
                (column, f"{shown[:60]!r} is no value that the map translates: {known}") for column in self.columns
            ]
            made.update(dict.fromkeys(self.columns, f"? {shown}"))
            return
        for column in self.columns:
            made[column] = value

    def _translated(self, cell: object) -> object:
        word = word_of(cell)
        if word in self.values:
            return self.values[word]
        if self.strict and word:
            raise LookupError
        return cell


@attrs.frozen
class Constant:
    """A column of the API has the same value in every row."""

    column: str
    value: object

    @property
    def sources(self) -> Sequence[str]:
        return ()

    @property
    def columns(self) -> Sequence[str]:
        return (self.column,)

    def reading(self, names: Mapping[str, str]) -> Constant:
        del names
        return self

    def make(self, cells: Mapping[str, object], made: dict[str, object], wrong: Wrong) -> None:
        del cells, wrong
        made[self.column] = self.value


@attrs.frozen
class Join:
    """A column of the API is put together from columns of the file and text between them.

    Attributes:
        column: The API's column.
        parts: Text and, as tuples of one, names of the file's columns.
    """

    column: str
    parts: Sequence[str | tuple[str]]

    @classmethod
    def of(cls, column: str, template: str) -> Join:
        """From a text such as ``{Vorname} {Nachname}``; ``{{`` and ``}}`` are braces.

        Raises:
            ValueError: It has a brace alone, or names no column.
        """
        parts: list[str | tuple[str]] = []
        end = 0
        for found in _FIELD.finditer(template):
            parts.append(template[end : found.start()])
            parts.append((found.group(1),) if found.group(1) else found.group()[0])
            end = found.end()
        parts.append(template[end:])
        if any(isinstance(part, str) and len(part) > 1 and {*part} & {*"{}"} for part in parts):
            msg = "has a brace alone"
            raise ValueError(msg)
        made = cls(column, tuple(part for part in parts if part))
        if not made.sources:
            msg = "names no column in braces"
            raise ValueError(msg)
        return made

    @property
    def sources(self) -> Sequence[str]:
        return [part[0] for part in self.parts if isinstance(part, tuple)]

    @property
    def columns(self) -> Sequence[str]:
        return (self.column,)

    def reading(self, names: Mapping[str, str]) -> Join:
        return attrs.evolve(
            self, parts=tuple((names[part[0]],) if isinstance(part, tuple) else part for part in self.parts)
        )

    def make(self, cells: Mapping[str, object], made: dict[str, object], wrong: Wrong) -> None:
        values = {name: _text(cells.get(name)) for name in self.sources}
        if not any(values.values()):
            return
        empty = [name for name, value in values.items() if not value]
        if empty and any(isinstance(part, str) and not part.isspace() for part in self.parts):
            # Between blanks a word may be lacking; an address without its first half is another address.
            wrong.append((self.column, f"cannot be joined, because {empty[0]!r} is empty"))
            return
        joined = "".join(values[part[0]] if isinstance(part, tuple) else part for part in self.parts)
        made[self.column] = " ".join(joined.split()) if empty else joined


@attrs.frozen
class Split:
    """A column of the file is divided among several of the API's.

    Attributes:
        name: The file's column.
        by: What divides it; blanks around it do not matter.
        to: The API's columns, in order; an empty one drops its part.
        cut: Where a cell with more parts than columns is cut; if empty, such a cell is refused.
    """

    name: str
    by: str
    to: Sequence[str]
    cut: Cut = ""

    @property
    def sources(self) -> Sequence[str]:
        return (self.name,)

    @property
    def columns(self) -> Sequence[str]:
        return [column for column in self.to if column]

    def reading(self, names: Mapping[str, str]) -> Split:
        return attrs.evolve(self, name=names[self.name])

    def make(self, cells: Mapping[str, object], made: dict[str, object], wrong: Wrong) -> None:
        cell = _text(cells.get(self.name))
        if not cell:
            return
        mark = self.by.strip() or None
        most = len(self.to) - 1
        if self.cut == "first":
            parts = cell.split(mark, most)
        elif self.cut == "last":
            parts = cell.rsplit(mark, most)
        else:
            parts = cell.split(mark)
        parts = [part.strip() for part in parts]
        if len(parts) != len(self.to) or not all(part for part, column in zip(parts, self.to, strict=True) if column):
            told = (
                f"cannot be split from {self.name!r}: {cell[:60]!r} is not {len(self.to)} parts divided by {self.by!r}"
            )
            wrong += [(column, told) for column in self.columns]
            made[self.columns[0]] = cell
            return
        made.update((column, part) for column, part in zip(self.to, parts, strict=True) if column)


def word_of(value: object) -> str:
    """A cell's value as a word by which a map translates it: case and surrounding blanks do not matter."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case str() | int() | float():
            return fold(value)
        case _:
            return "\0"  # no word: a list or an object


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else "" if value is None else word_of(value).strip("\0")
