"""What one schema says by itself: which kind of value it describes, and what two schemas say together."""

from __future__ import annotations

import json
from typing import Any

from .problem import CodegenError

SCALARS = {"string", "integer", "number", "boolean"}

_ANNOTATIONS = {
    "default", "deprecated", "description", "discriminator", "example", "examples", "externalDocs", "format",
    "nullable", "readOnly", "title", "writeOnly", "xml", "$comment", "required", "not", "minProperties",
    "maxProperties",
}  # fmt: skip


def structural(schema: dict[str, Any]) -> set[str]:
    """The keys of a schema that shape a value's type; the rest describes or limits it."""
    return {key for key in schema if key not in _ANNOTATIONS and not key.startswith("x-")}


def sole_reference(schema: dict[str, Any]) -> dict[str, Any] | None:
    """The reference that a schema merely wraps, as in ``allOf: [$ref]`` beside a description."""
    for key in ("allOf", "anyOf", "oneOf"):
        parts = [part for part in schema.get(key) or [] if not is_null(part)]
        if len(parts) == 1 and "$ref" in parts[0] and not structural(schema) - {key, "type"}:
            reference: dict[str, Any] = parts[0]
            return reference
    return None


def kinds(schema: dict[str, Any]) -> list[str]:
    """The JSON types that a schema states."""
    stated = schema.get("type")
    return [stated] if isinstance(stated, str) else list(stated or [])


def kind_of(schema: dict[str, Any]) -> str | None:
    """The one JSON type of a schema, stated or implied; None if it may have several."""
    stated = [kind for kind in kinds(schema) if kind != "null"]
    if len(stated) == 1:
        return stated[0]
    if stated or schema.get("oneOf") or schema.get("anyOf"):
        return None
    if any(key in schema for key in ("properties", "additionalProperties", "patternProperties")):
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else None


def is_null(schema: Any) -> bool:
    """Whether a schema describes null alone."""
    return isinstance(schema, dict) and (schema.get("type") == "null" or schema.get("enum") == [None])


def is_nullable(schema: dict[str, Any]) -> bool:
    """Whether a schema allows null, in any of the ways that OpenAPI has had for that."""
    return (
        schema.get("nullable") is True
        or schema.get("x-nullable") is True
        or "null" in kinds(schema)
        or None in (schema.get("enum") or [])
        or any(is_null(part) for key in ("oneOf", "anyOf") for part in schema.get(key) or [])
    )


def enum_values(schema: dict[str, Any]) -> list[str] | list[int] | None:
    """The values of an enumeration that becomes a class: all text or all integers; None if it becomes none."""
    stated = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if not stated or schema.get("oneOf") or schema.get("anyOf"):
        return None
    values = [value for value in stated if value is not None]
    kind = kind_of(schema)
    if kind is None and values:
        if all(isinstance(value, str) for value in values):
            kind = "string"
        elif all(type(value) is int for value in values):
            kind = "integer"
    if kind == "string":
        return list(dict.fromkeys(value if isinstance(value, str) else json.dumps(value) for value in values)) or None
    if kind == "integer":
        try:
            return list(dict.fromkeys(int(value) for value in values)) or None
        except (TypeError, ValueError):
            return None
    return None


def merge(into: dict[str, Any], part: dict[str, Any], place: str) -> None:
    """Add to a schema what another one demands at the same time.

    Raises:
        CodegenError: No value can be of both types.
    """
    for key, value in part.items():
        known = into.get(key)
        if key == "properties":
            merged = dict(known or {})
            for name, schema in (value or {}).items():
                other = merged.get(name, schema)
                merged[name] = schema if _same(other, schema) else {"allOf": [other, schema]}
            into[key] = merged
        elif key == "required" and isinstance(value, list):
            into[key] = [*(known or []), *(name for name in value if name not in (known or []))]
        elif key == "type" and known is not None and known != value:
            into[key] = _common_type(known, value, place)
        elif key == "enum" and known is not None:
            into[key] = [one for one in known if one in value] or value
        elif key in ("items", "additionalProperties") and isinstance(known, dict) and isinstance(value, dict):
            into[key] = value if known in ({}, value) else known if value == {} else {"allOf": [known, value]}
        elif key in ("oneOf", "anyOf") and known:
            into[key] = [*known, *value]
        elif key == "nullable" and known is not None:
            into[key] = known and value
        else:
            into[key] = value


def text(value: Any) -> str:
    """A description, title or the like as text; empty if it was left empty."""
    return value.strip() if isinstance(value, str) else "" if value is None else str(value)


def _same(first: Any, second: Any) -> bool:
    """Whether two schemas say the same, but for descriptions around a reference."""
    if first == second:
        return True
    references = [
        each if "$ref" in each else sole_reference(each) for each in (first, second) if isinstance(each, dict)
    ]
    return len(references) == 2 and references[0] is not None and references[0] == references[1]


def _common_type(first: Any, second: Any, place: str) -> Any:
    left, right = kinds({"type": first}), kinds({"type": second})
    common = [kind for kind in right if kind in left]
    if not common and {*left, *right} <= {"integer", "number"}:
        common = ["integer"]
    if not common:
        raise CodegenError(place, f"allOf of {first} and {second}: no value is both", "Remove one with a fix.")
    return common[0] if len(common) == 1 else common
