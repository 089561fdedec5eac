"""Converts Swagger 2.0 to OpenAPI 3.0, and refuses what it does not know instead of guessing."""

from __future__ import annotations

import copy
from typing import Any

from aiosymphony.apidiff.surface import METHODS

from .problem import CodegenError, pointer

_TOP = {
    "swagger", "info", "host", "basePath", "schemes", "consumes", "produces", "paths", "definitions", "parameters",
    "responses", "securityDefinitions", "security", "tags", "externalDocs",
}  # fmt: skip
_KEPT_OF_OPERATIONS = ("tags", "summary", "description", "operationId", "deprecated", "externalDocs", "security")
_OPERATION = {*_KEPT_OF_OPERATIONS, "parameters", "responses", "consumes", "produces", "schemes"}
_SCHEMA_OF_PARAMETER = {
    "type", "format", "items", "enum", "default", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems", "multipleOf",
}  # fmt: skip
_PARAMETER = {"name", "in", "description", "required", "allowEmptyValue", "collectionFormat", "example"}
_SCHEMA = {
    *_SCHEMA_OF_PARAMETER, "$ref", "title", "description", "properties", "required", "allOf", "additionalProperties",
    "discriminator", "readOnly", "xml", "externalDocs", "example", "maxProperties", "minProperties",
}  # fmt: skip
# Nothing of Swagger 2.0, and no mere word: a schema with one of them is another.
_SHAPING = {
    "oneOf", "anyOf", "not", "const", "if", "then", "else", "patternProperties", "propertyNames", "contains",
    "prefixItems", "dependencies", "requestBody", "content",
}  # fmt: skip
_STYLES = {
    "csv": ("form", False),
    "multi": ("form", True),
    "ssv": ("spaceDelimited", False),
    "pipes": ("pipeDelimited", False),
}
_REFERENCES = {
    "#/definitions/": "#/components/schemas/",
    "#/parameters/": "#/components/parameters/",
    "#/responses/": "#/components/responses/",
}
_DEFAULT_TYPES = ["application/json"]
_FLOWS = {
    "implicit": "implicit",
    "password": "password",
    "application": "clientCredentials",
    "accessCode": "authorizationCode",
}


def convert(document: dict[str, Any], notes: list[str] | None = None) -> dict[str, Any]:
    """An OpenAPI 3.0 document that says what a Swagger 2.0 document says.

    Args:
        document: The document.
        notes: Gets a note for each part that Swagger 2.0 does not know and that changes nothing.

    Raises:
        CodegenError: The document holds something that OpenAPI 3.0 cannot say, or that may mean something; names the
            place.
    """
    return _Converter(document, [] if notes is None else notes).run()


class _Converter:
    def __init__(self, document: dict[str, Any], notes: list[str]) -> None:
        self.source = document
        self._notes = notes

    def _only(self, value: dict[str, Any], known: set[str], place: str) -> None:
        """Note what is not known here.

        Raises:
            CodegenError: It may say what values look like.
        """
        for key in value:
            if key in known or key.startswith("x-"):
                continue
            below = f"{place}/{key.replace('~', '~0').replace('/', '~1')}"
            if key in _SHAPING:
                raise CodegenError(below, "is nothing that Swagger 2.0 knows", "Remove or replace it, with a fix.")
            taken = "taken as in OpenAPI 3" if key == "deprecated" else "left out"
            self._notes.append(f"{below}: is nothing that Swagger 2.0 knows; {taken}")

    def run(self) -> dict[str, Any]:
        source = self.source
        self._only(source, _TOP, "#")
        result: dict[str, Any] = {"openapi": "3.0.3", "info": copy.deepcopy(source["info"])}
        host, base = source.get("host"), source.get("basePath") or ""
        base = "" if base == "/" else base
        schemes = source.get("schemes") or ["https"]
        result["servers"] = (
            [{"url": f"{scheme}://{host}{base}"} for scheme in schemes] if host else [{"url": base or "/"}]
        )
        for key in ("tags", "externalDocs", "security"):
            if key in source:
                result[key] = copy.deepcopy(source[key])
        result["paths"] = {
            path: self._path(item, pointer("paths", path)) if not path.startswith("x-") else item
            for path, item in source["paths"].items()
        }
        components: dict[str, Any] = {
            "schemas": {
                name: self._schema(schema, pointer("definitions", name))
                for name, schema in (source.get("definitions") or {}).items()
            }
        }
        bodies = {}
        for name, parameter in (source.get("parameters") or {}).items():
            place = pointer("parameters", name)
            if parameter.get("in") in ("body", "formData"):
                bodies[name] = parameter  # spelled out where it is used
            else:
                components.setdefault("parameters", {})[name] = self._parameter(parameter, place)
        for name, response in (source.get("responses") or {}).items():
            place = pointer("responses", name)
            components.setdefault("responses", {})[name] = self._response(response, source.get("produces"), place)
        for name, scheme in (source.get("securityDefinitions") or {}).items():
            place = pointer("securityDefinitions", name)
            components.setdefault("securitySchemes", {})[name] = _security_scheme(scheme, place)
        result["components"] = components
        result.update({key: copy.deepcopy(value) for key, value in source.items() if key.startswith("x-")})
        return result

    def _path(self, item: dict[str, Any], place: str) -> dict[str, Any]:
        if "$ref" in item:
            raise CodegenError(f"{place}/$ref", f"the path is elsewhere: {item['$ref']}", "Put it here, with a fix.")
        self._only(item, {*METHODS, "parameters"}, place)
        shared = [(p, f"{place}/parameters/{i}") for i, p in enumerate(item.get("parameters") or [])]
        plain = [(p, where) for p, where in shared if not self._is_body(p, where)]
        bodies = [(p, where) for p, where in shared if self._is_body(p, where)]
        result: dict[str, Any] = {key: copy.deepcopy(value) for key, value in item.items() if key.startswith("x-")}
        if plain:
            result["parameters"] = [self._parameter(p, where) for p, where in plain]
        for method in METHODS:
            if method in item:
                result[method] = self._operation(item[method], bodies, f"{place}/{method}")
        return result

    def _operation(self, operation: dict[str, Any], shared: list[tuple[Any, str]], place: str) -> dict[str, Any]:
        self._only(operation, _OPERATION, place)
        result = {
            key: copy.deepcopy(value)
            for key, value in operation.items()
            if (key in _KEPT_OF_OPERATIONS or key.startswith("x-")) and value is not None
        }
        given = [(p, f"{place}/parameters/{i}") for i, p in enumerate(operation.get("parameters") or [])]
        plain = [self._parameter(p, where) for p, where in given if not self._is_body(p, where)]
        if plain:
            result["parameters"] = plain
        own = [(p, where) for p, where in given if self._is_body(p, where)]
        names = {self._resolved(p, where)["name"] for p, where in own}
        bodies = [(p, where) for p, where in shared if self._resolved(p, where)["name"] not in names] + own
        consumes = operation.get("consumes", self.source.get("consumes"))
        if bodies:
            result["requestBody"] = self._body(
                [(self._resolved(p, where), where) for p, where in bodies], consumes, place
            )
        produces = operation.get("produces", self.source.get("produces"))
        result["responses"] = {
            status: self._response(response, produces, f"{place}/responses/{status}")
            if not status.startswith("x-")
            else response
            for status, response in (operation.get("responses") or {}).items()
        }
        if not result["responses"]:
            raise CodegenError(f"{place}/responses", "no answer is described", "Describe one, with a fix.")
        return result

    def _resolved(self, parameter: dict[str, Any], place: str) -> dict[str, Any]:
        reference = parameter.get("$ref")
        if reference is None:
            return parameter
        name = str(reference).removeprefix("#/parameters/")
        known = self.source.get("parameters") or {}
        if not str(reference).startswith("#/parameters/") or name not in known:
            raise CodegenError(
                f"{place}/$ref", f"refers to {reference}, which is not here", "Put it into the document, with a fix."
            )
        found: dict[str, Any] = known[name]
        return found

    def _is_body(self, parameter: dict[str, Any], place: str) -> bool:
        return self._resolved(parameter, place).get("in") in ("body", "formData")

    def _parameter(self, parameter: dict[str, Any], place: str) -> dict[str, Any]:
        if "$ref" in parameter:
            return {"$ref": _reference(parameter["$ref"], place)}
        self._only(parameter, _PARAMETER | _SCHEMA_OF_PARAMETER, place)
        result = {
            key: value
            for key, value in parameter.items()
            if (
                key in ("name", "in", "description", "required", "allowEmptyValue", "deprecated")
                or key.startswith("x-")
            )
            and value is not None
        }
        result["schema"] = self._schema(
            {k: v for k, v in parameter.items() if k in _SCHEMA_OF_PARAMETER}, place, items=True
        )
        if parameter["in"] == "path":
            result["required"] = True
        if parameter.get("type") == "array":
            stated = parameter.get("collectionFormat") or "csv"
            if stated not in _STYLES:
                raise CodegenError(
                    f"{place}/collectionFormat", f"OpenAPI 3 cannot say {stated!r}", "Use csv or multi, with a fix."
                )
            style, explode = _STYLES[stated]
            if parameter["in"] == "query":
                result |= {"style": style, "explode": explode}
            elif stated != "csv":
                raise CodegenError(
                    f"{place}/collectionFormat", f"{stated!r} is for queries alone", "Use csv, with a fix."
                )
        return result

    def _body(self, parameters: list[tuple[Any, str]], consumes: list[str] | None, place: str) -> dict[str, Any]:
        whole = [(p, where) for p, where in parameters if p["in"] == "body"]
        form = [(p, where) for p, where in parameters if p["in"] == "formData"]
        if len(whole) > 1 or (whole and form):
            raise CodegenError(place, "more than one body", "Keep one body parameter, with a fix.")
        if whole:
            parameter, where = whole[0]
            self._only(parameter, {"name", "in", "description", "required", "schema"}, where)
            schema = self._schema(parameter.get("schema") or {}, f"{where}/schema")
            result: dict[str, Any] = {"content": {kind: {"schema": schema} for kind in consumes or _DEFAULT_TYPES}}
            return result | {k: parameter[k] for k in ("description", "required") if parameter.get(k) is not None}
        files = any(parameter.get("type") == "file" for parameter, _ in form)
        kinds = [
            kind for kind in consumes or [] if kind in ("multipart/form-data", "application/x-www-form-urlencoded")
        ]
        if files or not kinds:
            kinds = ["multipart/form-data" if files else "application/x-www-form-urlencoded"]
        properties = {}
        for parameter, where in form:
            self._only(parameter, _PARAMETER | _SCHEMA_OF_PARAMETER, where)
            properties[parameter["name"]] = schema = self._schema(
                {k: v for k, v in parameter.items() if k in _SCHEMA_OF_PARAMETER}, where, items=True
            )
            if parameter.get("description"):
                schema["description"] = parameter["description"]
        shape: dict[str, Any] = {"type": "object", "properties": properties}
        required = [parameter["name"] for parameter, _ in form if parameter.get("required")]
        if required:
            shape["required"] = required
        return {"content": {kind: {"schema": shape} for kind in kinds}, "required": bool(required)}

    def _response(self, response: dict[str, Any], produces: list[str] | None, place: str) -> dict[str, Any]:
        if "$ref" in response:
            return {"$ref": _reference(response["$ref"], place)}
        self._only(response, {"description", "schema", "headers", "examples"}, place)
        result: dict[str, Any] = {"description": response.get("description") or ""}
        if response.get("headers"):
            result["headers"] = {}
            for name, header in response["headers"].items():
                schema = {key: value for key, value in header.items() if key in _SCHEMA_OF_PARAMETER}
                result["headers"][name] = {"schema": self._schema(schema, f"{place}/headers/{name}", items=True)}
                if header.get("description"):
                    result["headers"][name]["description"] = header["description"]
        if response.get("schema") is not None:
            schema = self._schema(response["schema"], f"{place}/schema")
            kinds = produces or _DEFAULT_TYPES
            if schema.get("format") == "binary" and all(kind.startswith("application/json") for kind in kinds):
                kinds = ["application/octet-stream"]  # a file is no JSON, whatever the document produces elsewhere
            result["content"] = {kind: {"schema": schema} for kind in kinds}
        return result

    def _types(self, stated: list[Any], place: str) -> dict[str, Any]:
        """Several types, of which Swagger 2.0 knows one: null beside another, or nothing that can be said."""
        rest = [kind for kind in stated if kind != "null"]
        if len(rest) != 1:
            raise CodegenError(place, f"several types: {stated}", "Keep one of them, with a fix.")
        self._notes.append(f"{place}: is a list; taken as {rest[0]} that may be null")
        return {"type": rest[0], "nullable": True}

    def _schema(self, schema: Any, place: str, *, items: bool = False) -> dict[str, Any]:
        """One schema; ``items`` for those of parameters, which may state how their items are joined."""
        if not isinstance(schema, dict):
            raise CodegenError(place, f"a schema that is {schema!r}", "Write an object, with a fix.")
        if "$ref" in schema:
            return {"$ref": _reference(schema["$ref"], place)}
        self._only(schema, _SCHEMA | ({"collectionFormat"} if items else set()) | {"nullable"}, place)
        if schema.get("type") == "file":
            return {"type": "string", "format": "binary"}
        result: dict[str, Any] = {}
        # A description, title or list may have been left empty.
        stated: dict[str, Any] = {
            key: value for key, value in schema.items() if value is not None or key in ("default", "example")
        }
        for key, value in stated.items():
            below = f"{place}/{key}"
            if key == "collectionFormat":
                continue
            if key == "properties":
                result[key] = {name: self._schema(part, f"{below}/{name}") for name, part in value.items()}
            elif key == "allOf":
                result[key] = [self._schema(part, f"{below}/{index}") for index, part in enumerate(value)]
            elif key == "items":
                result[key] = self._schema(value, below, items=items)
            elif key == "additionalProperties":
                result[key] = value if isinstance(value, bool) else self._schema(value, below)
            elif key == "discriminator":
                result[key] = {"propertyName": value} if isinstance(value, str) else value
            elif key == "x-nullable":
                result["nullable"] = value
            elif key not in _SCHEMA and key not in ("nullable", "deprecated") and not key.startswith("x-"):
                continue  # noted
            elif key == "type" and isinstance(value, list):
                result |= self._types(value, below)
            elif key == "required" and value in ([], True, False):
                continue  # a flag is for parameters, and an empty list is not allowed
            elif key == "default" and not _fits(value, schema):
                continue  # defaults are the server's; generated code never sends them
            else:
                result[key] = copy.deepcopy(value)
        if result.get("type") == "string" and "enum" in result:
            result["enum"] = [
                str(value).lower() if isinstance(value, bool) else value if value is None else str(value)
                for value in result["enum"]
            ]
        return result


def _fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a default is of the type of its schema (published documents hold ``default: KEEP`` on an object)."""
    kinds: dict[str, type | tuple[type, ...]] = {
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "array": list,
        "object": dict,
    }
    wanted = kinds.get(str(schema.get("type")))
    return wanted is None or (isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool))


def _security_scheme(scheme: dict[str, Any], place: str) -> dict[str, Any]:
    result = {key: value for key, value in scheme.items() if key == "description" or key.startswith("x-")}
    kind = scheme.get("type")
    if kind == "basic":
        return result | {"type": "http", "scheme": "basic"}
    if kind == "apiKey":
        return result | {"type": "apiKey", "name": scheme["name"], "in": scheme["in"]}
    if kind == "oauth2" and scheme.get("flow") in _FLOWS:
        flow = {key: scheme[key] for key in ("authorizationUrl", "tokenUrl") if key in scheme}
        return result | {
            "type": "oauth2",
            "flows": {_FLOWS[scheme["flow"]]: flow | {"scopes": scheme.get("scopes") or {}}},
        }
    raise CodegenError(place, f"a security scheme of type {kind!r}", "Use basic, apiKey or oauth2, with a fix.")


def _reference(reference: Any, place: str) -> str:
    text = str(reference)
    for old, new in _REFERENCES.items():
        if text.startswith(old):
            return new + text[len(old) :]
    if text.startswith("#/"):
        raise CodegenError(
            f"{place}/$ref", f"refers to {text}", "Only definitions, parameters and responses can be; use a fix."
        )
    raise CodegenError(
        f"{place}/$ref",
        f"refers to another document: {text}",
        "Put what it refers to into this document, or replace the reference, with a fix.",
    )
