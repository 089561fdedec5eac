"""JSON Lines: an object a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from ..rows.base import Kind
from ..rows.registry import user_class
from .base import MAX_LINE, Reader, Record, lines_of

__all__ = ["JSON_LINES"]

_SUFFIXES = frozenset({".jsonl", ".ndjson"})


def _scan(path: Path, kind: Kind, renames: Mapping[str, str | None], digest: Any) -> Iterator[Record]:
    known = user_class(kind).columns()
    for line, (piece, too_long) in enumerate(lines_of(path, digest), 1):
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


def _recognises(path: Path, first: bytes) -> bool:
    return path.suffix.lower() in _SUFFIXES or first.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")


JSON_LINES: Final = Reader(_recognises, _scan)
