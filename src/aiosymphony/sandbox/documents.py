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
_KEPT = ("type", "enum", "required", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
         "uniqueItems")  # fmt: skip
"""Keywords with the same meaning in JSON Schema."""

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
    """One operation of a document, with the schemas of its requests and responses."""

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
    return _Reader(source, Document(path.parent.name, path.stem, {})).operations()


class _Reader:
    """Converts one OpenAPI 3.0 document to operations and JSON Schema."""

    def __init__(self, source: dict[str, Any], document: Document) -> None:
        self._source = source
        self._schemas: dict[str, Any] = source.get("components", {}).get("schemas", {})
        self._document = document
        for name, schema in self._schemas.items():
            document.schemas[name] = self._json_schema(schema)

    def operations(self) -> list[Operation]:
        return [
            self._operation(item[method], item.get("parameters", []), method, self._base(item, item[method]) + template)
            for template, item in self._source["paths"].items()
            for method in _METHODS
            if method in item
        ]

    def _base(self, item: dict[str, Any], operation: dict[str, Any]) -> str:
        """What an operation's path begins with: by its own servers, those of its path, or those of the document."""
        servers = operation.get("servers") or item.get("servers") or self._source.get("servers") or [{"url": ""}]
        return _HOST.sub("", servers[0]["url"]).rstrip("/")

    def _operation(self, node: dict[str, Any], shared: list[Any], method: str, path: str) -> Operation:
        body = self._resolve(node.get("requestBody"))
        security = node.get("security", self._source.get("security", ()))
        return Operation(
            id=node["operationId"],
            api=self._document.api,
            method=method.upper(),
            path=path,
            parameters=tuple(self._parameter(entry) for entry in [*shared, *node.get("parameters", [])]),
            body=self._content(body),
            body_required=bool(body and body.get("required")),
            responses={str(code): self._content(self._resolve(answer)) for code, answer in node["responses"].items()},
            security=tuple(frozenset(alternative) for alternative in security if alternative),
            document=self._document,
        )

    def _parameter(self, entry: dict[str, Any]) -> Parameter:
        node = self._resolve(entry)
        return Parameter(node["name"], node["in"], node.get("required", False), self._json_schema(node["schema"]))

    def _resolve(self, node: Any) -> Any:
        while isinstance(node, dict) and "$ref" in node:
            target: Any = self._source
            for key in node["$ref"].removeprefix("#/").split("/"):
                target = target[key]
            node = target
        return node

    def _content(self, node: dict[str, Any] | None) -> dict[str, Any] | None:
        schema = ((node or {}).get("content") or {}).get("application/json", {}).get("schema")
        return None if schema is None else self._json_schema(schema)

    def _json_schema(self, node: Any) -> Any:
        """Convert a schema to JSON Schema 2020-12.

        `nullable` becomes the type null, `allOf` is merged, and an object that names its properties refuses others,
        as Symphony does with requests, and as the sandbox must with what it sends.
        """
        if "allOf" in node:
            node = self._merged(node)
        if "$ref" in node:
            return {"$ref": node["$ref"].replace("#/", f"{self._document.uri}#/", 1)}
        schema: dict[str, Any] = {name: node[name] for name in _KEPT if name in node}
        if "items" in node:
            schema["items"] = self._json_schema(node["items"])
        if "properties" in node:
            schema["properties"] = {name: self._json_schema(child) for name, child in node["properties"].items()}
            schema["additionalProperties"] = False
        if "additionalProperties" in node:
            more = node["additionalProperties"]
            schema["additionalProperties"] = more if isinstance(more, bool) else self._json_schema(more)
        if node.get("type") == "integer":
            bits = 31 if node.get("format") == "int32" else 63
            schema = {"minimum": -(2**bits), "maximum": 2**bits - 1, **schema}
        if node.get("nullable") and "type" in schema:
            schema["type"] = [schema["type"], "null"]
            if "enum" in schema:
                schema["enum"] = [*schema["enum"], None]
        return schema

    def _merged(self, node: dict[str, Any]) -> dict[str, Any]:
        parts = [*node["allOf"], {name: value for name, value in node.items() if name in ("properties", "required")}]
        parts = [part for part in parts if part]
        if len(parts) == 1 and "$ref" in parts[0]:  # the usual way to give a reference a description
            return {"$ref": parts[0]["$ref"]}
        merged: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
        for entry in parts:
            part = self._resolve(entry)
            if "allOf" in part:
                part = self._merged(part)
            merged["properties"].update(part.get("properties", {}))
            merged["required"] = [*merged["required"], *part.get("required", [])]
        return merged
