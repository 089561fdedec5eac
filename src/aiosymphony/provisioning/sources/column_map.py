"""Which column of a file is which of the API's: the same for every format.

A ``ColumnMap`` says it for files in general. Bound to the names of one file it is a ``Binding``, which makes of a
record's cells those of a row.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final, Self

import attrs
import orjson

from ..rows.base import Kind
from ..rows.registry import user_class
from .base import unreadable
from .binding import Binder, Binding
from .map_table import parse
from .rules import Rule

__all__ = ["ColumnMap"]

_BOM: Final = b"\xef\xbb\xbf"


@attrs.frozen
class ColumnMap:
    """What a file's columns mean. Columns that it does not name have the API's names already.

    Attributes:
        kind: The kind of users.
        rules: How columns of the API are made of those of a file.
        left_out: The file's columns that are left out.
    """

    kind: Kind
    rules: Sequence[Rule] = ()
    left_out: frozenset[str] = frozenset()

    @classmethod
    def of(cls, table: Mapping[str, Any], kind: Kind) -> Self:
        """A map from a table as ``docs/columns.md`` describes it; the simple one has names of the file to the API's.

        Raises:
            JobRefused: It is wrong; all that is wrong is told.
        """
        return cls._of(table, kind, "the column map")

    @classmethod
    def read(cls, path: str | PathLike[str], kind: Kind) -> Self:
        """A map from a file, in TOML (``.toml``) or JSON.

        Raises:
            JobRefused: It cannot be read, or is wrong; all that is wrong is told.
        """
        return cls._of(cls.read_table(path), kind, f"the column map {path}")

    @classmethod
    def _of(cls, table: Mapping[str, Any], kind: Kind, where: str) -> Self:
        parsed = parse(table, kind)
        if parsed.wrong:
            raise unreadable(f"{where} is wrong: {'; '.join(parsed.wrong)}")
        return cls(kind, tuple(parsed.rules), frozenset(parsed.left_out))

    @staticmethod
    def read_table(path: str | PathLike[str]) -> dict[str, Any]:
        """The table in a file, in TOML (``.toml``) or JSON, as :meth:`of` takes it.

        Raises:
            JobRefused: It cannot be read, or is no table.
        """
        path = Path(path)
        where = f"the column map {path}"
        try:
            content = path.read_bytes()
            as_json = path.suffix.lower() != ".toml" and content.removeprefix(_BOM).lstrip().startswith((b"{", b"["))
            text = content.removeprefix(_BOM)
            table = orjson.loads(text) if as_json else tomllib.loads(text.decode())
        except OSError as error:
            raise unreadable(f"{where} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise unreadable(f"{where} is not readable: {error}") from None
        if not isinstance(table, dict):
            raise unreadable(f"{where} must be a table of column names")
        return table

    def is_cell(self, name: str) -> bool:
        """Whether a JSON object under this name is one cell, and not a group of columns."""
        known = user_class(self.kind).columns().get(name)
        return (known is not None and known.type is dict) or any(name in rule.sources for rule in self.rules)

    def bind(
        self, names: Sequence[str], where: object, *, header: bool = True, samples: Sequence[Mapping[str, object]] = ()
    ) -> Binding:
        """Bind it to the names of a file.

        Args:
            names: The header, or the names of all records of a format without one.
            where: The file, for messages.
            header: Whether it is a header: then a column that identifies users must be there.
            samples: Some of its records, by which a map is proposed if this one does not do.

        Raises:
            JobRefused: Columns are unknown, lacking or there twice; all of them are told, and ``advice`` is the map to
                write.
        """
        return Binder(self.kind, self.rules, self.left_out, names).binding(where, header=header, samples=samples)
