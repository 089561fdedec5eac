"""The OpenAPI documents of `specs/`, read into the operations that the sandbox serves."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from attrs import frozen

__all__ = ["Document", "Operation", "Parameter", "load", "specs_folder"]

_HOST = re.compile(r"^https?://[^/]*")
_METHODS = ("get", "post", "put", "patch", "delete")

# libyaml's loader reads these documents twenty times faster than the one in Python.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@frozen(eq=False)
class Document:
    """One OpenAPI document: its API, its version and its schemas as JSON Schema."""

    api: str
    version: str
    schemas: dict[str, Any]
    """Every component schema, converted to JSON Schema 2020-12; unknown properties are refused."""

    @property
    def uri(self) -> str:
        """Address of this document for `$ref`s between schemas."""
        return f"urn:{self.api}:{self.version}"


@frozen
class Parameter:
    """A path, query or header parameter."""

    name: str
    where: str
    required: bool
    schema: dict[str, Any]


@frozen(eq=False)
class Operation:
    """One operation of a document, with all that is needed to check a request for it and an answer to it."""

    id: str
    api: str
    method: str
    path: str
    """From the root of the host, base path included."""
    parameters: tuple[Parameter, ...]
    body: dict[str, Any] | None
    body_required: bool
    responses: dict[str, dict[str, Any] | None]
    """JSON Schema of each documented status; None where the answer has no JSON body."""
    security: tuple[frozenset[str], ...]
    """Alternatives, each the set of tokens it needs; empty if anyone may call."""
    document: Document

    @property
    def success(self) -> int:
        """The first documented 2xx status."""
        return min((int(code) for code in self.responses if code.startswith("2")), default=200)


def specs_folder() -> Path:
    """The folder of the documents: inside the installed package, or `specs/` of a checkout."""
    here = Path(__file__).resolve()
    for folder in (here.parent / "specs", here.parents[3] / "specs"):
        if (folder / "pod").is_dir():
            return folder
    msg = f"no OpenAPI documents: neither {here.parent / 'specs'} nor {here.parents[3] / 'specs'} has them"
    raise FileNotFoundError(msg)


@cache
def load(folder: Path) -> tuple[Operation, ...]:
    """Read every document under `folder`.

    Of an API with several versions the newest one counts; older ones add the operations that it no longer has.
    """
    operations: dict[tuple[str, str], Operation] = {}
    paths = sorted(folder.glob("*/*.yaml"), key=lambda path: (path.parent.name, _version(path.stem)), reverse=True)
    for path in paths:
        for operation in _read(path):
            operations.setdefault((operation.method, operation.path), operation)
    return tuple(operations.values())


def _version(stem: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", stem))


def _read(path: Path) -> list[Operation]:
    source = yaml.load(path.read_bytes(), Loader=_Loader)  # noqa: S506 - a safe loader, chosen above
    raw = source.get("components", {}).get("schemas", {})
    document = Document(path.parent.name, path.stem, {})
    for name, schema in raw.items():
        document.schemas[name] = _json_schema(schema, raw, document.uri)
    base = _HOST.sub("", (source.get("servers") or [{"url": ""}])[0]["url"]).rstrip("/")
    found: list[Operation] = []
    for template, item in source["paths"].items():
        for method in _METHODS:
            if method in item:
                found.append(_operation(item[method], item, method, base + template, source, raw, document))
    return found


def _operation(
    node: dict[str, Any],
    item: dict[str, Any],
    method: str,
    path: str,
    source: dict[str, Any],
    raw: dict[str, Any],
    document: Document,
) -> Operation:
    parameters = []
    for entry in [*item.get("parameters", ()), *node.get("parameters", ())]:
        parameter = _resolve(entry, source)
        schema = _json_schema(parameter["schema"], raw, document.uri)
        parameters.append(Parameter(parameter["name"], parameter["in"], parameter.get("required", False), schema))
    body = _resolve(node.get("requestBody"), source)
    body_schema = _content(body, raw, document.uri)
    responses = {
        str(code): _content(_resolve(answer, source), raw, document.uri) for code, answer in node["responses"].items()
    }
    security = node.get("security", source.get("security", ()))
    return Operation(
        id=node["operationId"],
        api=document.api,
        method=method.upper(),
        path=path,
        parameters=tuple(parameters),
        body=body_schema,
        body_required=bool(body and body.get("required")),
        responses=responses,
        security=tuple(frozenset(alternative) for alternative in security if alternative),
        document=document,
    )


def _resolve(node: Any, source: dict[str, Any]) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        target: Any = source
        for key in node["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        node = target
    return node


def _content(node: dict[str, Any] | None, raw: dict[str, Any], uri: str) -> dict[str, Any] | None:
    schema = ((node or {}).get("content") or {}).get("application/json", {}).get("schema")
    return None if schema is None else _json_schema(schema, raw, uri)


def _json_schema(node: Any, raw: dict[str, Any], uri: str) -> Any:
    """OpenAPI 3.0 schema to JSON Schema 2020-12.

    `nullable` becomes the type null, `allOf` is merged, and an object that names its properties refuses others,
    as Symphony does with requests, and as the sandbox must with what it sends.
    """
    if "allOf" in node:
        node = _merged(node, raw)
    if "$ref" in node:
        return {"$ref": node["$ref"].replace("#/components/schemas/", f"{uri}#/components/schemas/")}
    schema: dict[str, Any] = {}
    for key, value in node.items():
        if key in ("type", "enum", "required", "pattern", "minimum", "maximum", "minLength", "maxLength",
                   "minItems", "maxItems", "uniqueItems"):  # fmt: skip
            schema[key] = value
        elif key == "items":
            schema[key] = _json_schema(value, raw, uri)
        elif key == "properties":
            schema[key] = {name: _json_schema(child, raw, uri) for name, child in value.items()}
        elif key == "additionalProperties":
            schema[key] = value if isinstance(value, bool) else _json_schema(value, raw, uri)
        elif key in ("oneOf", "anyOf"):
            schema[key] = [_json_schema(child, raw, uri) for child in value]
    if schema.get("properties"):
        schema.setdefault("additionalProperties", False)
    if node.get("type") == "integer":
        bits = 31 if node.get("format") == "int32" else 63
        schema.setdefault("minimum", -(2**bits))
        schema.setdefault("maximum", 2**bits - 1)
    if node.get("nullable") and "type" in schema:
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return schema


def _merged(node: dict[str, Any], raw: dict[str, Any]) -> dict[str, Any]:
    parts = [*node["allOf"], {key: value for key, value in node.items() if key != "allOf"}]
    parts = [part for part in parts if "$ref" in part or "properties" in part or "allOf" in part or "type" in part]
    if len(parts) == 1 and "$ref" in parts[0]:  # the usual way to give a reference a description
        return {"$ref": parts[0]["$ref"]}
    merged: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
    for entry in parts:
        part = entry
        while "$ref" in part:
            part = raw[part["$ref"].rsplit("/", 1)[1]]
        if "allOf" in part:
            part = _merged(part, raw)
        merged["properties"].update(part.get("properties", {}))
        merged["required"] = [*merged["required"], *part.get("required", [])]
    return merged
