"""What one schema says by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def is_json(media: str) -> bool:
    """Whether a media type is JSON."""
    kind = media.split(";", maxsplit=1)[0].strip().lower()
    return kind in ("application/json", "*/*") or kind.endswith("+json")


def kinds(schema: Json) -> Iterator[str]:
    """The types of JSON that a schema states or implies."""
    stated = schema.get("type")
    if isinstance(stated, str):
        yield stated
    elif isinstance(stated, list):
        yield from stated
    elif "items" in schema:
        yield "array"
    elif "additionalProperties" in schema:
        yield "object"


def enum_of(schema: Json) -> list[str]:
    """The values of an enumeration; empty for what is none."""
    if schema.get("type") in ("boolean", "number", "array", "object"):
        return []
    values = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    return [str(value) for value in values if value is not None]


def filled_by_server(schema: Any) -> bool:
    """Whether a value may be left out although it is required."""
    return isinstance(schema, dict) and (schema.get("readOnly") is True or schema.get("nullable") is True)
