"""The desired state: a file of people, checked row by row, streamed.

The file is read once to check it and once more each time its rows are wanted; what is kept in memory meanwhile is one
number per key. Every wrong row is reported with its line, and none of them stops the others.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import orjson

from ..errors import JobRefused
from ..text import skeleton
from .progress import Progress
from .rows.base import Kind, User, keys_of
from .rows.registry import user_class
from .rows.wanted import Problem, WantedRow
from .sources.base import unreadable
from .sources.column_map import ColumnMap
from .sources.detect import reader_of
from .sources.mapped import MappedRecord, bound, mapped_records

__all__ = ["Desired"]

_TOLD = 5
"""Other lines with the same key that are named."""


class Desired:
    """What the tenant shall hold; made by ``read`` from a file, or by ``of`` from records in memory.

    Attributes:
        kind: ``connect`` or ``pod``: which columns there are.
        name: The file's name, for messages.
        digest: SHA-256 of the file; a plan or a job made from another content is told apart by it.
        notes: What an operator should know of how its columns were taken, a sentence each.
        count: Rows that can be used.
        bad: Rows that cannot.
    """

    kind: Kind
    name: str
    digest: str
    notes: Sequence[str]
    count: int
    bad: int

    def __init__(
        self, kind: Kind, name: str, scan: Callable[[Any], Iterator[MappedRecord]], progress: Progress | None = None
    ) -> None:
        self.kind = kind
        self.name = name
        self._user_class = user_class(kind)
        self._scan = scan
        self.digest = ""
        self.notes = ()
        self._duplicates: dict[int, list[int]] = {}
        self._check(Progress() if progress is None else progress)

    @classmethod
    def read(
        cls,
        path: str | PathLike[str],
        kind: Kind,
        *,
        columns: ColumnMap | Mapping[str, Any] | None = None,
        strict: bool = False,
        progress: Progress | None = None,
    ) -> Desired:
        """Check a file, CSV with a header or JSON Lines, UTF-8 with or without a byte order mark.

        Args:
            path: The file. ``.jsonl`` and ``.ndjson`` are JSON Lines, as is one that starts with ``{``.
            kind: ``connect`` or ``pod``.
            columns: What the file's columns mean: a map, or a table as ``ColumnMap.of`` takes it, such as
                ``{"E-Mail": "email", "Nr": None}``.
            strict: Refuse the file if any row of it is wrong.
            progress: Told how many rows were checked.

        Raises:
            JobError: The file cannot be read, its header does not fit, or (strict) a row is wrong.
        """
        path = Path(path)
        column_map = columns if isinstance(columns, ColumnMap) else ColumnMap.of(columns or {}, kind)
        if column_map.kind != kind:
            raise JobRefused(f"the column map is for {column_map.kind} users, and {path} is read for {kind} users")
        reader = reader_of(path)
        binding = bound(path, reader, column_map)
        desired = cls(kind, path.name, mapped_records(path, reader, column_map, binding), progress)
        desired.notes = binding.notes
        if strict and desired.bad:
            problems = [str(problem) for problem, _ in zip(desired.problems(), range(3), strict=False)]
            raise unreadable(
                f"{path}: {desired.bad} wrong rows, and --strict takes none; the first: {'; '.join(problems)}"
            )
        return desired

    @classmethod
    def of(cls, records: Iterable[Mapping[str, object]], kind: Kind) -> Desired:
        """The same from records in memory, by the API's column names; their lines count from 1."""
        held = [dict(record) for record in records]

        def scan(digest: Any) -> Iterator[MappedRecord]:
            for line, record in enumerate(held, 1):
                try:
                    digest.update(orjson.dumps(record, option=orjson.OPT_SORT_KEYS))
                except TypeError as error:
                    raise unreadable(f"record {line} is not JSON: {error}") from None
                yield line, record, ()

        return cls(kind, "records", scan)

    def rows(self) -> Iterator[WantedRow]:
        """The rows that can be used, in the order of the file."""
        for item in self._checked():
            if isinstance(item, WantedRow):
                yield item

    def problems(self) -> Iterator[Problem]:
        """All that is wrong, in the order of the file; a row may have several."""
        for item in self._checked():
            if not isinstance(item, WantedRow):
                yield from item

    def checked_rows(self) -> Iterator[WantedRow | list[Problem]]:
        """Rows and, in the place of each wrong row, its problems."""
        return self._checked()

    def _check(self, progress: Progress) -> None:
        progress.begin("checking the file")
        seen: set[int] = set()
        twice: set[int] = set()
        count = bad = 0
        for _, user, wrong, keys in progress.each(self._records()):
            if user is None or wrong:
                bad += 1
            else:
                count += 1
            for key in map(hash, keys):
                (twice if key in seen else seen).add(key)
        del seen
        if twice:
            lines: dict[int, list[int]] = defaultdict(list)
            for line, _, _, keys in self._records():
                for key in map(hash, keys):
                    if key in twice and len(lines[key]) <= _TOLD + 1:
                        lines[key].append(line)
            self._duplicates = dict(lines)
            count = bad = 0
            for item in self._checked():
                if isinstance(item, WantedRow):
                    count += 1
                else:
                    bad += 1
        self.count, self.bad = count, bad

    def _records(self) -> Iterator[tuple[int, User | None, list[tuple[str, str]], tuple[str, ...]]]:
        """Line, user, what is wrong by column, and the keys, of each row."""
        user_type = self._user_class
        digest = hashlib.sha256()
        for line, cells, unmapped in self._scan(digest):
            if unmapped and not unmapped[0][0]:
                yield line, None, [*unmapped], ()
                continue
            user, wrong = user_type.check(cells)
            if unmapped:
                told = {column for column, _ in unmapped}
                user, wrong = None, [*unmapped, *(each for each in wrong if each[0] not in told)]
            # A wrong row still takes part in the search for duplicates: which of the two was meant, nobody knows.
            yield line, user, wrong, keys_of(cells, user_type, skeleton) if user is None else user.identities()
        found = digest.hexdigest()
        if self.digest and found != self.digest:
            raise JobRefused(f"{self.name} was changed while it was being read; run the command again")
        self.digest = found

    def _checked(self) -> Iterator[WantedRow | list[Problem]]:
        for line, user, wrong, keys in self._records():
            problems = [Problem(line, column, reason) for column, reason in wrong]
            if self._duplicates:
                for key in keys:
                    others = [other for other in self._duplicates.get(hash(key), ()) if other != line]
                    if others:
                        shown = ", ".join(map(str, others[:_TOLD])) + (" and more" if len(others) > _TOLD else "")
                        problems.append(Problem(line, key.partition(":")[0], f"is also that of line {shown}"))
            if user is None or problems:
                yield problems
            else:
                yield WantedRow(line, user)
