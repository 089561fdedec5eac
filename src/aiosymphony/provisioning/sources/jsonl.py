"""JSON Lines: an object a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from .base import MAX_LINE, Contents, Reader, Record, lines_of

__all__ = ["JSON_LINES"]

_SUFFIXES = frozenset({".jsonl", ".ndjson"})


def _scan(path: Path, digest: Any) -> Contents:
    return Contents(None, _records(path, digest))


def _records(path: Path, digest: Any) -> Iterator[Record]:
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
        yield line, record, ""


def _recognises(path: Path, first: bytes) -> bool:
    return path.suffix.lower() in _SUFFIXES or first.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")


JSON_LINES: Final = Reader(_recognises, _scan)
