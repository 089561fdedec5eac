"""Which column of a file is which of the API's: the same for every format.

A ``ColumnMap`` says it for files in general. Bound to the names of one file it is a ``Binding``, which makes of a
record's cells those of a row.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Self

import attrs
import orjson

from ..rows.base import Kind
from ..rows.registry import user_class
from .base import unreadable

__all__ = ["Binding", "ColumnMap"]

_SECRETS = frozenset({"password", "hsalt", "hpassword", "khsalt", "khpassword", "currentkey", "previouskey"})


@attrs.frozen
class Binding:
    """A column map bound to the names of one file.

    Attributes:
        columns: The file's name and the API's of each column that is taken.
        notes: What an operator should know of it, a sentence each.
    """

    columns: Sequence[tuple[str, str]]
    notes: Sequence[str] = ()

    def apply(self, cells: Mapping[str, object]) -> tuple[dict[str, object], list[tuple[str, str]]]:
        """The cells by the API's columns, and the (column, reason) of each that cannot be made."""
        return {ours: cells[theirs] for theirs, ours in self.columns if theirs in cells}, []


@attrs.frozen
class ColumnMap:
    """What a file's columns mean.

    Attributes:
        kind: The kind of users.
        renames: The API's column for names of the file; None for one that is left out.
    """

    kind: Kind
    renames: Mapping[str, str | None] = attrs.field(factory=dict)

    @classmethod
    def of(cls, table: Mapping[str, str | None], kind: Kind) -> Self:
        """A map from a table of names of the file to names of the API; None or empty for one that is left out.

        Raises:
            JobRefused: It names columns that there are not.
        """
        known = user_class(kind).columns()
        for theirs, ours in table.items():
            if ours and ours not in known:
                raise unreadable(
                    f"the column map sends {theirs!r} to {ours!r}, which is no column of {kind} users"
                    f"{_near(ours, known)}"
                )
        return cls(kind, {theirs: ours or None for theirs, ours in table.items()})

    @classmethod
    def read(cls, path: str | PathLike[str], kind: Kind) -> Self:
        """A map from a TOML table or a JSON object; in TOML the table may be called ``columns``.

        Raises:
            JobRefused: It cannot be read, or names columns that there are not.
        """
        path = Path(path)
        try:
            content = path.read_bytes()
            table = tomllib.loads(content.decode()) if path.suffix.lower() == ".toml" else orjson.loads(content)
        except OSError as error:
            raise unreadable(f"the column map {path} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise unreadable(f"the column map {path} is not readable: {error}") from None
        table = table.get("columns", table) if isinstance(table, dict) else None
        if not isinstance(table, dict) or not all(value is None or isinstance(value, str) for value in table.values()):
            raise unreadable(f"the column map {path} must map column names to column names")
        return cls.of(table, kind)

    def bind(self, names: Sequence[str], where: object, *, header: bool = True) -> Binding:
        """Bind it to the names of a file.

        Args:
            names: The header, or the names of all records of a format without one.
            where: The file, for messages.
            header: Whether it is a header: then a required column must be there.

        Raises:
            JobRefused: Columns are unknown, lacking or there twice.
        """
        known = user_class(self.kind).columns()
        folded = {name.casefold(): name for name in known}
        bound: list[tuple[str, str]] = []
        unknown: list[str] = []
        for raw in names:
            name = raw.strip()
            if name in self.renames:
                ours = self.renames[name]
            elif not name or name.startswith("_"):  # The report's own, in a file of failed rows that comes back.
                ours = None
            elif name.casefold() in folded:
                ours = folded[name.casefold()]
            elif name.casefold() in _SECRETS:
                raise unreadable(
                    f"{where}: the column {name!r} is not taken, because a job keeps no secrets; leave it out"
                )
            else:
                unknown.append(name)
                continue
            if ours is not None:
                bound.append((raw, ours))
        if unknown:
            told = ", ".join(f"{name!r}{_near(name, known)}" for name in unknown)
            raise unreadable(
                f"{where}: no column of {self.kind} users is called {told}; rename "
                f"{'them' if len(unknown) > 1 else 'it'}, or map {'them' if len(unknown) > 1 else 'it'} with --map"
            )
        used = [ours for _, ours in bound]
        for ours in used:
            if used.count(ours) > 1:
                raise unreadable(f"{where}: the header has the column {ours!r} twice")
        lacking = [name for name, column in known.items() if column.required and name not in used]
        if header and lacking:
            raise unreadable(f"{where}: the header lacks {', '.join(lacking)}; the first line must name the columns")
        return Binding(bound)


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
