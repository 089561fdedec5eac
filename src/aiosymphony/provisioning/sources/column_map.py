"""Which column of a file is which of the API's."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path

import orjson

from ..rows.base import Kind
from ..rows.registry import user_class
from .base import unreadable

__all__ = ["check_map", "header_columns", "read_map"]

_SECRETS = frozenset({"password", "hsalt", "hpassword", "khsalt", "khpassword", "currentkey", "previouskey"})


def read_map(path: str | PathLike[str]) -> dict[str, str | None]:
    """Read a column map: a TOML table or a JSON object of the file's column names to the API's.

    In TOML the table may be called ``columns``; an empty name (JSON: null) leaves the column out.
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
    return {name: value or None for name, value in table.items()}


def header_columns(path: Path, names: list[str], kind: Kind, renames: Mapping[str, str | None]) -> list[str | None]:
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
            raise unreadable(f"{path}: the column {name!r} is not taken, because a job keeps no secrets; leave it out")
        else:
            raise unreadable(
                f"{path}: the header's column {name!r} is none of {kind} users{_near(name, known)}; "
                "rename it, or name it in a --map file"
            )
    used = [name for name in header if name is not None]
    for name in used:
        if used.count(name) > 1:
            raise unreadable(f"{path}: the header has the column {name!r} twice")
    lacking = [name for name, column in known.items() if column.required and name not in used]
    if lacking:
        raise unreadable(f"{path}: the header lacks {', '.join(lacking)}; the first line must name the columns")
    return header


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def check_map(renames: Mapping[str, str | None], kind: Kind) -> None:
    """Check that a column map names columns that there are.

    Raises:
        JobError: It does not.
    """
    known = user_class(kind).columns()
    for ours, theirs in renames.items():
        if theirs is not None and theirs not in known:
            raise unreadable(
                f"the column map sends {ours!r} to {theirs!r}, which is no column of {kind} users{_near(theirs, known)}"
            )
