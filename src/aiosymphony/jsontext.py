"""JSON that orjson does not handle: integers of any size, and deep values.

orjson reads and writes nearly all of it. This module is for the rest: orjson reads integers beyond 64 bits as floats,
writes NaN as null, reads 1,024 levels and writes 254.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import orjson

__all__ = ["MAX_DEPTH", "MAX_WRITTEN", "ExactFloat", "NotJsonError", "digits", "dump", "finite", "holds_null",
           "is_deeper", "may_be_integer", "parse_exactly"]  # fmt: skip

MAX_DEPTH = 200
"""Most nested levels of objects and arrays in a value without a documented shape."""

MAX_WRITTEN = 254
"""Most nested levels that can be written."""

# No dates: the Pod API counts milliseconds, and orjson would write ISO 8601.
STRICT = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS

holds_null = re.compile(b"null").search
"""Whether a text may hold a null; a scan is cheap next to parsing."""

_LEAST, _GREATEST = -(2.0**63), 2.0**64


class NotJsonError(ValueError):
    """A value cannot be written as JSON; the message names it."""


class ExactFloat(float):
    """A float that was a float in the text, too."""

    __slots__ = ()


def may_be_integer(value: float) -> bool:
    """Whether a float that orjson read may have been an integer beyond 64 bits."""
    return type(value) is float and not _LEAST < value < _GREATEST


def parse_exactly(content: bytes, floats: type[float] = ExactFloat) -> Any:
    """Parse JSON with integers of any size.

    Args:
        content: The text.
        floats: The type of its floats.

    Raises:
        ValueError: It is no JSON, or an integer has thousands of digits.
        RecursionError: It is nested too deep.
    """
    return json.loads(content, parse_float=floats)


def is_deeper(value: Any, levels: int) -> bool:
    """Whether objects and arrays are nested more than ``levels`` deep, or without end."""
    row: dict[int, Any] = {id(value): value} if isinstance(value, Mapping | list | tuple) else {}
    for _ in range(levels):
        if not row:
            return False
        row = {
            id(item): item
            for holder in row.values()
            for item in (holder.values() if isinstance(holder, Mapping) else holder)
            if isinstance(item, Mapping | list | tuple)
        }
    return bool(row)


def dump(value: Any, name: str, default: Callable[[Any], Any], option: int = STRICT) -> bytes:
    """Write a value as JSON, with integers of any size.

    Args:
        value: What to write.
        name: What messages call it.
        default: Converts a value of a type that JSON lacks, or raises TypeError.
        option: Options of orjson.

    Raises:
        NotJsonError: Something in it is not JSON, such as a date object, NaN or an object that holds itself; the
            message says where it stands.
    """
    try:
        content = orjson.dumps(value, default=default, option=option)
    except TypeError:
        pass
    else:
        if not holds_null(content):  # what is not finite becomes null, and next to nothing else does
            return content
    try:
        return orjson.dumps(_writable(name, value, default, MAX_WRITTEN), option=option)
    except RecursionError:
        msg = f"{name}: holds itself, or is nested more than {MAX_WRITTEN} levels deep"
    except (TypeError, AttributeError) as error:  # keys that are no text; a model that holds no values of its types
        msg = f"{name}: {error}"
    raise NotJsonError(msg)


def _writable(path: str, value: Any, default: Callable[[Any], Any], levels: int) -> Any:
    """A copy of a value in which integers beyond 64 bits have a form that orjson accepts."""
    if isinstance(value, dict | list | tuple):
        if not levels:
            raise RecursionError
        if isinstance(value, dict):
            return {key: _writable(f"{path}.{key}", item, default, levels - 1) for key, item in value.items()}
        return [_writable(f"{path}[{index}]", item, default, levels - 1) for index, item in enumerate(value)]
    if isinstance(value, float):
        return float(finite(path, value))
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return orjson.Fragment(digits(path, value))
    try:
        orjson.dumps(value, option=STRICT)
    except TypeError as error:
        try:
            replaced = default(value)
        except TypeError:
            raise NotJsonError(f"{path}: {error}") from None
        return _writable(path, replaced, default, levels)
    return value


def digits(name: str, value: int) -> str:
    """The digits of an integer.

    Raises:
        NotJsonError: It has thousands of them.
    """
    try:
        return int.__repr__(value)
    except ValueError:
        raise NotJsonError(f"{name}: an integer of thousands of digits cannot be sent") from None


def finite(name: str, value: float) -> float:
    """The number itself.

    Raises:
        NotJsonError: It is infinite or NaN.
    """
    if not isfinite(value):
        raise NotJsonError(f"{name}: {float(value)} is no number that can be sent")
    return value
