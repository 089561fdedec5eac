"""The desired state: a file of people, checked row by row, streamed.

The file is read once to check it and once more each time its rows are wanted; what is kept in memory meanwhile is one
number per key. Every wrong row is reported with its line, and none of them stops the others.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import attrs
import orjson

from ..errors import JobError
from .cells import plain
from .rows import Kind, User, keys_of, user_class

__all__ = ["Desired", "Problem", "WantedRow", "read_map"]

MAX_LINE = 1 << 20
"""Bytes of one line beyond which it is refused without being read whole."""
_JSON_SUFFIXES = frozenset({".jsonl", ".ndjson"})
_SECRETS = frozenset({"password", "hsalt", "hpassword", "khsalt", "khpassword", "currentkey", "previouskey"})


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


# A record as the file gives it: its line, its cells by column, and what is wrong with it as a whole.
_Record = tuple[int, Mapping[str, object], str]


class Desired:
    """What the tenant shall hold; made by ``read`` from a file, or by ``of`` from records in memory.

    Attributes:
        kind: ``connect`` or ``pod``: which columns there are.
        name: The file's name, for messages.
        digest: SHA-256 of the file; a plan or a job made from another content is told apart by it.
        count: Rows that can be used.
        bad: Rows that cannot.
    """

    kind: Kind
    name: str
    digest: str
    count: int
    bad: int

    def __init__(self, kind: Kind, name: str, scan: Callable[[Any], Iterator[_Record]]) -> None:
        self.kind = kind
        self.name = name
        self._user_class = user_class(kind)
        self._scan = scan
        self.digest = ""
        self._duplicates: dict[int, list[int]] = {}
        self._check()

    @classmethod
    def read(
        cls,
        path: str | PathLike[str],
        kind: Kind,
        *,
        columns: Mapping[str, str | None] | None = None,
        strict: bool = False,
    ) -> Desired:
        """Check a file, CSV with a header or JSON Lines, UTF-8 with or without a byte order mark.

        Args:
            path: The file. ``.jsonl`` and ``.ndjson`` are JSON Lines, as is one that starts with ``{``.
            kind: ``connect`` or ``pod``.
            columns: Names of the file's columns to names of the API's; None for a column to be left out.
            strict: Refuse the file if any row of it is wrong.

        Raises:
            JobError: The file cannot be read, its header does not fit, or (strict) a row is wrong.
        """
        path = Path(path)
        renames = dict(columns or {})
        known = user_class(kind).columns()
        for ours, theirs in renames.items():
            if theirs is not None and theirs not in known:
                near = _near(theirs, known)
                raise _wrong(f"the column map sends {ours!r} to {theirs!r}, which is no column of {kind} users{near}")
        first = _first_bytes(path)
        if first.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise _wrong(f"{path} is UTF-16: save it as UTF-8")
        as_json = path.suffix.lower() in _JSON_SUFFIXES or first.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
        scan = _scan_json if as_json else _scan_csv
        desired = cls(kind, path.name, lambda digest: scan(path, kind, renames, digest))
        if strict and desired.bad:
            problems = [str(problem) for problem, _ in zip(desired.problems(), range(3), strict=False)]
            raise _wrong(f"{path}: {desired.bad} wrong rows, and --strict takes none; the first: {'; '.join(problems)}")
        return desired

    @classmethod
    def of(cls, records: Iterable[Mapping[str, object]], kind: Kind) -> Desired:
        """The same from records in memory, by the API's column names; their lines count from 1."""
        held = [dict(record) for record in records]

        def scan(digest: Any) -> Iterator[_Record]:
            for line, record in enumerate(held, 1):
                try:
                    digest.update(orjson.dumps(record, option=orjson.OPT_SORT_KEYS))
                except TypeError as error:
                    raise _wrong(f"record {line} is not JSON: {error}") from None
                yield line, record, ""

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

    def both(self) -> Iterator[WantedRow | list[Problem]]:
        """Rows and, in the place of each wrong row, its problems."""
        return self._checked()

    def _check(self) -> None:
        seen: set[int] = set()
        twice: set[int] = set()
        count = bad = 0
        for _, user, wrong, keys in self._records():
            if user is None or wrong:
                bad += 1
            else:
                count += 1
            for key in keys:
                (twice if key in seen else seen).add(key)
        del seen
        if twice:
            lines: dict[int, list[int]] = defaultdict(list)
            for line, _, _, keys in self._records():
                for key in keys:
                    if key in twice:
                        lines[key].append(line)
            self._duplicates = dict(lines)
            count = bad = 0
            for item in self._checked():
                if isinstance(item, WantedRow):
                    count += 1
                else:
                    bad += 1
        self.count, self.bad = count, bad

    def _records(self) -> Iterator[tuple[int, User | None, list[tuple[str, str]], tuple[int, ...]]]:
        """Line, user, what is wrong by column, and the hashes of the keys, of each row."""
        user_type = self._user_class
        digest = hashlib.sha256()
        for line, cells, broken in self._scan(digest):
            if broken:
                yield line, None, [("", broken)], ()
                continue
            user, wrong = user_type.check(cells)
            # A wrong row still takes part in the search for duplicates: which of the two was meant, nobody knows.
            keys = keys_of(user.to_dict() if user is not None else cells, user_type)
            yield line, user, wrong, tuple(map(hash, keys))
        found = digest.hexdigest()
        if self.digest and found != self.digest:
            raise JobError(f"{self.name} was changed while it was being read; run the command again", exit_code=64)
        self.digest = found

    def _checked(self) -> Iterator[WantedRow | list[Problem]]:
        names = [name for name, known in self._user_class.columns().items() if known.key]
        for line, user, wrong, keys in self._records():
            problems = [Problem(line, column, reason) for column, reason in wrong]
            if self._duplicates:
                for name, key in zip(names, keys, strict=False):
                    others = [other for other in self._duplicates.get(key, ()) if other != line]
                    if others:
                        shown = ", ".join(map(str, others[:5])) + (" and more" if len(others) > 5 else "")
                        problems.append(Problem(line, name, f"is also that of line {shown}"))
            if user is None or problems:
                yield problems
            else:
                yield WantedRow(line, user)


def read_map(path: str | PathLike[str]) -> dict[str, str | None]:
    """Read a column map: a TOML table or a JSON object of the file's column names to the API's.

    In TOML the table may be called ``columns``; an empty name (JSON: null) leaves the column out.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        table = tomllib.loads(content.decode()) if path.suffix.lower() == ".toml" else orjson.loads(content)
    except OSError as error:
        raise _wrong(f"the column map {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise _wrong(f"the column map {path} is not readable: {error}") from None
    table = table.get("columns", table) if isinstance(table, dict) else None
    if not isinstance(table, dict) or not all(value is None or isinstance(value, str) for value in table.values()):
        raise _wrong(f"the column map {path} must map column names to column names")
    return {name: value or None for name, value in table.items()}


def file_digest(path: str | PathLike[str]) -> str:
    """SHA-256 of a file, as a plan and a journal remember it."""
    digest = hashlib.sha256()
    for _ in _lines(Path(path), digest):
        pass
    return digest.hexdigest()


def _lines(path: Path, digest: Any) -> Iterator[tuple[bytes, bool]]:
    """The file's lines as bytes, and whether one is too long (then empty); feeds the digest."""
    try:
        with path.open("rb") as file:
            first = True
            while piece := file.readline(MAX_LINE):
                digest.update(piece)
                if first:
                    piece = piece.removeprefix(b"\xef\xbb\xbf")
                    first = False
                if len(piece) < MAX_LINE or piece.endswith(b"\n"):
                    yield piece, False
                    continue
                while rest := file.readline(MAX_LINE):
                    digest.update(rest)
                    if rest.endswith(b"\n"):
                        break
                yield b"\n", True
    except OSError as error:
        raise _wrong(f"{path} cannot be read: {error.strerror}") from None


def _first_bytes(path: Path) -> bytes:
    for piece, _ in _lines(path, hashlib.sha256()):
        return piece[:4096]
    raise _wrong(f"{path} is empty")


def _scan_csv(path: Path, kind: Kind, renames: Mapping[str, str | None], digest: Any) -> Iterator[_Record]:
    overlong = False

    def lines() -> Iterator[str]:
        nonlocal overlong
        for piece, too_long in _lines(path, digest):
            overlong = overlong or too_long
            # Bytes that are no UTF-8 become surrogates here, and an error of their row when it is checked.
            yield piece.decode("utf-8", "surrogateescape")

    source = lines()
    header_line = next(source, "")
    if not header_line.isascii() and any("\udc80" <= letter <= "\udcff" for letter in header_line):
        raise _wrong(f"{path} is not UTF-8: save it as 'CSV UTF-8', or convert it")
    names = next(csv.reader([header_line], delimiter=_delimiter(header_line), strict=True))
    header = _header(path, names, kind, renames)
    reader = csv.reader(source, delimiter=_delimiter(header_line), strict=True)
    while True:
        line = reader.line_num + 2
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            last = reader.line_num + 1
            where = "" if last <= line else f" (lines {line} to {last})"
            yield line, {}, f"is not CSV: {error}{where}"
            continue
        if overlong:
            overlong = False
            yield line, {}, f"is longer than {MAX_LINE} bytes"
        elif len(cells) == len(header):
            yield line, {name: plain(cell) for name, cell in zip(header, cells, strict=True) if name is not None}, ""
        elif any(cell.strip() for cell in cells):
            yield line, {}, f"has {len(cells)} cells where the header has {len(header)}"


def _delimiter(header: str) -> str:
    # Spreadsheets write semicolons where the comma is the decimal sign.
    return "," if "," in header else next((mark for mark in ";\t" if mark in header), ",")


def _header(path: Path, names: list[str], kind: Kind, renames: Mapping[str, str | None]) -> list[str | None]:
    """The API's column for each of the file's; None for those that are left out."""
    known = user_class(kind).columns()
    folded = {name.casefold(): name for name in known}
    header: list[str | None] = []
    for raw in names:
        name = raw.strip()
        if name in renames:
            header.append(renames[name])
        elif name.startswith("_"):  # The report's own columns, in a file of failed rows that comes back.
            header.append(None)
        elif name.casefold() in folded:
            header.append(folded[name.casefold()])
        elif name.casefold() in _SECRETS:
            raise _wrong(f"{path}: the column {name!r} is not taken, because a job keeps no secrets; leave it out")
        else:
            raise _wrong(
                f"{path}: the header's column {name!r} is none of {kind} users{_near(name, known)}; "
                "rename it, or name it in a --map file"
            )
    used = [name for name in header if name is not None]
    for name in used:
        if used.count(name) > 1:
            raise _wrong(f"{path}: the header has the column {name!r} twice")
    lacking = [name for name, column in known.items() if column.required and name not in used]
    if lacking:
        raise _wrong(f"{path}: the header lacks {', '.join(lacking)}; the first line must name the columns")
    return header


def _scan_json(path: Path, kind: Kind, renames: Mapping[str, str | None], digest: Any) -> Iterator[_Record]:
    known = user_class(kind).columns()
    for line, (piece, too_long) in enumerate(_lines(path, digest), 1):
        if too_long:
            yield line, {}, f"is longer than {MAX_LINE} bytes"
            continue
        if not piece.strip():
            continue
        try:
            record = orjson.loads(piece)
        except ValueError as error:
            yield line, {}, f"is not JSON: {error}"
            continue
        if not isinstance(record, dict):
            yield line, {}, "is not a JSON object"
            continue
        cells = {}
        for name, value in record.items():
            ours = renames.get(name, name)
            if ours is None or (name.startswith("_") and ours not in known):
                continue
            cells[ours] = value
        yield line, cells, ""


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _wrong(message: str) -> JobError:
    return JobError(message, exit_code=64)
