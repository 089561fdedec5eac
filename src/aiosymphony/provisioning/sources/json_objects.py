"""JSON: an object a line, objects over several lines, an array of objects, or an object with one such array in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

import attrs
import orjson

from .base import MAX_LINE, Contents, Opened, Options, ReadAs, Record, unreadable
from .content import Content
from .reader import Reader

__all__ = ["JSON_OBJECTS"]

_LINES: Final = frozenset({".jsonl", ".ndjson"})
_MARK: Final = b"\xef\xbb\xbf"
_BLOCK: Final = 1 << 16
_NEWLINE: Final = b"\n"
_MAX_DEPTH: Final = 1000
# A whole string, the beginning of one that is not closed, or a bracket.
_TOKEN: Final = re.compile(rb'"(?:[^"\\\n]++|\\.)*+"|["{}\[\]]', re.DOTALL)
_CLOSES: Final = {b"}": ord("{"), b"]": ord("[")}


def _open(content: Content, _options: Options) -> Opened:
    if b"\0" in content.first[:4]:
        raise unreadable(f"{content.where} is UTF-16 or UTF-32, and JSON is UTF-8: save it so")
    if _is_lines(content):
        return Opened(ReadAs("JSON Lines"), lambda: Contents(None, _lines(content)))
    name = _array_in(content)
    told = "JSON objects" if name is None else f"JSON array {name}".strip()
    return Opened(ReadAs(told), lambda: Contents(None, _objects(content, name)))


# An object a line.


def _is_lines(content: Content) -> bool:
    whole = (line for _, line in _raw_lines(content) if line is None or line.strip())
    first, second = next(whole, b""), next(whole, b"")
    if first is None:
        return PurePath(content.name).suffix.lower() in _LINES
    if not first.lstrip().startswith((b"{", b"[")):
        return True  # By its name; each line is told to be wrong.
    if second is not None and second.strip() == b"{":
        return False
    try:
        value = orjson.loads(first)
    except ValueError:
        # Over several lines, unless the next line begins anew.
        begins = first.lstrip().startswith(b"{") and first.strip() != b"{"
        return begins and (not second or second.startswith(b"{"))
    if isinstance(value, list):
        return second != b""
    return second != b"" or PurePath(content.name).suffix.lower() in _LINES or not any(map(_is_array, value.values()))


def _is_array(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _raw_lines(content: Content) -> Iterator[tuple[int, bytes | None]]:
    """The lines as bytes; None for one that is too long."""
    with content.open() as file:
        number = 0
        while line := file.readline(MAX_LINE):
            number += 1
            if number == 1:
                line = line.removeprefix(_MARK)
            if len(line) < MAX_LINE or line.endswith(b"\n"):
                yield number, line
                continue
            while (rest := file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
            yield number, None


def _lines(content: Content) -> Iterator[Record]:
    for number, line in _raw_lines(content):
        if line is None or line.strip():
            yield _record(number, line)


def _record(line: int, text: bytes | None) -> Record:
    if text is None:
        return line, {}, f"is longer than {MAX_LINE} bytes"
    try:
        record = orjson.loads(text)
    except ValueError as error:
        return line, {}, f"is not JSON: {error}"
    return (line, record, "") if isinstance(record, dict) else (line, {}, "is not a JSON object")


# Objects over several lines, alone or in an array.


def _array_in(content: Content) -> str | None:
    """The name of the array that holds the objects: empty if it has none; None if they are in no array."""
    if content.first.removeprefix(_MARK).lstrip().startswith(b"["):
        return ""
    found: dict[str, None] = {}
    key = b""
    begun = 0
    for event in _walk(content, 2):
        if event.within == b"":
            begun += event.kind == "open"
            if begun > 1:
                return None
        elif event.within == b"{" and event.kind == "text":
            key = event.text or b""
        elif event.within == b"{[" and event.kind == "item" and (event.text or b"{").startswith(b"{"):
            found[_name(key)] = None
    if len(found) > 1:
        raise unreadable(f"{content.where} has several arrays of objects: keep one of {', '.join(map(repr, found))}")
    return next(iter(found), None)


def _name(key: bytes) -> str:
    try:
        return str(orjson.loads(key))
    except ValueError:
        return key.decode("utf-8", "replace")


def _objects(content: Content, name: str | None) -> Iterator[Record]:
    within = b"" if name is None else b"{[" if name else b"["
    key = b""
    for event in _walk(content, len(within)):
        if event.within == b"{" and event.kind == "text":
            key = event.text or b""
        elif event.within == within and event.kind in {"item", "text", "other"} and (not name or _name(key) == name):
            yield _record(event.line, event.text)


@attrs.frozen
class _Event:
    kind: str
    within: bytes
    line: int
    text: bytes | None


def _walk(content: Content, leaf: int) -> Iterator[_Event]:
    """What stands in a JSON text: strings and brackets down to a depth, and there whole values.

    Raises:
        JobRefused: Its brackets or quotes do not fit, or it ends too early.
    """
    text, at, line, counted, gap = b"", 0, 1, 0, 0
    item: int | None = None
    began = 1
    overlong = False
    stack = bytearray()

    def broken(why: str) -> Exception:
        return unreadable(f"{content.where} is not JSON: line {line + text.count(_NEWLINE, counted, at)} {why}")

    with content.open() as file:
        ended = False
        while not ended:
            block = file.read(_BLOCK)
            ended = not block
            keep = min(at, gap if item is None else item)
            if counted < keep:
                line += text.count(b"\n", counted, keep)
                counted = keep
            text = text[keep:] + block
            at, counted, gap = at - keep, counted - keep, gap - keep
            item = None if item is None else item - keep
            if not line - 1 and not counted and text.startswith(_MARK):
                text = text.removeprefix(_MARK)
            for match in _TOKEN.finditer(text, at):
                token, start = match.group(), match.start()
                if token == b'"':
                    at = start
                    if ended or b"\n" in text[start:]:
                        raise broken("has a text that is not closed")
                    if len(text) - start > MAX_LINE:
                        raise broken(f"has a text of more than {MAX_LINE} bytes")
                    break
                if item is None:
                    if len(stack) == leaf and (other := text[gap:start].strip(b", \t\r\n")):
                        begins = text.index(other, gap)
                        line += text.count(b"\n", counted, begins)
                        counted = begins
                        yield _Event("other", bytes(stack), line, other)
                    gap = match.end()
                at = match.end()
                kind = token[:1]
                if kind == b'"':
                    if item is None and len(stack) <= leaf:
                        line += text.count(b"\n", counted, start)
                        counted = start
                        yield _Event("text", bytes(stack), line, token)
                elif kind in b"{[":
                    if item is None and len(stack) == leaf:
                        line += text.count(b"\n", counted, start)
                        counted, item, began, overlong = start, start, line, False
                    elif item is None:
                        yield _Event("open", bytes(stack), line, token)
                    stack += kind
                    if len(stack) > _MAX_DEPTH:
                        raise broken(f"is nested more than {_MAX_DEPTH} levels deep")
                else:
                    if not stack or stack.pop() != _CLOSES[kind]:
                        raise broken(f"has a {kind.decode()} that closes nothing")
                    if item is not None and len(stack) == leaf:
                        yield _Event("item", bytes(stack), began, None if overlong else text[item:at])
                        item, gap = None, at
            else:
                at = len(text)
            if item is not None and at - item > MAX_LINE:
                overlong, item = True, at
            if item is None and at - gap > MAX_LINE:
                raise broken(f"has more than {MAX_LINE} bytes that are no object")
        if stack:
            raise unreadable(f"{content.where} is not JSON: it ends before all that was opened is closed")
        if not leaf and (other := text[gap:].strip(b", \t\r\n\0")):
            yield _Event("other", b"", line + text.count(b"\n", counted, gap), other)


def _recognises(name: str, first: bytes) -> bool:
    return PurePath(name).suffix.lower() in {*_LINES, ".json"} or first.removeprefix(_MARK).lstrip().startswith(
        (b"{", b"[")
    )


JSON_OBJECTS: Final = Reader(_recognises, _open)
