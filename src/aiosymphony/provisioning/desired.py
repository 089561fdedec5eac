"""The desired state: a file of people, checked row by row, streamed.

The file is read and checked once. Its rows lie in an unnamed file from then on, where they are found each time they are
wanted; while it is checked, eight bytes per key are kept in memory. Every wrong row is reported with its line, and none
of them stops the others.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import orjson

from ..errors import JobRefused
from ..text import counted, skeleton
from .cells import raw
from .progress import Progress
from .rows.base import Kind, User, keys_of
from .rows.registry import user_class
from .rows.wanted import Problem, WantedRow, WrongRow
from .sources.base import Options, ReadAs, unreadable
from .sources.column_map import ColumnMap
from .sources.detect import open_source
from .sources.mapped import MappedRecord, bound, mapped_records
from .spool import Spool

__all__ = ["Desired"]

_TOLD = 5
"""Other lines with the same key that are named."""
_PARTS = 256


class Desired:
    """What the tenant shall hold; made by ``read`` from a file, or by ``of`` from records in memory.

    Attributes:
        kind: ``connect`` or ``pod``: which columns there are.
        name: The file's name, for messages.
        path: Where the file lies; empty if it has no path.
        read_as: What the file was taken for; None for records in memory.
        digest: SHA-256 of the file; a plan or a job made from another content is told apart by it.
        notes: What an operator should know of how its columns were taken, a sentence each.
        columns: The columns that its rows have.
        reading: A digest of the rows, where a map, an encoding or a sheet was given; empty if the file alone says all.
        count: Rows that can be used.
        bad: Rows that cannot.
        is_rest: Whether a job wrote the file, of rows that were not done: its columns are not mapped once more.
    """

    kind: Kind
    name: str
    read_as: ReadAs | None
    digest: str
    notes: Sequence[str]
    count: int
    bad: int
    is_rest: bool
    path: str
    reading: str

    def __init__(
        self,
        kind: Kind,
        name: str,
        scan: Callable[[], Iterable[MappedRecord]],
        digest: Callable[[], str],
        read_as: ReadAs | None = None,
        progress: Progress | None = None,
        *,
        digest_rows: bool = False,
    ) -> None:
        self.kind = kind
        self.name = name
        self._user_class = user_class(kind)
        self.notes = ()
        self.read_as = read_as
        self.is_rest = False
        self.path = ""
        self.columns: set[str] = set()
        self._duplicates: dict[int, list[int]] = {}
        self._lines = Spool(name)
        self.reading = self._check(scan(), Progress() if progress is None else progress, digest_rows=digest_rows)
        self.digest = digest()

    @classmethod
    def read(
        cls,
        path: str | PathLike[str] | BinaryIO,
        kind: Kind,
        *,
        columns: ColumnMap | Mapping[str, Any] | None = None,
        encoding: str | None = None,
        sheet: str | None = None,
        strict: bool = False,
        progress: Progress | None = None,
    ) -> Desired:
        """Check a file: CSV with a header, XLSX, ODS or JSON, also packed by gzip; ``docs/files.md`` has the rules.

        Args:
            path: The file, or an open one, such as standard input, of which all that is left is read.
            kind: ``connect`` or ``pod``.
            columns: What the file's columns mean: a map, or a table as ``ColumnMap.of`` takes it, such as
                ``{"E-Mail": "email", "Nr": None}``.
            encoding: Of CSV: its encoding, if it is not UTF-8 and does not tell.
            sheet: Of a workbook: the sheet, by name or by number from 1; by default the only visible one with cells.
            strict: Refuse the file if any row of it is wrong.
            progress: Told how many rows were checked.

        Raises:
            JobError: The file cannot be read, its header does not fit, it has no rows, or (strict) a row is wrong.
        """
        column_map = columns if isinstance(columns, ColumnMap) else ColumnMap.of(columns or {}, kind)
        if column_map.kind != kind:
            raise JobRefused(f"the column map is for {column_map.kind} users, and the file is read for {kind} users")
        source = open_source(path, Options(encoding, sheet))
        binding, is_rest = bound(source, column_map)
        if is_rest:
            column_map = ColumnMap.of({}, kind)
        desired = cls(
            kind,
            source.content.name,
            lambda: mapped_records(source, column_map, binding, rest=is_rest),
            lambda: source.digest,
            source.read_as,
            progress,
            digest_rows=bool(encoding or sheet or (columns and not is_rest)),
        )
        desired.notes = binding.notes
        desired.is_rest = is_rest
        desired.path = str(Path(path).absolute()) if isinstance(path, str | PathLike) else ""
        if not desired.count + desired.bad:
            raise unreadable(f"{source.where} has no rows")
        if strict and desired.bad:
            wrong = counted(desired.bad, "wrong row")
            problems = [str(problem) for problem, _ in zip(desired.problems(), range(3), strict=False)]
            raise unreadable(f"{source.where}: {wrong}, and --strict takes none; the first: {'; '.join(problems)}")
        return desired

    @classmethod
    def of(cls, records: Iterable[Mapping[str, object]], kind: Kind) -> Desired:
        """The same from records in memory, by the API's column names; their lines count from 1."""
        held = [dict(record) for record in records]

        digest = hashlib.sha256()
        for line, record in enumerate(held, 1):
            try:
                digest.update(orjson.dumps(record, option=orjson.OPT_SORT_KEYS))
            except TypeError as error:
                raise unreadable(f"record {line} is not JSON: {error}") from None
        return cls(
            kind, "records", lambda: ((line, record, ()) for line, record in enumerate(held, 1)), digest.hexdigest
        )

    def rows(self) -> Iterator[WantedRow]:
        """The rows that can be used, in the order of the file."""
        for item in self._checked():
            if isinstance(item, WantedRow):
                yield item

    def problems(self) -> Iterator[Problem]:
        """All that is wrong, in the order of the file; a row may have several."""
        for item in self._checked():
            if not isinstance(item, WantedRow):
                yield from item.problems

    def checked_rows(self) -> Iterator[WantedRow | WrongRow]:
        """All rows, in the order of the file."""
        return self._checked()

    def _check(self, records: Iterable[MappedRecord], progress: Progress, *, digest_rows: bool) -> str:
        """Keep, count and find duplicates; a digest of the cells, if the file alone does not say what they are."""
        progress.begin("checking the file")
        digest = hashlib.sha256()
        # By their last bits, so that only few of them at a time become objects of Python.
        seen = [array("q") for _ in range(_PARTS)]
        self.count = self.bad = 0
        for line, cells, unmapped in progress.each(records):
            self.columns.update(cells)
            if digest_rows:
                digest.update(repr(cells).encode("utf-8", "backslashreplace"))
            kept = self._kept(line, cells, unmapped)
            if kept.values is None:
                self.bad += 1
            else:
                self.count += 1
            for _, key in kept.keys(self._user_class):
                seen[key % _PARTS].append(key)
            self._lines.add(kept.to_json())
        twice: set[int] = set()
        while seen:
            twice |= _repeated(seen.pop())
        if twice:
            self._find(twice)
        return digest.hexdigest() if digest_rows else ""

    def _find(self, twice: set[int]) -> None:
        """Note the lines of the keys that come more than once, and count anew."""
        lines: dict[int, list[int]] = defaultdict(list)
        for kept in self._kept_rows():
            for _, key in kept.keys(self._user_class):
                if key in twice and len(lines[key]) <= _TOLD + 1:
                    lines[key].append(kept.line)
        self._duplicates = dict(lines)
        self.count = self.bad = 0
        for item in self._checked():
            if isinstance(item, WantedRow):
                self.count += 1
            else:
                self.bad += 1

    def _kept(self, line: int, cells: Mapping[str, object], unmapped: Sequence[tuple[str, str]]) -> _Kept:
        """A record, checked."""
        user_type = self._user_class
        if unmapped and not unmapped[0][0]:
            return _Kept(line, None, {}, [*unmapped])
        values, wrong = user_type.check(cells)
        if unmapped:
            told = {column for column, _ in unmapped}
            values, wrong = None, [*unmapped, *(each for each in wrong if each[0] not in told)]
        # Of cells that were taken as they stood, one copy is enough.
        others = cells if values is None else {k: cell for k, cell in cells.items() if cell is not values.get(k)}
        kept = _Kept(line, values, self._raw(others) if others else {}, wrong)
        if values is None:
            # A wrong row still takes part in the search for duplicates: which of the two was meant, nobody knows.
            kept.meant = _hashed(keys_of(cells, user_type, skeleton))
        return kept

    def _raw(self, cells: Mapping[str, object]) -> dict[str, str]:
        """The cells of a wrong row as text, so that it can be written for somebody to correct."""
        columns = self._user_class.columns()
        return {name: text for name, cell in cells.items() if name in columns and (text := raw(cell))}

    def _kept_rows(self) -> Iterator[_Kept]:
        for each in self._lines:
            yield _Kept(*each)

    def _checked(self) -> Iterator[WantedRow | WrongRow]:
        for kept in self._kept_rows():
            line, values = kept.line, kept.values
            problems = [Problem(line, column, reason) for column, reason in kept.wrong]
            if self._duplicates:
                for column, key in kept.keys(self._user_class):
                    others = [other for other in self._duplicates.get(key, ()) if other != line]
                    if others:
                        shown = ", ".join(map(str, others[:_TOLD])) + (" and more" if len(others) > _TOLD else "")
                        problems.append(Problem(line, column, f"is also that of line {shown}"))
            if values is None or problems:
                yield WrongRow(line, problems, {**self._raw(values or {}), **kept.raw})
            else:
                yield WantedRow(line, self._user_class.from_dict(values))


@attrs.define
class _Kept:
    """A record as it is kept.

    Attributes:
        line: Its line.
        values: Its columns; None if it is wrong.
        raw: Its cells as text, where that says something else than the columns.
        wrong: What is wrong with it, by column.
        meant: Of a wrong record: the columns of its keys, with the hashes of these.
    """

    line: int
    values: dict[str, Any] | None
    raw: dict[str, str]
    wrong: Sequence[tuple[str, str]] = ()
    meant: Sequence[tuple[str, int]] = ()

    def keys(self, user_type: type[User]) -> Sequence[tuple[str, int]]:
        """The columns of its keys, with the hashes of these, which are the same as long as the process lives."""
        return self.meant if self.values is None else _hashed(keys_of(self.values, user_type))

    def to_json(self) -> list[Any]:
        if self.values is not None:
            return [self.line, self.values, self.raw]
        # What is wrong may name what no JSON holds.
        return [self.line, None, self.raw, [(raw(column), raw(reason)) for column, reason in self.wrong], self.meant]


def _repeated(keys: Sequence[int]) -> set[int]:
    if len(set(keys)) == len(keys):
        return set()
    return {key for key, count in Counter(keys).items() if count > 1}


def _hashed(keys: Iterable[str]) -> list[tuple[str, int]]:
    return [(key.partition(":")[0], hash(key)) for key in keys]
