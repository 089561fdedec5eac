"""Turns an OpenAPI 3 document into the plain form that the generator and the templates read.

What a document can say in many ways is said in one: every object with properties and every enumeration is a named
component, everything else stands where it is used; parameters, bodies and responses are resolved; names are final.
What the generator cannot carry to the templates (which header is a token, how a list is written, what a name is on the
wire) goes beside the document as facts, keyed by operation and by class.

Nothing is dropped in silence: what cannot be expressed is refused with its place, what is not used is noted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from openapi_python_client.strings import ClassName, PythonIdentifier

from .naming import class_name, constant, distinct, identifier, operation_id, pascal_case, snake_case
from .problem import Refused, pointer

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

#: Headers that carry tokens. They are put on by the session, never by a caller.
TOKEN_HEADERS = ("sessionToken", "keyManagerToken")
# What OpenAPI says to ignore as header parameters, and the one that transports set.
_TRANSPORT_HEADERS = {"accept", "content-type", "authorization", "user-agent"}

# Descriptions are the one thing of an inline schema that the generator hands to templates as it is. An array whose
# description begins with this mark is an object with free keys, and its items are the values.
MAP_MARK = "map:"

_RESERVED_CLASSES = {
    "Any", "Caller", "Coroutine", "Mapping", "Model", "OpenIntEnum", "OpenStrEnum", "Operation", "Operations",
    "Request",
}  # fmt: skip
_RESERVED_FIELDS = {"additional_properties", "from_dict", "to_dict"}
_RESERVED_ARGUMENTS = {
    "array", "body", "build", "call", "caller", "content", "content_type", "cookies", "decode_int", "decode_ints",
    "decode_union", "deep_object", "encode_int", "encode_ints", "error_from_response", "exploded", "form_body",
    "header_fields", "joined", "json_body", "json_text", "key", "mapping", "multipart_body", "parse", "path_segment",
    "plain", "query_string", "read", "read_optional", "to_json", *"ijklm",
}  # fmt: skip

_SCALARS = {"string", "integer", "number", "boolean"}


@dataclass
class Counts:
    """How much of each kind there is."""

    operations: int = 0
    parameters: int = 0
    schemas: int = 0


@dataclass
class Normalised:
    """A document in plain form, with the facts that templates need beside it.

    Attributes:
        document: The OpenAPI document for the generator.
        operations: Facts of each operation by operation id.
        classes: Facts of each class by class name: ``fields`` (wire name and Python name by key) or ``members``.
        title: The API's title.
        version: The API's version as the document states it.
        counts: What was in the document.
        aliases: Names of component schemas that are no class of their own (arrays, scalars, maps, unions).
        notes: What the reader should know: renamed, not used, not expressible in types.
    """

    document: dict[str, Any]
    operations: dict[str, dict[str, Any]]
    classes: dict[str, dict[str, Any]]
    title: str
    version: str
    counts: Counts
    aliases: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def normalise(
    document: dict[str, Any], *, api: str, facts: Mapping[str, Mapping[str, Any]] | None = None
) -> Normalised:
    """Bring an OpenAPI 3 document into plain form.

    Args:
        document: A valid OpenAPI 3.0 or 3.1 document.
        api: Which host serves it; goes into every operation.
        facts: Reviewed facts by operation id: ``kind``, ``idempotent``, ``paging``, ``family``, ``ids``.
    """
    return _Normaliser(document, api, facts or {}).run()


# The generator has rules of its own for names. What is given to it must come out of them unchanged.


def stable_class_name(text: str) -> str:
    """A class name for anything, one that the generator keeps."""
    name = class_name(text, _RESERVED_CLASSES)
    for _ in range(5):
        if (kept := str(ClassName(name, "Model"))) == name:
            return name
        name = class_name(kept, _RESERVED_CLASSES)
    raise Refused(text, "no class name can be made of this", "Rename the schema with a fix.")


def module_name(name: str) -> str:
    """The module that the generator puts a class in."""
    return str(PythonIdentifier(name, "field_"))


def tag_name(tag: str) -> str:
    """The package that the operations under a tag stand in."""
    name = identifier(tag, "tag_")
    return name if str(PythonIdentifier(name, "tag")) == name else f"tag_{snake_case(name)}"


def stable_identifier(name: str) -> bool:
    """Whether the generator keeps a name of a field or parameter."""
    return str(PythonIdentifier(name, "field_")) == name


class _Normaliser:
    def __init__(self, document: dict[str, Any], api: str, facts: Mapping[str, Mapping[str, Any]]) -> None:
        self.source = document
        self.api = api
        self.facts = facts
        self.schemas: dict[str, Any] = document.get("components", {}).get("schemas") or {}
        self.schema_pointer = pointer("components", "schemas")
        self.names: dict[str, str] = {}
        self.modules: set[str] = set()
        # By identity of the schema: one that is inherited (allOf) by many is still one class, named after its home.
        self.hoisted: dict[int, tuple[Any, str]] = {}
        self.homes: dict[int, str] = {}
        self.out: dict[str, Any] = {}
        self.classes: dict[str, dict[str, Any]] = {}
        self.notes: list[str] = []
        self.counts = Counts()
        self.marks: dict[str, dict[str, list[Any]]] = {}  # of classes that are one of several

    def run(self) -> Normalised:
        info = self.source["info"]
        self.counts.schemas = len(self.schemas)
        aliases = []
        for name, schema in self.schemas.items():
            if self._is_class(schema, name):
                self.names[name] = self._claim(name)
            else:
                aliases.append(name)
        for name, final in self.names.items():
            self._settle(self.schemas[name], final)
        for name, final in self.names.items():
            self._emit(final, self.schemas[name], f"{self.schema_pointer}/{name}")
        for name in aliases:  # their inline parts may be classes
            self._plain(self.schemas[name], f"{self.schema_pointer}/{name}", class_name(name), (name,))
        operations, paths = self._operations()
        for final, facts in self.classes.items():
            facts["in_union"] = final in self.marks and "fields" in facts
            facts["marks"] = {**facts.pop("constants", {}), **self.marks.get(final, {})}
        for unused in ("webhooks",):
            if self.source.get(unused):
                self.notes.append(f"{pointer(unused)}: what the server calls is no part of a client; not generated")
        document = {
            "openapi": "3.0.3",
            "info": {"title": str(info.get("title", "")), "version": str(info.get("version", ""))},
            "paths": paths,
            "components": {"schemas": self.out},
        }
        return Normalised(
            document=document,
            operations=operations,
            classes=self.classes,
            title=str(info.get("title", "")),
            version=str(info.get("version", "")),
            counts=self.counts,
            aliases=aliases,
            notes=self.notes,
        )

    # --- names ---

    def _claim(self, text: str) -> str:
        """A class name of its own, whose module name is its own too."""
        wanted = stable_class_name(text)
        name, number = wanted, 1
        while (module := module_name(name)) in self.modules:
            number += 1
            name = stable_class_name(f"{wanted}{number}")
        if number > 1:
            self.notes.append(f"{text}: the name {wanted} is taken; the class is {name}")
        elif wanted.lower() != pascal_case(text).lower():
            self.notes.append(f"{text}: the class is {name}")
        self.modules.add(module)
        return name

    def _settle(self, schema: Any, name: str) -> None:
        """Note for the properties that a component states itself, not by reference, that their home is here."""
        for wire, value in (schema.get("properties") or {}).items():
            self.homes.setdefault(id(value), f"{name}{pascal_case(wire)}")
        for part in schema.get("allOf") or []:
            if "$ref" not in part:
                self._settle(part, name)

    # --- references ---

    def _resolve(self, reference: str, place: str) -> Any:
        if not reference.startswith("#/"):
            raise Refused(
                place,
                f"refers to another document: {reference}",
                "Put what it refers to into this document (a fix can do that), or replace the reference.",
            )
        value: Any = self.source
        for part in reference[2:].split("/"):
            key = part.replace("~1", "/").replace("~0", "~").replace("%7B", "{").replace("%7D", "}")
            try:
                value = value[int(key)] if isinstance(value, list) else value[key]
            except (KeyError, IndexError, ValueError, TypeError):
                raise Refused(place, f"refers to {reference}, which is not there") from None
        return value

    def _deref(self, value: Any, place: str) -> Any:
        """Follow references of parameters, bodies, responses and path items."""
        seen: list[str] = []
        while isinstance(value, dict) and "$ref" in value:
            if value["$ref"] in seen:
                raise Refused(place, f"refers to itself through {' -> '.join(seen)}")
            seen.append(value["$ref"])
            value = self._resolve(value["$ref"], place)
        return value

    def _component(self, reference: str) -> str | None:
        """The name of the component schema that a reference means, None for any other reference."""
        prefix = "#/components/schemas/"
        if not reference.startswith(prefix):
            return None
        name = reference[len(prefix) :].replace("~1", "/").replace("~0", "~").replace("%7B", "{").replace("%7D", "}")
        return name if name in self.schemas else None

    # --- schemas ---

    def _is_class(self, schema: Any, name: str) -> bool:
        """Whether a component schema becomes a class: an object with named properties, or an enumeration."""
        if not isinstance(schema, dict) or "$ref" in schema or _sole_reference(schema) is not None:
            return False  # another name for something that has one already
        flat = self._flatten(schema, f"{self.schema_pointer}/{name}", ())
        return bool(flat.get("properties")) or _enum_values(flat) is not None

    def _flatten(self, schema: Any, place: str, seen: tuple[str, ...]) -> dict[str, Any]:
        """One schema without references and allOf at its top, saying what all its parts say."""
        if not isinstance(schema, dict):
            return {}
        if "$ref" in schema:
            reference = schema["$ref"]
            if reference in seen:
                raise Refused(
                    place, f"is composed (allOf) of itself through {reference}", "Break the circle with a fix."
                )
            return self._flatten(self._resolve(reference, place), reference, (*seen, reference))
        merged: dict[str, Any] = {}
        for index, part in enumerate(schema.get("allOf") or []):
            _merge(merged, self._flatten(part, f"{place}/allOf/{index}", seen), place)
        inherited = merged.pop("description", None)
        _merge(merged, {key: value for key, value in schema.items() if key != "allOf"}, place)
        if inherited and not merged.get("description"):
            merged["description"] = inherited
        if merged.get("properties"):
            self._widen(merged, place, seen)
        return merged

    def _widen(self, schema: dict[str, Any], place: str, seen: tuple[str, ...]) -> None:
        """An object with alternatives beside its properties is one object that may have the properties of each."""
        for key in ("oneOf", "anyOf"):
            for index, part in enumerate(schema.pop(key, None) or []):
                flat = self._flatten(part, f"{place}/{key}/{index}", seen)
                for name, value in (flat.get("properties") or {}).items():
                    known = schema["properties"].get(name, value)
                    both = known if known == value else {"anyOf": [known, value]}
                    schema["properties"] = {**schema["properties"], name: both}

    def _plain(self, schema: Any, place: str, hint: str, seen: tuple[str, ...] = ()) -> dict[str, Any]:
        """A schema as it stands where it is used: a class by reference, everything else spelled out.

        Args:
            schema: The schema.
            place: Where it stands.
            hint: What to call a class that it makes necessary.
            seen: Names of the component schemas being spelled out; recursion that no class interrupts ends in Any.
        """
        if not isinstance(schema, dict):
            return {}
        reference = schema if "$ref" in schema else _sole_reference(schema)
        if reference is not None:
            return self._plain_reference(reference, place, hint, seen)
        flat = self._flatten(schema, place, ())
        if flat.get("properties") or _enum_values(flat) is not None:
            if id(schema) not in self.hoisted:
                name = self._claim(self.homes.get(id(schema), hint))
                self.hoisted[id(schema)] = (schema, name)
                self._emit(name, schema, place)
            return _reference_to(self.hoisted[id(schema)][1])
        alternatives = self._alternatives(flat, place)
        if alternatives is not None:
            return self._plain_union(alternatives, hint, seen, flat.get("discriminator"))
        kind = _kind(flat)
        if kind == "array":
            items = flat.get("items", {})
            return {"type": "array", "items": self._plain(items, f"{place}/items", f"{hint}Item", seen)}
        if kind == "object":
            values = flat.get("additionalProperties")
            if not isinstance(values, dict):
                patterns = list((flat.get("patternProperties") or {}).values())
                values = patterns[0] if len(patterns) == 1 else {}
            below = self._plain(values, f"{place}/additionalProperties", f"{hint}Value", seen)
            return {"type": "array", "description": MAP_MARK, "items": below}
        if kind == "string" and flat.get("format") == "binary":
            return {"type": "string", "format": "binary"}
        return {"type": kind} if kind in _SCALARS else {}

    def _plain_reference(self, schema: dict[str, Any], place: str, hint: str, seen: tuple[str, ...]) -> dict[str, Any]:
        name = self._component(schema["$ref"])
        if name is None:  # into the middle of the document
            if schema["$ref"] in seen:
                self.notes.append(f"{place}: recursion through {schema['$ref']} has no class to name; typed as Any")
                return {}
            target = self._resolve(schema["$ref"], place)
            return self._plain(target, schema["$ref"], hint, (*seen, schema["$ref"]))
        if name in self.names:
            return _reference_to(self.names[name])
        if name in seen:
            self.notes.append(f"{place}: recursion through {name} has no class to name; typed as Any")
            return {}
        return self._plain(self.schemas[name], f"{self.schema_pointer}/{name}", class_name(name), (*seen, name))

    def _alternatives(self, schema: dict[str, Any], place: str) -> list[tuple[Any, str]] | None:
        """The schemas one of which a value has, with their places; None if there is but one way."""
        found = []
        for key in ("oneOf", "anyOf"):
            for index, part in enumerate(schema.get(key) or []):
                if isinstance(part, dict) and not _is_null(part) and ("$ref" in part or _structural(part)):
                    found.append((part, f"{place}/{key}/{index}"))
        if found:
            return found
        kinds = [kind for kind in _kinds(schema) if kind != "null"]
        if len(kinds) > 1:
            rest = {key: value for key, value in schema.items() if key != "type"}
            return [({**rest, "type": kind}, f"{place}/type/{kind}") for kind in kinds]
        return None

    def _plain_union(
        self, parts: list[tuple[Any, str]], hint: str, seen: tuple[str, ...], discriminator: Any
    ) -> dict[str, Any]:
        members: list[dict[str, Any]] = []
        for number, (part, place) in enumerate(parts, start=1):
            title = part.get("title") if isinstance(part.get("title"), str) else None
            own = f"{hint}{pascal_case(title)}" if title else hint if len(parts) == 1 else f"{hint}Type{number}"
            member = self._plain(part, place, own, seen)
            if not member:
                return {}
            for one in member.get("anyOf", [member]):
                if one not in members:
                    members.append(one)
                if "$ref" in one:
                    self._mark(_name_of(one), part, discriminator)
        return members[0] if len(members) == 1 else {"anyOf": members}

    def _mark(self, name: str, part: dict[str, Any], discriminator: Any) -> None:
        """Note by which values a class that is one of several is known."""
        marks = self.marks.setdefault(name, {})
        if not isinstance(discriminator, dict) or "$ref" not in part:
            return
        mapping = discriminator.get("mapping") or {}
        component = part["$ref"].rsplit("/", 1)[-1]
        values = [value for value, target in mapping.items() if target.rsplit("/", 1)[-1] == component]
        known = marks.setdefault(str(discriminator.get("propertyName")), [])
        known.extend(value for value in values or [component] if value not in known)

    def _emit(self, name: str, schema: Any, place: str) -> None:
        """Write the component for a class."""
        flat = self._flatten(schema, place, ())
        facts: dict[str, Any] = {
            "description": _text(flat.get("description")),
            "deprecated": flat.get("deprecated") is True,
        }
        self.classes[name] = facts
        component: dict[str, Any] = {}
        self.out[name] = component
        if not flat.get("properties"):
            self._emit_enum(component, facts, flat, place)
            return
        required = set(flat.get("required") or [])
        for phantom in sorted(required - set(flat["properties"])):
            self.notes.append(f"{place}: requires {phantom!r}, which is not among its properties; not required")
        python_names = distinct(flat["properties"], lambda text: identifier(text, reserved=_RESERVED_FIELDS))
        facts["constants"] = {}
        facts["fields"] = fields = {}
        properties: dict[str, Any] = {}
        keys = []
        for number, (wire, value) in enumerate(flat["properties"].items(), start=1):
            python = python_names[wire]
            key = python if stable_identifier(python) else f"field_{number}"
            below = f"{place}/properties/{wire}"
            properties[key] = self._plain(value, below, f"{name}{pascal_case(wire)}")
            info = self._describe(value, below)
            if wire in required and not info.pop("optional"):
                keys.append(key)
            info.pop("optional", None)
            fields[key] = {"wire": wire, "python": python, **info}
            constant = _enum_values(self._flatten(value, below, ()))
            if constant is not None and len(constant) == 1:
                facts["constants"][wire] = constant
        component.update({"type": "object", "properties": properties})
        if keys:
            component["required"] = keys
        values = flat.get("additionalProperties")
        if isinstance(values, dict):
            free = self._plain(values, f"{place}/additionalProperties", f"{name}Extra")
            if free:
                component["additionalProperties"] = free

    def _emit_enum(self, component: dict[str, Any], facts: dict[str, Any], flat: dict[str, Any], place: str) -> None:
        values = _enum_values(flat)
        assert values is not None
        members = distinct([str(value) for value in values], constant, taken={"MRO"})
        facts["members"] = [[members[str(value)], value] for value in values]
        kind = "integer" if isinstance(values[0], int) else "string"
        if any(type(value) is not type(values[0]) for value in flat.get("enum") or [] if value is not None):
            self.notes.append(f"{place}/enum: values that are no {kind} are read as one")
        component.update({"type": kind, "enum": values, "x-enum-varnames": list(members.values())})

    def _describe(self, schema: Any, place: str) -> dict[str, Any]:
        """What a reader should know of a property or parameter beyond its type."""
        if not isinstance(schema, dict):
            return {"description": "", "deprecated": False, "optional": False}
        target = schema
        if "$ref" in schema:
            target = self._deref(schema, place)
        elif (reference := _sole_reference(schema)) is not None:
            target = self._deref(reference, place)
        nullable = any(isinstance(each, dict) and _is_nullable(each) for each in (schema, target))
        return {
            "description": _text(schema.get("description")) or _text(target.get("description")),
            "deprecated": schema.get("deprecated") is True,
            # What a server fills in cannot be asked of the caller, and None is how null is given.
            "optional": nullable or schema.get("readOnly") is True,
        }

    # --- operations ---

    def _operations(self) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
        found = list(self._each_operation())
        self.counts.operations = len(found)
        ids = distinct(
            [f"{method} {path}" for path, method, _, _ in found],
            lambda text: operation_id(text.split(" ", 1)[1], text.split(" ", 1)[0]),
        )
        operations: dict[str, dict[str, Any]] = {}
        paths: dict[str, Any] = {}
        for path, method, item, operation in found:
            wanted = operation_id(path, method)
            name = ids[f"{method} {path}"]
            if name != wanted:
                self.notes.append(f"{pointer('paths', path, method)}: the id {wanted} is taken; it is {name}")
            facts, plain = self._operation(path, method, item, operation, name)
            operations[name] = facts
            # Paths and places are facts; the generator has rules of its own for them, and needs to know neither.
            paths[f"/{name}"] = {method: plain}
        return operations, paths

    def _each_operation(self) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
        for path, item in self.source["paths"].items():
            item = self._deref(item, pointer("paths", path))
            for method in METHODS:
                if method in item:
                    yield path, method, item, item[method]

    def _operation(
        self, path: str, method: str, item: dict[str, Any], operation: dict[str, Any], name: str
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        place = pointer("paths", path, method)
        if operation.get("callbacks"):
            self.notes.append(f"{place}/callbacks: what the server calls is no part of a client; not generated")
        tags = [_text(tag) for tag in operation.get("tags") or []] or [_tag_of(path)]
        if len(tags) > 1:
            self.notes.append(f"{place}/tags: filed under the first of {', '.join(tags)}")
        hint = pascal_case(name)
        parameters, tokens = self._parameters(path, item, operation, hint)
        auth, *other_auth = self._auth(operation, tokens)
        by_place = {
            where: [p for p in parameters if p["in"] == where] for where in ("path", "query", "header", "cookie")
        }
        full = self._base_path(item, operation, place) + path
        facts: dict[str, Any] = {
            "id": name,
            "api": self.api,
            "method": method.upper(),
            "path": full,
            "tag": tags[0],
            "tag_module": tag_name(tags[0]),
            "auth": auth,
            "other_auth": other_auth,
            "kind": None,
            "idempotent": False,
            "paging": None,
            "family": None,
            "ids": [],
            "deprecated": operation.get("deprecated") is True,
            "published_id": operation.get("operationId"),
            "summary": _text(operation.get("summary")),
            "description": _text(operation.get("description")),
            **{f"{where}_parameters": found for where, found in by_place.items()},
            "path_parts": _path_parts(full, {p["wire"]: p["python"] for p in by_place["path"]}, place),
        }
        facts.update(self.facts.get(name, {}))
        plain: dict[str, Any] = {"operationId": name, "tags": [facts["tag_module"]]}
        if parameters:
            plain["parameters"] = [
                {"name": p["key"], "in": "query", "required": p["required"], "schema": p.pop("schema")}
                for p in parameters
            ]
        facts["body"] = self._body(operation, plain, place, hint)
        facts["results"], plain["responses"] = self._results(operation, place, hint)
        return facts, plain

    def _base_path(self, item: dict[str, Any], operation: dict[str, Any], place: str) -> str:
        for holder in (operation, item, self.source):
            if holder.get("servers"):
                server = holder["servers"][0]
                url = server.get("url", "")
                for variable, value in (server.get("variables") or {}).items():
                    url = url.replace(f"{{{variable}}}", str(value.get("default", "")))
                base = urlsplit(url).path.rstrip("/")
                if "{" in base:
                    raise Refused(f"{place}: server", f"the base path {base!r} holds a variable without a default")
                return base if base.startswith("/") or not base else f"/{base}"
        return ""

    def _auth(self, operation: dict[str, Any], tokens: list[str]) -> list[list[str]]:
        """The ways in, each the schemes it needs, the cheapest first; one without any token needs no telling.

        ``tokens`` are those that the document passes as header parameters: every way takes them.
        """
        stated = [list(way) for way in operation.get("security", self.source.get("security")) or [] if way] or [[]]
        ways: list[list[str]] = []
        for way in sorted(stated, key=len):
            whole = [*way, *(token for token in tokens if token not in way)]
            if set(whole) not in [set(known) for known in ways]:
                ways.append(whole)
        return ways

    def _parameters(
        self, path: str, item: dict[str, Any], operation: dict[str, Any], hint: str
    ) -> tuple[list[dict[str, Any]], list[str]]:
        """The arguments of an operation and the tokens that its document passes as header parameters."""
        resolved: dict[tuple[str, str], tuple[dict[str, Any], str]] = {}
        for holder, place in ((item, pointer("paths", path)), (operation, f"{pointer('paths', path)}/operation")):
            for index, parameter in enumerate(holder.get("parameters") or []):
                below = f"{place}/parameters/{index}"
                parameter = self._deref(parameter, below)
                resolved[parameter["in"], parameter["name"]] = (parameter, below)
        self.counts.parameters += len(resolved)
        tokens = []
        wanted = []
        for (where, wire), (parameter, place) in resolved.items():
            if where == "header" and wire in TOKEN_HEADERS:
                tokens.append(wire)
            elif where == "header" and wire.lower() in _TRANSPORT_HEADERS:
                self.notes.append(f"{place}: the header {wire} is set by the transport; no argument")
            else:
                wanted.append((where, wire, parameter, place))
        names = distinct(
            [f"{where} {wire}" for where, wire, _, _ in wanted],
            lambda text: identifier(text.split(" ", 1)[1], "parameter_", _RESERVED_ARGUMENTS),
        )
        found = []
        for number, (where, wire, parameter, place) in enumerate(wanted, start=1):
            python = names[f"{where} {wire}"]
            schema, style = self._parameter_style(parameter, where, place)
            plain = self._plain(schema, f"{place}/schema", f"{hint}{pascal_case(wire)}")
            found.append({
                "in": where,
                "wire": wire,
                "python": python,
                "key": python if stable_identifier(python) else f"parameter_{number}",
                "required": where == "path" or parameter.get("required") is True,
                "description": _text(parameter.get("description")) or self._describe(schema, place)["description"],
                "style": style,
                "schema": plain,
            })  # fmt: skip
        found.sort(key=lambda p: not p["required"])
        order = re.findall(r"{([^{}]*)}", path)
        declared = {str(p["wire"]) for p in found if p["in"] == "path"}
        if set(order) != declared:
            missing = ", ".join(sorted(set(order) ^ declared))
            raise Refused(pointer("paths", path), f"path and path parameters differ in: {missing}",
                          "Declare the parameter, or remove it, with a fix.")  # fmt: skip
        found.sort(key=lambda p: order.index(p["wire"]) if p["in"] == "path" else len(order))
        return found, tokens

    def _parameter_style(self, parameter: dict[str, Any], where: str, place: str) -> tuple[Any, str]:
        """The schema of a parameter and how its value is written: ``plain``, ``comma``, ``space``, ``pipe``, ..."""
        if parameter.get("content"):
            kind, media = next(iter(parameter["content"].items()))
            if not _is_json(kind):
                raise Refused(f"{place}/content", f"a parameter written as {kind}", "Only JSON can be; use a fix.")
            return media.get("schema", {}), "json"
        schema = parameter.get("schema", {})
        style = parameter.get("style") or ("form" if where in ("query", "cookie") else "simple")
        explode = parameter.get("explode", style == "form")
        shape = _kind(self._flatten(schema, place, ()))
        if style == "deepObject":
            return schema, "deep"
        if shape == "object":
            if style == "form" and explode:
                return schema, "fields"
            raise Refused(place, f"an object written in the style {style}", "Use form with explode, or deepObject.")
        if style in ("matrix", "label"):
            raise Refused(place, f"a path parameter in the style {style}", "Only the style simple can be written.")
        if shape != "array" or (style == "form" and explode):
            return schema, "plain"
        return schema, {"spaceDelimited": "space", "pipeDelimited": "pipe"}.get(style, "comma")

    def _body(self, operation: dict[str, Any], plain: dict[str, Any], place: str, hint: str) -> dict[str, Any] | None:
        body = self._deref(operation.get("requestBody"), f"{place}/requestBody")
        content = (body or {}).get("content") or {}
        if not content:
            return None
        kinds = {media: _body_kind(media) for media in content}
        rank = ("json", "form", "multipart", "text", "bytes")
        media = min(content, key=lambda each: rank.index(kinds[each]))
        if len(content) > 1:
            self.notes.append(
                f"{place}/requestBody: sent as {media}; not as {', '.join(m for m in content if m != media)}"
            )
        kind = kinds[media]
        schema = content[media].get("schema", {})
        below = f"{place}/requestBody/content/{media.replace('/', '~1')}/schema"
        facts = {
            "kind": kind,
            "content_type": "application/json" if media == "*/*" else media,
            "required": body.get("required") is True,
            "description": _text(body.get("description")) or self._describe(schema, below)["description"],
        }
        if kind != "bytes":
            shape = {"type": "string"} if kind == "text" else self._plain(schema, below, f"{hint}Body")
            plain["requestBody"] = {"required": facts["required"], "content": {"application/json": {"schema": shape}}}
        return facts

    def _results(self, operation: dict[str, Any], place: str, hint: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """What counts as success and how it is read; error answers are the runtime's, whatever they look like."""
        responses = {
            "default" if status == "default" else status.upper(): self._deref(response, f"{place}/responses/{status}")
            for status, response in (operation.get("responses") or {}).items()
            if not status.startswith("x-")
        }
        good = {status: response for status, response in responses.items() if status[0] == "2" or status == "304"}
        if not any(status[0] == "2" for status in good):
            # A document that names no success means "default" by it, or nothing at all.
            self.notes.append(f"{place}/responses: names no success; every answer 2xx counts as one")
            default = responses.get("default", {})
            looks_like_error = any(
                word in _text(default.get("description")).lower() for word in ("error", "unexpected")
            )
            good["2XX"] = {} if looks_like_error else default
        results = []
        plain: dict[str, Any] = {}
        for status, response in sorted(good.items(), key=lambda each: ("X" in each[0], each[0])):
            content = response.get("content") or {}
            kinds = {media: _answer_kind(media) for media in content}
            media = min(content, key=lambda each: ("json", "text", "bytes").index(kinds[each]), default="")
            kind = kinds.get(media, "none")
            if status == "304" or (kind == "json" and "schema" not in content[media]):
                kind = "none" if status == "304" else kind
            if len(content) > 1:
                others = ", ".join(each for each in content if each != media)
                self.notes.append(f"{place}/responses/{status}: read as {media}; not as {others}")
            results.append({"status": status, "kind": kind, "description": _text(response.get("description"))})
            if kind == "json":
                below = f"{place}/responses/{status}"
                shape = self._plain(
                    content[media].get("schema", {}), below, f"{hint}Response{'' if len(good) == 1 else status}"
                )
                plain[status] = {"description": "", "content": {"application/json": {"schema": shape}}}
        return results, plain


# --- schemas, seen from outside ---

_ANNOTATIONS = {
    "default", "deprecated", "description", "discriminator", "example", "examples", "externalDocs", "format",
    "nullable", "readOnly", "title", "writeOnly", "xml", "$comment", "required", "not", "minProperties",
    "maxProperties",
}  # fmt: skip


def _structural(schema: dict[str, Any]) -> set[str]:
    """The keys of a schema that shape a value's type; the rest describes or limits it."""
    return {key for key in schema if key not in _ANNOTATIONS and not key.startswith("x-")}


def _sole_reference(schema: dict[str, Any]) -> dict[str, Any] | None:
    """The reference that a schema merely wraps, as in ``allOf: [$ref]`` beside a description."""
    for key in ("allOf", "anyOf", "oneOf"):
        parts = [part for part in schema.get(key) or [] if not _is_null(part)]
        if len(parts) == 1 and "$ref" in parts[0] and not _structural(schema) - {key, "type"}:
            reference: dict[str, Any] = parts[0]
            return reference
    return None


def _kinds(schema: dict[str, Any]) -> list[str]:
    stated = schema.get("type")
    return [stated] if isinstance(stated, str) else list(stated or [])


def _kind(schema: dict[str, Any]) -> str | None:
    """The one JSON type of a schema, stated or implied; None if it may have several."""
    kinds = [kind for kind in _kinds(schema) if kind != "null"]
    if len(kinds) == 1:
        return kinds[0]
    if kinds or schema.get("oneOf") or schema.get("anyOf"):
        return None
    if any(key in schema for key in ("properties", "additionalProperties", "patternProperties")):
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else None


def _is_null(schema: Any) -> bool:
    return isinstance(schema, dict) and (schema.get("type") == "null" or schema.get("enum") == [None])


def _is_nullable(schema: dict[str, Any]) -> bool:
    return (
        schema.get("nullable") is True
        or schema.get("x-nullable") is True
        or "null" in _kinds(schema)
        or None in (schema.get("enum") or [])
        or any(_is_null(part) for key in ("oneOf", "anyOf") for part in schema.get(key) or [])
    )


def _enum_values(schema: dict[str, Any]) -> list[str] | list[int] | None:
    """The values of an enumeration that becomes a class: all text or all integers; None if it becomes none."""
    stated = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if not stated or schema.get("oneOf") or schema.get("anyOf"):
        return None
    values = [value for value in stated if value is not None]
    kind = _kind(schema)
    if kind is None and values:
        kind = (
            "string"
            if all(isinstance(v, str) for v in values)
            else "integer"
            if all(type(v) is int for v in values)
            else None
        )
    if kind == "string":
        return list(dict.fromkeys(value if isinstance(value, str) else json.dumps(value) for value in values)) or None
    if kind == "integer":
        try:
            return list(dict.fromkeys(int(value) for value in values)) or None
        except (TypeError, ValueError):
            return None
    return None


def _merge(into: dict[str, Any], part: dict[str, Any], place: str) -> None:
    """Add to a schema what another one demands at the same time."""
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


def _same(first: Any, second: Any) -> bool:
    """Whether two schemas say the same, but for descriptions around a reference."""
    if first == second:
        return True
    references = [
        each if "$ref" in each else _sole_reference(each) for each in (first, second) if isinstance(each, dict)
    ]
    return len(references) == 2 and references[0] is not None and references[0] == references[1]


def _common_type(first: Any, second: Any, place: str) -> Any:
    left, right = _kinds({"type": first}), _kinds({"type": second})
    common = [kind for kind in right if kind in left]
    if not common and {*left, *right} <= {"integer", "number"}:
        common = ["integer"]
    if not common:
        raise Refused(place, f"allOf of {first} and {second}: no value is both", "Remove one with a fix.")
    return common[0] if len(common) == 1 else common


def _reference_to(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _name_of(reference: dict[str, Any]) -> str:
    return str(reference["$ref"]).rsplit("/", 1)[-1]


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else "" if value is None else str(value)


# --- operations, seen from outside ---


def _tag_of(path: str) -> str:
    """A tag for an operation without one: the first part of its path that says what it is about."""
    words = [snake_case(part) for part in path.split("/") if part and "{" not in part]
    return next((word for word in words if word and not re.fullmatch(r"api|v\d+", word)), "default")


def _path_parts(path: str, names: dict[str, str], place: str) -> list[list[str]]:
    """The path as literal text and arguments in turn."""
    if "?" in path or "#" in path:
        raise Refused(place, "a query or fragment in the path", "Make its parts query parameters, with a fix.")
    parts = []
    for index, part in enumerate(re.split(r"{([^{}]*)}", path)):
        if index % 2:
            parts.append(["argument", names[part]])
        elif part:
            parts.append(["text", quote(part, safe="/:@!$&'()*+,;=-._~%")])
    return parts


def _is_json(media: str) -> bool:
    kind = media.split(";", maxsplit=1)[0].strip().lower()
    return kind in ("application/json", "*/*", "application/*", "text/json") or kind.endswith("+json")


def _body_kind(media: str) -> str:
    kind = media.split(";", maxsplit=1)[0].strip().lower()
    if _is_json(media):
        return "json"
    if kind == "application/x-www-form-urlencoded":
        return "form"
    if kind == "multipart/form-data":
        return "multipart"
    return "text" if kind.startswith("text/") else "bytes"


def _answer_kind(media: str) -> str:
    if _is_json(media):
        return "json"
    return "text" if media.lower().startswith("text/") else "bytes"
