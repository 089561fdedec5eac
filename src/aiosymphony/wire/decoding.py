"""Decodes the bytes of an answer to values and models; called by generated code.

Good answers are read in one fast pass. What that pass cannot read is read again by a slower one, which also finds the
place of an error.

The garbage collector waits while an answer of some size is read. Reading makes objects and no cycles, and frees most of
the objects again. The collector would go through them in vain, and ever again through all that the caller keeps of a
long listing, which takes longer than the reading. Nothing is awaited meanwhile, so the collector waits for milliseconds
and for the objects of one answer. Where the host has turned it off, it stays off.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator, Mapping
from types import NoneType
from typing import Any, Final, NamedTuple, TypeVar

import orjson

from ..errors import DecodeError
from ..jsontext import MAX_DEPTH, MAX_WRITTEN, ExactFloat, holds_null, is_deeper, may_be_integer, parse_exactly
from .models import TextInt
from .operation import Operation

M = TypeVar("M")

_INT64_TEXT = re.compile(r"-?[0-9]{1,19}", re.ASCII).fullmatch
_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
_BLANK = b" \t\r\n"
_LEAVES = frozenset({str, int, bool, NoneType})
_are_leaves = _LEAVES.issuperset
_COLLECTED: Final = 1 << 12
"""Bytes of an answer from which on the garbage collector waits: fewer do not make objects enough for it to run."""
_KINDS = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", NoneType: "null"}


def decode_int(value: Any) -> Any:
    """An integer's slow path: digits in a string become a number; anything else is returned unchanged."""
    return TextInt(value) if isinstance(value, str) and _INT64_TEXT(value) else plain(value)


def decode_ints(values: Any) -> Any:
    """An array of integers, in which digits in strings become numbers."""
    for value in array(values):
        if type(value) is not int:
            return [decode_int(value) for value in values]
    return values


def array(value: Any) -> Any:
    """The value if it is a JSON array; strings and objects can be iterated too, and are refused."""
    if not isinstance(value, list):
        raise TypeError("expected an array")
    return value


def mapping(value: Any) -> Any:
    """The value if it is a JSON object."""
    if not isinstance(value, dict):
        raise TypeError("expected an object")
    return value


def extra(leftover: dict[str, Any]) -> Any:
    """The fields of an object that are left when its known fields are taken."""
    if type(leftover) is _NullKeeper:
        leftover = {**leftover, **leftover.nulls}
    if type(leftover) is dict and _are_leaves(map(type, leftover.values())):
        return leftover
    return plain(leftover, -1)


def plain(value: Any, depth: int = 0) -> Any:
    """A value without a documented shape, as the JSON parser makes it.

    Raises:
        ValueError: It is nested too deep, or holds a number that must be read from the text again.
    """
    kind = type(value)
    if kind in _LEAVES:
        return value
    if isinstance(value, dict | list):
        if depth == MAX_DEPTH:
            raise ValueError("nested too deep")
        if isinstance(value, dict):
            return {key: plain(item, depth + 1) for key, item in dict.items(value)}
        return [plain(item, depth + 1) for item in value]
    if kind is ExactFloat:
        return float(value)
    if kind is float and may_be_integer(value):
        raise ValueError("rounded")
    return value


def read(operation: Operation[..., Any], status: int, content: bytes, decode: Callable[[Any], M]) -> M:
    """Parse a JSON answer and decode it.

    Raises:
        DecodeError: It is not JSON, or not of the documented shape; ``path`` says where.
    """
    if len(content) < _COLLECTED or not gc.isenabled():
        return _read(operation, status, content, decode)
    try:
        gc.disable()
        return _read(operation, status, content, decode)
    finally:
        gc.enable()


def read_optional(operation: Operation[..., Any], status: int, content: bytes, decode: Callable[[Any], M]) -> M | None:
    """As :func:`read`, for an operation whose answer may be empty: a bare ``null`` is None."""
    return None if content.strip(_BLANK) == b"null" else read(operation, status, content, decode)


def _read(operation: Operation[..., Any], status: int, content: bytes, decode: Callable[[Any], M]) -> M:
    try:
        value = orjson.loads(content)
        # A scan costs little next to parsing, and an answer without a null needs no second look.
        return decode(_keeping_nulls(value) if holds_null(content) else value)
    except _UNREADABLE:
        pass
    return _read_slowly(operation, status, content, decode)


def read_dict(source: Mapping[str, Any], decode: Callable[[Any], M]) -> M:
    """Decode a copy of a JSON object, so that the caller's own is not consumed.

    Raises:
        DecodeError: It is not of the documented shape; ``path`` says where.
    """
    try:
        return decode(_keeping_nulls(_copied(source)))
    except _UNREADABLE:
        pass
    if is_deeper(source, MAX_WRITTEN):
        raise DecodeError(f"cannot read the object: it holds itself, or is nested more than {MAX_WRITTEN} levels deep")
    value: Any = source
    try:
        value = _with_exact_floats(source)
        return decode(_keeping_nulls(_copied(value)))
    except _UNREADABLE:
        pass
    path, found = _locate(value, decode)
    raise DecodeError(f"cannot read the object: {found} at {path} does not match the API's document", path=path)


def _read_slowly(operation: Operation[..., Any], status: int, content: bytes, decode: Callable[[Any], M]) -> M:
    """Read an answer again, with integers of any size, or to find what is wrong with it.

    A second pass costs good answers nothing.
    """
    path = "$"
    try:
        value = orjson.loads(content)
        deep = is_deeper(value, MAX_DEPTH)
        value = None if deep else parse_exactly(content)
    except (ValueError, RecursionError) as error:
        why = f"is not JSON ({error})" if content else "is empty"
    else:
        try:
            if not deep:
                return decode(_keeping_nulls(_copied(value)))
        except _UNREADABLE:
            pass
        if deep:
            why = f"is nested more than {MAX_DEPTH} levels deep"
        else:
            path, found = _locate(value, decode)
            why = f"has {found} at {path}, which does not match the API's document"
    value = None  # what prints the locals of a traceback would fail over it
    message = f"the answer (status {status}, {len(content)} bytes) {why}"
    raise DecodeError(message, path=path, status=status, operation=operation)


def _with_exact_floats(value: Any) -> Any:
    """A copy of a caller's value in which each float stays a float: it was not parsed from a text."""
    if isinstance(value, Mapping):
        return {key: _with_exact_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_exact_floats(item) for item in value]
    return ExactFloat(value) if type(value) is float else value


class Variant(NamedTuple):
    """One of several objects that a value may be: its field names, the values that mark it, and its reader."""

    names: frozenset[str]
    marks: Mapping[str, frozenset[Any]]
    decode: Callable[[dict[str, Any]], Any]

    def fit(self, value: Mapping[str, Any]) -> tuple[int, int]:
        """How well an object matches: by its marks first, then by its fields."""
        marks = sum(
            1 if isinstance(value[name], str | int) and value[name] in known else -1
            for name, known in self.marks.items()
            if name in value
        )
        return marks, 2 * len(self.names & value.keys()) - len(self.names)


def decode_union(
    value: Any,
    *variants: Variant,
    array: Callable[[Any], Any] | None = None,
    mapping: Callable[[Any], Any] | None = None,
    text: Callable[[Any], Any] | None = None,
) -> Any:
    """Read a value that may be of several kinds. A value of another kind is returned unchanged."""
    if isinstance(value, dict):
        if variants:
            return max(variants, key=lambda variant: variant.fit(value)).decode(value)
        return mapping(value) if mapping else plain(value)
    if isinstance(value, list):
        return array(value) if array else plain(value)
    return text(value) if text and isinstance(value, str) else plain(value)


class _NullKeeper(dict[str, Any]):
    """An object with nulls, which stay among its other fields when the known ones are taken.

    Attributes:
        nulls: The fields that are null, each with None.
    """

    __slots__ = ("nulls",)
    nulls: dict[str, Any]

    def __bool__(self) -> bool:
        return True

    def items(self) -> Any:
        return {**self, **self.nulls}.items()


def _keeping_nulls(value: Any, levels: int = MAX_WRITTEN) -> Any:
    """The value, in which every object that has a null is made a :class:`_NullKeeper`, in its place.

    Raises:
        ValueError: It is nested too deep to be written again.
    """
    if not levels:
        raise ValueError("nested too deep")
    if type(value) is dict:
        nulls: dict[str, Any] | None = None
        for key, item in value.items():
            kind = type(item)
            if kind is str or kind is int:
                continue  # as most are
            if item is None:
                nulls = {} if nulls is None else nulls
                nulls[key] = None
            elif kind is dict or (kind is list and not _are_leaves(map(type, item))):
                value[key] = _keeping_nulls(item, levels - 1)
        if nulls is not None:
            keeper = _NullKeeper(value)
            keeper.nulls = nulls
            return keeper
    elif type(value) is list:
        for index, item in enumerate(value):
            if type(item) is dict or type(item) is list:
                value[index] = _keeping_nulls(item, levels - 1)
    return value


def _copied(value: Any, levels: int = MAX_WRITTEN) -> Any:
    """A deep copy.

    Raises:
        ValueError: It is nested too deep to be written again.
    """
    if not levels:
        raise ValueError("nested too deep")
    if isinstance(value, dict | Mapping):
        return {key: item if type(item) in _LEAVES else _copied(item, levels - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [item if type(item) in _LEAVES else _copied(item, levels - 1) for item in value]
    return value


class _TracedObject(dict[str, Any]):
    """An object that remembers which of its fields was taken last."""

    __slots__ = ("last",)

    def pop(self, key: str, default: Any = None) -> Any:
        self.last = (f".{key}" if key.isidentifier() else f"[{key!r}]", self.get(key))
        value = super().pop(key, None)
        return default if value is None else value

    def items(self) -> Any:
        for key in list(self):
            self.last = (f".{key}" if key.isidentifier() else f"[{key!r}]", self[key])
            yield key, self[key]


class _TracedArray(list[Any]):
    """An array that remembers which of its items was read last."""

    __slots__ = ("last",)

    def __iter__(self) -> Iterator[Any]:
        for index, item in enumerate(list.__iter__(self)):
            self.last = (f"[{index}]", item)
            yield item


def _traced(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _TracedObject({key: _traced(item) for key, item in value.items()})
    if isinstance(value, list):
        return _TracedArray([_traced(item) for item in value])
    return value


def _locate(source: Any, decode: Callable[[Any], Any]) -> tuple[str, str]:
    """Where decoding fails, and the kind of JSON found there. The value itself is not named: it may be a secret."""
    value = source
    path = "$"
    try:
        value = _traced(source)
        decode(value)
    except _UNREADABLE:
        while (last := getattr(value, "last", None)) is not None:
            path += last[0]
            value = last[1]
    return path, next((kind for json_type, kind in _KINDS.items() if isinstance(value, json_type)), "a number")
