"""What callers see of an API: its operations with their arguments and results, its models and enumerations.

Read from a Swagger 2.0 or OpenAPI 3 document. Types have Python's names; what does not change a type (lengths,
patterns, formats, defaults, where an argument goes) is in the facts of a field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from .facts import INSIDE, facts_of_parameter, facts_of_schema
from .shapes import enum_of, filled_by_server, is_json, kinds
from .words import tag_of

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
#: Headers that carry tokens. The session puts them on, never a caller.
TOKEN_HEADERS = ("sessionToken", "keyManagerToken")
#: What OpenAPI says to ignore as header parameters, and the one that transports set; lower case.
TRANSPORT_HEADERS = frozenset({"accept", "authorization", "content-type", "user-agent"})

Json = dict[str, Any]


@dataclass(frozen=True)
class Field:
    """An argument of an operation, or a field of a model.

    Attributes:
        type: Its type, with Python's name.
        required: Whether it must be there.
        deprecated: Whether the document marks it so.
        facts: What the document says of it beyond its type; see :mod:`.facts`.
        place: Where in the document it is, as a JSON pointer; empty for what stands inside another schema.
    """

    type: str
    required: bool = False
    deprecated: bool = False
    facts: Json = field(default_factory=dict, compare=False)
    place: str = field(default="", compare=False)


@dataclass
class Operation:
    """One operation, by the names and types that a caller uses.

    Attributes:
        auth: The alternatives of tokens.
        answers: Its results by status.
        errors: The form of other answers by status, those that have one.
        base: What its path begins with by the document's servers.
        host: The server, without the path; empty if the document names none.
        media: The media types of its body, and those of its good answers.
    """

    method: str
    path: str
    tag: str
    deprecated: bool
    auth: tuple[tuple[str, ...], ...]
    arguments: dict[str, Field]
    body: Field | None
    result: tuple[str, ...]
    answers: dict[str, Field] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    base: str = ""
    host: str = ""
    media: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())

    @property
    def place(self) -> str:
        """Where in the document it is, as a JSON pointer."""
        return pointer("paths", self.path, self.method.lower())

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Surface:
    """All that callers see of one version of an API.

    Attributes:
        facts: What the document says of models and enumerations as a whole.
        places: Where those are that have a name in the document, as JSON pointers.
        sent: The classes that callers send.
        received: Those that they get in results.
    """

    title: str
    version: str
    operations: dict[tuple[str, str], Operation] = field(default_factory=dict)
    models: dict[str, dict[str, Field]] = field(default_factory=dict)
    enums: dict[str, list[str]] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)
    received: set[str] = field(default_factory=set)
    facts: dict[str, Json] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)


def pointer(*parts: str) -> str:
    """A JSON pointer to a place in a document, as a URI fragment."""
    return "#/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)


def token_of(header: str) -> str | None:
    """The token that a header carries, however its name is written; None for any other header."""
    return next((name for name in TOKEN_HEADERS if name.lower() == header.lower()), None)


def ways_in(document: Json, operation: Json, headers: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """The alternatives of tokens that an operation accepts, fewest tokens first.

    Args:
        document: The document, whose ``security`` holds where the operation states none.
        operation: The operation.
        headers: Its header parameters. Every alternative needs a token among them.

    Returns:
        At least one alternative. One without tokens is left out if there are others, as the session sends its tokens.
    """
    tokens = [token for token in map(token_of, headers) if token]
    stated = [list(way) for way in operation.get("security", document.get("security")) or [] if way] or [[]]
    ways: dict[frozenset[str], tuple[str, ...]] = {}
    for way in sorted(stated, key=len):
        whole = (*way, *(token for token in tokens if token not in way))
        ways.setdefault(frozenset(whole), whole)
    return tuple(ways.values())


def read_surface(document: Json) -> Surface:
    """Read what callers see out of a document.

    Raises:
        ValueError: The document is neither Swagger 2.0 nor OpenAPI 3, or a reference in it leads nowhere.
    """
    return Reader(document).read()


class Reader:
    """Reads one document.

    Raises:
        ValueError: It is neither Swagger 2.0 nor OpenAPI 3.
    """

    def __init__(self, document: Json) -> None:
        version = str(document.get("openapi") or document.get("swagger") or "")
        if not version.startswith(("3.", "2.")) or not isinstance(document.get("paths"), dict):
            raise ValueError("not a Swagger 2.0 or OpenAPI 3 document")
        self.document = document
        self.swagger = version.startswith("2.")
        self.schemas: Json = (
            document.get("definitions") if self.swagger else (document.get("components") or {}).get("schemas")
        ) or {}
        info = document.get("info") or {}
        self.surface = Surface(str(info.get("title", "")), str(info.get("version", "")))
        self.uses: dict[str, set[str]] = {}

    def read(self) -> Surface:
        for name, schema in self.schemas.items():
            if self._is_class(schema):
                self.surface.places[str(name)] = self._place_of_schema(str(name))
                self._model(str(name), schema)
        for path, item in self.document["paths"].items():
            item = self.resolve(item)
            for method in METHODS:
                if method in item:
                    operation = self._operation(path, method, item, item[method])
                    self.surface.operations[operation.method, re.sub(r"{[^}]*}", "{}", path)] = operation
        for reached in (self.surface.sent, self.surface.received):
            todo = list(reached)
            while todo:
                new = self.uses.get(todo.pop(), set()) - reached
                reached |= new
                todo.extend(new)
        return self.surface

    # --- operations ---

    def _operation(self, path: str, method: str, item: Json, operation: Json) -> Operation:
        given = {}
        places = {}
        # A parameter of the operation replaces one of the path with its place and name.
        for holder, at in ((item, ("paths", path)), (operation, ("paths", path, method))):
            for index, parameter in enumerate(holder.get("parameters") or []):
                parameter = self.resolve(parameter)
                key = parameter["in"], parameter["name"]
                given[key] = parameter
                places[key] = pointer(*at, "parameters", str(index))
        where = f"{method.upper()} {path}"
        arguments = {}
        form: Json = {}
        body = None
        for (place, name), parameter in given.items():
            if place == "header" and (token_of(name) or name.lower() in TRANSPORT_HEADERS):
                continue
            if place == "body":
                body = self._argument(parameter, parameter.get("schema") or {}, f"{where} body")
            elif place == "formData":
                form[name] = parameter
            else:
                schema = parameter if self.swagger else self._parameter_schema(parameter)
                required = place == "path" or parameter.get("required") is True
                made = self._argument(parameter, schema, f"{where} {name}", required=required)
                arguments[name] = replace(
                    made,
                    facts={**made.facts, **facts_of_parameter(parameter, self._flat(schema))},
                    place=places[place, name],
                )
        if form:
            required_fields = [name for name, parameter in form.items() if parameter.get("required")]
            shape = {"type": "object", "properties": form, "required": required_fields}
            body = Field(self._type(shape, f"{where} body", self.surface.sent), bool(required_fields))
        if "requestBody" in operation:
            body = self._body(self.resolve(operation["requestBody"]), where)
        answers = self._answers(operation, where)
        host, base = self.server(item, operation)
        return Operation(
            method=method.upper(),
            path=path,
            tag=tag_of(path, operation),
            deprecated=operation.get("deprecated") is True,
            auth=ways_in(self.document, operation, [name for holder, name in given if holder == "header"]),
            arguments=arguments,
            body=body,
            result=tuple(sorted({each.type for each in answers.values()}, key=lambda kind: (kind == "None", kind))),
            answers=answers,
            errors=self._errors(operation),
            base=base,
            host=host,
            media=(self._sent_media(operation), self._read_media(operation)),
        )

    def server(self, item: Json, operation: Json) -> tuple[str, str]:
        """The host of an operation, and what its path begins with."""
        if self.swagger:
            return str(self.document.get("host") or ""), str(self.document.get("basePath") or "").rstrip("/")
        for holder in (operation, item, self.document):
            for server in (holder.get("servers") or [])[:1]:
                url = str(server.get("url") or "")
                for name, variable in (server.get("variables") or {}).items():
                    url = url.replace(f"{{{name}}}", str((variable or {}).get("default", "")))
                split = urlsplit(url)
                return split.netloc, split.path.rstrip("/")
        return "", ""

    def _sent_media(self, operation: Json) -> frozenset[str]:
        if not self.swagger:
            return frozenset((self.resolve(operation.get("requestBody")) or {}).get("content") or {})
        has_body = any(
            self.resolve(each).get("in") in ("body", "formData") for each in operation.get("parameters") or []
        )
        stated = operation.get("consumes", self.document.get("consumes"))
        return frozenset(stated or ["application/json"]) if has_body else frozenset()

    def _read_media(self, operation: Json) -> frozenset[str]:
        found: set[str] = set()
        for status, response in (operation.get("responses") or {}).items():
            if str(status)[0] != "2":
                continue
            response = self.resolve(response)
            if not self.swagger:
                found |= set(response.get("content") or {})
            elif "schema" in response:
                found |= set(operation.get("produces", self.document.get("produces")) or ["application/json"])
        return frozenset(found)

    def _argument(self, holder: Json, schema: Json, where: str, *, required: bool | None = None) -> Field:
        return Field(
            self._type(schema, where, self.surface.sent),
            holder.get("required") is True if required is None else required,
            holder.get("deprecated") is True,
            self._facts(schema),
        )

    def _facts(self, schema: Any, depth: int = 0) -> Json:
        """The facts of a value; those of a class are in its fields."""
        if depth > 10 or self._is_class(self.resolve(schema)):
            return {}
        flat = self._flat(schema)
        facts = facts_of_schema(flat)
        for inside, key in zip(INSIDE, ("items", "additionalProperties"), strict=True):
            if isinstance(flat.get(key), dict):
                facts |= {f"{inside} {fact}": value for fact, value in self._facts(flat[key], depth + 1).items()}
        return facts

    def _parameter_schema(self, parameter: Json) -> Json:
        content = parameter.get("content")
        found: Json = (next(iter(content.values())) if content else parameter).get("schema") or {}
        return found

    def _body(self, body: Json, where: str) -> Field | None:
        content = body.get("content") or {}
        if not content:
            return None
        media = next((kind for kind in content if is_json(kind)), next(iter(content)))
        schema = content[media].get("schema") or {}
        return self._argument(body, schema, f"{where} body")

    def _answers(self, operation: Json, where: str) -> dict[str, Field]:
        """The results by status."""
        found = {}
        for status, response in self._responses(operation):
            if status[0] == "2" or status == "304":
                schema = self._schema_of_response(response)
                kind = "None" if schema is None else self._type(schema, f"{where} answer", self.surface.received)
                found[status] = Field(kind, facts={} if schema is None else self._facts(schema))
        return found

    def _errors(self, operation: Json) -> dict[str, str]:
        """The form of other answers: the class that they name, or their fields."""
        found = {}
        for status, response in self._responses(operation):
            if status[0] == "2" or status == "304":
                continue
            schema = self._schema_of_response(response)
            if schema is not None:
                found[status] = self._shape(schema)
        return found

    def _shape(self, schema: Any, depth: int = 0) -> str:
        """What a value looks like, for one that has no class if no component names it."""
        alias = self._alias(schema) if isinstance(schema, dict) else None
        if alias is not None and self._is_class(self.resolve(alias)):
            return self._type(schema, "", self.surface.received)
        flat = self._flat(schema)
        if depth > 10:
            return "Any"
        if flat.get("properties"):
            required = flat.get("required") or []
            fields = sorted(flat["properties"].items())
            told = [f"{key}{'' if key in required else '?'}: {self._shape(each, depth + 1)}" for key, each in fields]
            return f"{{{', '.join(told)}}}"
        if "items" in flat:
            return f"list[{self._shape(flat['items'], depth + 1)}]"
        return " | ".join(enum_of(flat) or sorted(kinds(flat))) or "Any"

    def _responses(self, operation: Json) -> Iterator[tuple[str, Json]]:
        for status, response in (operation.get("responses") or {}).items():
            name = str(status)
            if not name.startswith("x-"):
                yield name if name == "default" else name.upper(), self.resolve(response)

    def _schema_of_response(self, response: Json) -> Any:
        """The schema of an answer; None for one without a body."""
        if self.swagger:
            return response.get("schema")
        content = response.get("content")
        if not content:
            return None
        media = next((kind for kind in content if is_json(kind)), next(iter(content)))
        return content[media].get("schema") or {}

    # --- schemas ---

    def resolve(self, value: Any) -> Any:
        seen = set()
        while isinstance(value, dict) and isinstance(value.get("$ref"), str):
            reference = value["$ref"]
            if reference in seen or not reference.startswith("#/"):
                raise ValueError(f"cannot follow the reference {reference}")
            seen.add(reference)
            value = self.document
            for part in reference[2:].split("/"):
                key = part.replace("~1", "/").replace("~0", "~")
                try:
                    value = value[int(key)] if isinstance(value, list) else value[key]
                except (KeyError, IndexError, ValueError, TypeError):
                    raise ValueError(f"the reference {reference} leads nowhere") from None
        return value

    def _flat(self, schema: Any, depth: int = 0) -> Json:
        """A schema with its composition (allOf) written out."""
        schema = self.resolve(schema)
        if not isinstance(schema, dict) or depth > 20:
            return {}
        if not schema.get("allOf"):
            return schema
        merged: Json = {}
        for part in [*schema["allOf"], {key: value for key, value in schema.items() if key != "allOf"}]:
            flat = self._flat(part, depth + 1)
            merged = {
                **merged,
                **flat,
                "properties": {**merged.get("properties", {}), **(flat.get("properties") or {})},
                "required": [*merged.get("required", []), *(flat.get("required") or [])],
            }
        return merged

    def _is_class(self, schema: Any) -> bool:
        if not isinstance(schema, dict) or self._alias(schema) is not None:
            return False
        flat = self._flat(schema)
        return bool(flat.get("properties") or enum_of(flat))

    def _alias(self, schema: Json) -> Json | None:
        """The reference that a schema only names or wraps with a description."""
        if "$ref" in schema:
            return schema
        for key in ("allOf", "anyOf", "oneOf"):
            parts = [part for part in schema.get(key) or [] if part.get("type") != "null"]
            if len(parts) == 1 and "$ref" in parts[0] and not schema.get("properties"):
                found: Json = parts[0]
                return found
        return None

    def _type(self, schema: Any, where: str, reached: set[str], depth: int = 0) -> str:
        """The Python type of a schema; classes that stand inside it are read on the way."""
        if not isinstance(schema, dict) or depth > 10:
            return "Any"
        alias = self._alias(schema)
        if alias is not None:
            name = str(alias["$ref"]).rsplit("/", 1)[-1].replace("~1", "/").replace("~0", "~")
            target = self.resolve(alias)
            if self._is_class(target):
                reached.add(name)
                return name
            return self._type(target, name, reached, depth + 1)
        flat = self._flat(schema)
        if flat.get("properties") or enum_of(flat):
            self._model(where, schema)
            reached.add(where)
            return where
        alternatives = [
            part for key in ("oneOf", "anyOf") for part in flat.get(key) or [] if part.get("type") != "null"
        ]
        if alternatives:
            types = {self._type(part, f"{where} {i}", reached, depth + 1) for i, part in enumerate(alternatives, 1)}
            return " | ".join(sorted(types))
        kinds_stated = [kind for kind in kinds(flat) if kind != "null"]
        return " | ".join(sorted({self._plain(kind, flat, where, reached, depth) for kind in kinds_stated})) or "Any"

    def _plain(self, kind: str, schema: Json, where: str, reached: set[str], depth: int) -> str:
        if kind == "array":
            return f"list[{self._type(schema.get('items') or {}, f'{where} item', reached, depth + 1)}]"
        if kind == "object":
            values = schema.get("additionalProperties")
            inner = self._type(values, f"{where} value", reached, depth + 1) if isinstance(values, dict) else "Any"
            return f"dict[str, {inner}]"
        return {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "file": "bytes"}.get(
            kind, "Any"
        )

    def _model(self, name: str, schema: Any) -> None:
        if name in self.surface.models or name in self.surface.enums:
            return
        flat = self._flat(schema)
        values = enum_of(flat)
        if values and not flat.get("properties"):
            self.surface.enums[name] = values
            self.surface.facts[name] = facts_of_schema(flat)
            return
        self.surface.models[name] = fields = {}
        self.surface.facts[name] = facts_of_schema(flat)
        uses = self.uses.setdefault(name, set())
        required = set(flat.get("required") or []) if isinstance(flat.get("required"), list) else set()
        for wire, value in flat["properties"].items():
            fields[wire] = Field(
                self._type(value, f"{name}.{wire}", uses),
                wire in required and not filled_by_server(value),
                isinstance(value, dict) and value.get("deprecated") is True,
                self._facts(value),
                self._place_of_field(name, wire),
            )

    def _place_of_field(self, name: str, wire: str) -> str:
        return f"{self._place_of_schema(name)}{pointer('properties', wire)[1:]}" if name in self.schemas else ""

    def _place_of_schema(self, name: str) -> str:
        return pointer(*(("definitions",) if self.swagger else ("components", "schemas")), name)
