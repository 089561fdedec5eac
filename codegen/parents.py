"""Parents that list their children: a schema that is one of several, each of which extends it."""

from __future__ import annotations

from typing import Any, Final

from .references import SCHEMAS

_CHOICE: Final = ("oneOf", "anyOf", "discriminator")


def without_circles(document: dict[str, Any]) -> dict[str, Any]:
    """A copy of a document in which each such parent is the choice alone, and its children hold what it holds.

    Read as they are written, parent and child would be composed of each other without end.
    """
    schemas = (document.get("components") or {}).get("schemas") or {}
    parents = {name for name, schema in schemas.items() if _lists_children(name, schema, schemas)}
    if not parents:
        return document
    plain = {
        name: _choice_alone(schema) if name in parents else _with_own(schema, parents, schemas)
        for name, schema in schemas.items()
    }
    return {**document, "components": {**document["components"], "schemas": plain}}


def _lists_children(name: str, schema: Any, schemas: dict[str, Any]) -> bool:
    if not isinstance(schema, dict) or not (schema.get("properties") or schema.get("allOf")):
        return False
    choices = [part for key in ("oneOf", "anyOf") for part in schema.get(key) or []]
    return bool(choices) and all(_extends(schemas.get(_name(part)), name) for part in choices)


def _extends(schema: Any, parent: str) -> bool:
    return isinstance(schema, dict) and any(_name(part) == parent for part in schema.get("allOf") or [])


def _name(part: Any) -> str:
    reference = part.get("$ref", "") if isinstance(part, dict) else ""
    return str(reference).removeprefix(f"{SCHEMAS}/") if str(reference).startswith(f"{SCHEMAS}/") else ""


def _choice_alone(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key in (*_CHOICE, "description", "deprecated", "nullable")}


def _with_own(schema: Any, parents: set[str], schemas: dict[str, Any]) -> Any:
    if not isinstance(schema, dict) or not any(_name(part) in parents for part in schema.get("allOf") or []):
        return schema
    parts = [
        {key: value for key, value in schemas[_name(part)].items() if key not in _CHOICE}
        if _name(part) in parents
        else part
        for part in schema["allOf"]
    ]
    return {**schema, "allOf": parts}
