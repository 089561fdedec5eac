"""Takes a document as vendors publish it: mends flaws that change nothing, and says where each was.

A flaw is mended if only one meaning is possible, or if what it says is of no use to a client (an example, a default, a
keyword that nobody knows). Each gives a note with its place. What would lose information stays as it is, and is refused
by the checks that follow.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from aiosymphony.apidiff.surface import METHODS

from .problem import pointer

_BOOLEANS: Final = {"true": True, "false": False}

# What each object of OpenAPI holds: another object, several of one in a list ("*name") or by name ("%name"), a boolean
# ("?"), or what needs no look ("").
_OBJECTS: Final[Mapping[str, Mapping[str, str]]] = {
    "document": {
        "openapi": "", "info": "info", "servers": "", "paths": "%path", "components": "components", "security": "",
        "tags": "", "externalDocs": "", "webhooks": "", "jsonSchemaDialect": "",
    },
    "info": {
        "title": "", "summary": "", "description": "", "termsOfService": "", "contact": "", "license": "",
        "version": "",
    },
    "components": {
        "schemas": "%schema", "responses": "%response", "parameters": "%parameter", "examples": "",
        "requestBodies": "%body", "headers": "%header", "securitySchemes": "", "links": "", "callbacks": "",
        "pathItems": "%path",
    },
    "path": {
        "$ref": "", "summary": "", "description": "", "servers": "", "parameters": "*parameter",
        **dict.fromkeys(METHODS, "operation"),
    },
    "operation": {
        "tags": "", "summary": "", "description": "", "externalDocs": "", "operationId": "", "parameters": "*parameter",
        "requestBody": "body", "responses": "%response", "callbacks": "", "deprecated": "?", "security": "",
        "servers": "",
    },
    "parameter": {
        "name": "", "in": "", "description": "", "required": "?", "deprecated": "?", "allowEmptyValue": "?",
        "style": "", "explode": "?", "allowReserved": "?", "schema": "schema", "example": "", "examples": "",
        "content": "%media",
    },
    "header": {
        "description": "", "required": "?", "deprecated": "?", "allowEmptyValue": "?", "style": "", "explode": "?",
        "allowReserved": "?", "schema": "schema", "example": "", "examples": "", "content": "%media",
    },
    "body": {"description": "", "content": "%media", "required": "?"},
    "media": {"schema": "schema", "example": "", "examples": "", "encoding": ""},
    "response": {"description": "", "headers": "%header", "content": "%media", "links": ""},
}  # fmt: skip

_LISTS_OF_SCHEMAS: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAPS_OF_SCHEMAS: Final = ("properties", "patternProperties", "$defs")
_FLAGS: Final = ("nullable", "readOnly", "writeOnly", "deprecated", "uniqueItems")
_KNOWN_IN_30: Final = frozenset({
    "title", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength",
    "pattern", "maxItems", "minItems", "uniqueItems", "maxProperties", "minProperties", "required", "enum", "type",
    "not", "allOf", "oneOf", "anyOf", "items", "properties", "additionalProperties", "description", "format", "default",
    "nullable", "discriminator", "readOnly", "writeOnly", "example", "externalDocs", "deprecated", "xml", "$ref",
})  # fmt: skip
_SHAPING: Final = frozenset({
    "patternProperties", "propertyNames", "if", "then", "else", "dependentRequired", "dependentSchemas", "contains",
    "prefixItems", "unevaluatedProperties", "unevaluatedItems", "additionalItems", "$defs", "definitions", "const",
})  # fmt: skip
_TYPES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict,
    "null": type(None),
}  # fmt: skip


def take_in(document: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A mended copy of an OpenAPI 3 document, and a note for each flaw: its place, and what was done.

    Places are those of the document that is given.
    """
    intake = _Intake(copy.deepcopy(document))
    intake.run()
    return intake.document, intake.notes


class _Intake:
    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.notes: list[str] = []
        self._is_30 = str(document.get("openapi", "")).startswith("3.0")
        self._operation_ids: dict[str, str] = {}

    def run(self) -> None:
        version = self.document.get("info", {}).get("version") if isinstance(self.document.get("info"), dict) else None
        if isinstance(version, int | float) and not isinstance(version, bool):
            self._note(pointer("info", "version"), f"is a number; taken as the text {version}")
            self.document["info"]["version"] = str(version)
        self._object(self.document, "document", "#")
        self._paths()

    def _note(self, place: str, what: str) -> None:
        self.notes.append(f"{place}: {what}")

    # --- objects ---

    def _object(self, value: Any, kind: str, place: str) -> None:
        if not isinstance(value, dict) or ("$ref" in value and kind != "path"):
            return
        known = _OBJECTS[kind]
        for key in list(value):
            below = f"{place}/{_escaped(key)}"
            if key.startswith("x-"):
                continue
            if key not in known:
                self._note(below, f"is no part of {_ARTICLES.get(kind, f'a {kind}')}; left out")
                del value[key]
                continue
            self._part(value, key, known[key], below)
        if kind == "response" and "description" not in value:
            value["description"] = ""
        if kind == "parameter" and value.get("in") == "path" and value.get("required") is not True:
            self._note(place, "is in the path, and so is required")
            value["required"] = True

    def _part(self, holder: dict[str, Any], key: str, kind: str, place: str) -> None:
        value = holder[key]
        if kind == "?":
            self._flag(holder, key, place)
        elif kind[:1] == "*":
            for index, item in enumerate(value if isinstance(value, list) else ()):
                self._object(item, kind[1:], f"{place}/{index}")
        elif kind[:1] == "%":
            for name, item in list(value.items()) if isinstance(value, dict) else ():
                if not name.startswith("x-"):
                    self._named(value, name, item, kind[1:], f"{place}/{_escaped(name)}")
        elif kind == "schema":
            holder[key] = self._schema(value, place)
        elif kind:
            self._object(value, kind, place)
        if kind == "operation" and isinstance(value, dict):
            self._operation(value, place)

    def _named(self, holder: dict[str, Any], name: str, value: Any, kind: str, place: str) -> None:
        if kind == "schema":
            holder[name] = self._schema(value, place)
        else:
            self._object(value, kind, place)

    def _flag(self, holder: dict[str, Any], key: str, place: str) -> None:
        value = holder[key]
        meant = _BOOLEANS.get(value.lower()) if isinstance(value, str) else None
        if meant is not None:
            self._note(place, f"is the text {value!r}; taken as {str(meant).lower()}")
            holder[key] = meant

    def _operation(self, operation: dict[str, Any], place: str) -> None:
        name = operation.get("operationId")
        if isinstance(name, str):
            if name in self._operation_ids:
                what = f"{name!r} is the id of {self._operation_ids[name]} too; ids are made of path and method"
                self._note(f"{place}/operationId", what)
                del operation["operationId"]
            else:
                self._operation_ids[name] = place

    # --- paths ---

    def _paths(self) -> None:
        paths = self.document.get("paths")
        if not isinstance(paths, dict):
            return
        for path, item in list(paths.items()):
            if not isinstance(item, dict) or path.startswith("x-"):
                continue
            place = pointer("paths", path)
            plain, question, query = path.partition("?")
            if question and "#" not in query and plain not in paths:
                self._query_in_path(item, query, place)
                paths[plain] = paths.pop(path)
                path = plain
            self._undeclared(path, item, place)

    def _query_in_path(self, item: dict[str, Any], query: str, place: str) -> None:
        for name, value in parse_qsl(query, keep_blank_values=True):
            self._note(place, f"has a query in its path; {name} is an argument, which can be {value!r} alone")
            fixed = {"name": name, "in": "query", "required": True, "schema": {"type": "string", "enum": [value]}}
            item.setdefault("parameters", []).append(fixed)

    def _undeclared(self, path: str, item: dict[str, Any], place: str) -> None:
        wanted = [part.split("}")[0] for part in path.split("{")[1:]]
        shared = set(self._in_path(item))
        for method in METHODS:
            operation = item.get(method)
            if not isinstance(operation, dict):
                continue
            for name in wanted:
                if name and name not in shared and name not in set(self._in_path(operation)):
                    self._note(f"{place}/{method}", f"does not declare {name!r} of its path; taken as text")
                    missing = {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                    operation.setdefault("parameters", []).append(missing)

    def _in_path(self, holder: dict[str, Any]) -> Iterator[str]:
        for parameter in holder.get("parameters") or ():
            found = parameter
            for _ in range(10):
                if not isinstance(found, dict) or "$ref" not in found:
                    break
                found = _followed(self.document, str(found["$ref"]))
            if isinstance(found, dict) and found.get("in") == "path":
                yield str(found.get("name"))

    # --- schemas ---

    def _schema(self, schema: Any, place: str) -> Any:
        if schema is None:
            self._note(place, "is null; taken as a value of any type")
            return {}
        if not isinstance(schema, dict) or "$ref" in schema:
            return schema
        for key in _FLAGS:
            if key in schema:
                self._flag(schema, key, f"{place}/{key}")
        self._keywords(schema, place)
        if self._is_30:
            self._only_30(schema, place)
        else:
            self._exclusive_31(schema, place)
        self._required(schema, place)
        self._values(schema, place)
        for key in _MAPS_OF_SCHEMAS:
            for name, part in list(schema[key].items()) if isinstance(schema.get(key), dict) else ():
                schema[key][name] = self._schema(part, f"{place}/{key}/{_escaped(name)}")
        for key in _LISTS_OF_SCHEMAS:
            for index, part in enumerate(schema[key]) if isinstance(schema.get(key), list) else ():
                schema[key][index] = self._schema(part, f"{place}/{key}/{index}")
        for key in ("items", "additionalProperties", "not"):
            if isinstance(schema.get(key), dict):
                schema[key] = self._schema(schema[key], f"{place}/{key}")
        return schema

    def _keywords(self, schema: dict[str, Any], place: str) -> None:
        for key in ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"):
            value = schema.get(key)
            if isinstance(value, str) and value.isdecimal():
                self._note(f"{place}/{key}", f"is the text {value!r}; taken as a number")
                schema[key] = int(value)

    def _only_30(self, schema: dict[str, Any], place: str) -> None:
        """What OpenAPI 3.0 says in another way than 3.1, or does not know."""
        stated = schema.get("type")
        if stated in ("null", ["null"]):
            self._note(f"{place}/type", "is null, as in OpenAPI 3.1; taken so")
            del schema["type"]
            schema.setdefault("enum", [None])
            schema["nullable"] = True
        elif isinstance(stated, list):
            rest = [kind for kind in stated if kind != "null"]
            self._note(f"{place}/type", "is a list, as in OpenAPI 3.1; taken so")
            if len(rest) < len(stated):
                schema["nullable"] = True
            if len(rest) == 1:
                schema["type"] = rest[0]
            else:
                del schema["type"]
                schema.setdefault("anyOf", [{"type": kind} for kind in rest])
        if "const" in schema and "enum" not in schema:
            self._note(f"{place}/const", "is OpenAPI 3.1's; taken as an enumeration of one")
            schema["enum"] = [schema.pop("const")]
        for bound, key in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if type(schema.get(key)) in (int, float):
                self._note(f"{place}/{key}", "is a number, as in OpenAPI 3.1; taken so")
                schema[bound], schema[key] = schema[key], True
        for key in list(schema):
            if key not in _KNOWN_IN_30 and key not in _SHAPING and not key.startswith("x-"):
                self._note(f"{place}/{_escaped(key)}", "is no part of a schema; left out")
                del schema[key]

    def _exclusive_31(self, schema: dict[str, Any], place: str) -> None:
        for bound, key in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if isinstance(value := schema.get(key), bool):
                self._note(f"{place}/{key}", "is a boolean, as in OpenAPI 3.0; taken so")
                del schema[key]
                if value and bound in schema:
                    schema[key] = schema.pop(bound)

    def _required(self, schema: dict[str, Any], place: str) -> None:
        names = schema.get("required")
        if isinstance(names, bool | str) and "required" in schema:
            self._note(f"{place}/required", f"is {json.dumps(names)} and no list of names; left out")
            del schema["required"]
        elif isinstance(names, list) and all(isinstance(name, str) for name in names):
            distinct = list(dict.fromkeys(names))
            if len(distinct) < len(names):
                self._note(f"{place}/required", "names a property twice")
                schema["required"] = distinct
            if not distinct and self._is_30:
                self._note(f"{place}/required", "names nothing; left out")
                del schema["required"]

    def _values(self, schema: dict[str, Any], place: str) -> None:
        values = schema.get("enum")
        if isinstance(values, list):
            distinct = {json.dumps(value, sort_keys=True): value for value in values}
            if len(distinct) < len(values):
                self._note(f"{place}/enum", "names a value twice")
                values = schema["enum"] = list(distinct.values())
        if "default" in schema and not self._may_be(schema["default"], schema):
            # Servers apply defaults; generated code never sends one.
            self._note(f"{place}/default", f"{_shown(schema['default'])} is no value of this schema; left out")
            del schema["default"]

    def _may_be(self, value: Any, schema: dict[str, Any]) -> bool:
        if value is None:
            return True
        if isinstance(schema.get("enum"), list) and value not in schema["enum"]:
            return False
        stated = schema.get("type")
        kinds = [stated] if isinstance(stated, str) else stated if isinstance(stated, list) else []
        if not kinds or not all(isinstance(kind, str) for kind in kinds):
            return True
        return any(
            isinstance(value, _TYPES.get(kind, object)) and (isinstance(value, bool) == (kind == "boolean"))
            for kind in kinds
        )


_ARTICLES: Final = {"document": "an OpenAPI document", "operation": "an operation", "info": "the API's facts"}


def _followed(document: dict[str, Any], reference: str) -> Any:
    """What a reference leads to; None for nothing."""
    value: Any = document
    for part in reference.removeprefix("#/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
