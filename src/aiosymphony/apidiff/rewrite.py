"""Checks a document in own words against the vendor's: both must say the same of the wire.

Words are left out: descriptions, summaries, titles, examples, operation ids, tags, deprecation, vendor extensions, and
the names of schemas, security schemes and parameters of the path. A schema's name counts where a discriminator without
a mapping sends it. Headers of answers are not compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .facts import facts_of_parameter, facts_of_schema
from .surface import METHODS, Json, Reader, pointer, token_of, ways_in

_SHAPES = ("properties", "items", "additionalProperties", "oneOf", "anyOf")


@dataclass(frozen=True)
class Difference:
    """Something that the two documents say differently of the wire.

    Attributes:
        vendor: Where it is in the vendor's document, as a JSON pointer; what it should stand in if it is missing.
        ours: The same for our document.
        detail: What they say.
    """

    vendor: str
    ours: str
    detail: str

    def __str__(self) -> str:
        return f"{self.vendor} | {self.ours}: {self.detail}"


def wire_differences(vendor: Json, ours: Json) -> list[Difference]:
    """Compare what two documents, Swagger 2.0 or OpenAPI 3, say of the wire.

    Raises:
        ValueError: A document is neither Swagger 2.0 nor OpenAPI 3, or a reference in it leads nowhere.
    """
    return list(dict.fromkeys(_Comparison(_Document(vendor), _Document(ours)).all()))


@dataclass
class _Schema:
    """A schema with its compositions written out, and the place of each part."""

    place: str
    name: str = ""
    stated: Json = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    properties: dict[str, tuple[Any, str]] = field(default_factory=dict)
    parts: dict[str, tuple[Any, str]] = field(default_factory=dict)  # items and additionalProperties
    alternatives: list[tuple[Any, str]] = field(default_factory=list)


class _Document(Reader):
    """One of the two documents."""

    def operations(self) -> dict[tuple[str, str], tuple[str, Json, Json]]:
        """Operations by method and path without its names: the path, what holds it, and itself."""
        found = {}
        for path, item in self.document["paths"].items():
            item = self.resolve(item)
            for method in METHODS:
                if method in item:
                    found[method, re.sub(r"{[^}]*}", "{}", path)] = (path, item, item[method])
        return found

    def parameters(
        self, path: str, method: str, item: Json, operation: Json
    ) -> dict[tuple[str, str], tuple[Json, str]]:
        """Parameters by place and name with where they are; those of the path by their number."""
        order = re.findall(r"{([^}]*)}", path)
        found = {}
        for holder, at in ((item, ("paths", path)), (operation, ("paths", path, method))):
            for index, parameter in enumerate(holder.get("parameters") or []):
                target, place = self.follow(parameter, pointer(*at, "parameters", str(index)))
                where, name = target["in"], str(target["name"])
                if where == "path" and name in order:
                    name = f"{order.index(name) + 1} of the path"
                found[where, name.lower() if where == "header" else name] = (target, place)
        return found

    def carried(self, scheme: str) -> str:
        """What a security scheme puts on a request, whatever it is called."""
        holder = self.document if self.swagger else self.document.get("components") or {}
        stated = (holder.get("securityDefinitions" if self.swagger else "securitySchemes") or {}).get(scheme) or {}
        if stated.get("type") == "apiKey":
            name = str(stated.get("name"))
            return token_of(name) or f"{stated.get('in')} {name}"
        if stated.get("type") in ("http", "basic"):
            return f"http {stated.get('scheme', 'basic')}".lower()
        return token_of(scheme) or str(stated.get("type") or scheme)

    def body(self, operation: Json, place: str, parameters: Mapping[Any, tuple[Json, str]]) -> tuple[bool, Json, str]:
        """The body: whether it is required, its schemas with their places by media type, and its place."""
        if not self.swagger:
            if "requestBody" not in operation:
                return False, {}, place
            body, place = self.follow(operation["requestBody"], f"{place}/requestBody")
            return body.get("required") is True, self._content(body.get("content") or {}, place), place
        media = operation.get("consumes") or self.document.get("consumes")
        for (where, _), (parameter, at) in parameters.items():
            if where == "body":
                schemas = dict.fromkeys(media or ["application/json"], (parameter.get("schema") or {}, f"{at}/schema"))
                return parameter.get("required") is True, schemas, at
        form = {name: parameter for (where, name), (parameter, _) in parameters.items() if where == "formData"}
        if not form:
            return False, {}, place
        required = [name for name, parameter in form.items() if parameter.get("required") is True]
        # A file may look otherwise on the two sides, and is the same part.
        fields = {
            name: {"type": "string", "format": "binary"} if each.get("type") == "file" else _schema_of(each)
            for name, each in form.items()
        }
        shape = {"type": "object", "properties": fields, "required": required}
        has_file = any(each.get("type") == "file" for each in form.values())
        kinds = [each for each in media or [] if each.startswith(("multipart/", "application/x-www-form"))]
        kinds = kinds or ["multipart/form-data" if has_file else "application/x-www-form-urlencoded"]
        return bool(required), dict.fromkeys(kinds, (shape, f"{place}/parameters")), f"{place}/parameters"

    def answers(self, operation: Json, place: str) -> dict[str, tuple[Json, str]]:
        """Schemas by media type of each status, with its place."""
        found = {}
        for status, response in (operation.get("responses") or {}).items():
            if str(status).startswith("x-"):
                continue
            target, at = self.follow(response, f"{place}/responses/{status}")
            if not self.swagger:
                schemas = self._content(target.get("content") or {}, at)
            elif "schema" in target:
                media = operation.get("produces") or self.document.get("produces") or ["application/json"]
                schema = target["schema"]
                schema = {"type": "string", "format": "binary"} if schema.get("type") == "file" else schema
                schemas = dict.fromkeys(media, (schema, f"{at}/schema"))
            else:
                schemas = {}
            found[str(status).upper()] = (schemas, at)
        return found

    def _content(self, content: Json, place: str) -> Json:
        return {
            media: (each.get("schema") or {}, f"{place}{pointer('content', media, 'schema')[1:]}")
            for media, each in content.items()
        }

    def follow(self, value: Any, place: str) -> tuple[Any, str]:
        """What a reference leads to, and where that is."""
        while isinstance(value, dict) and isinstance(value.get("$ref"), str):
            place = value["$ref"]
            value = self.resolve({"$ref": place})
        return value, place

    def schema(self, value: Any, place: str, depth: int = 0) -> _Schema:
        """A schema with references and compositions written out."""
        beside = {key: each for key, each in value.items() if key != "$ref"} if isinstance(value, dict) else {}
        was = place
        target, place = self.follow(value, place)
        found = _Schema(place, place.rsplit("/", 1)[-1])
        if not isinstance(target, dict) or depth > 30:
            return found
        for index, part in enumerate(target.get("allOf") or []):
            self._add(found, self.schema(part, f"{place}/allOf/{index}", depth + 1))
        for key in ("oneOf", "anyOf"):
            parts = [(each, f"{place}/{key}/{index}") for index, each in enumerate(target.get(key) or [])]
            some = [each for each in parts if not (isinstance(each[0], dict) and each[0].get("type") == "null")]
            if len(some) < len(parts):
                found.stated["nullable"] = True
            if len(some) == 1:  # one alternative is none
                self._add(found, self.schema(*some[0], depth + 1))
            else:
                found.alternatives += some
        own = _Schema(place)
        own.stated = {key: each for key, each in target.items() if key not in (*_SHAPES, "allOf", "required", "$ref")}
        own.required = set(target["required"]) if isinstance(target.get("required"), list) else set()
        for name, each in (target.get("properties") or {}).items():
            own.properties[name] = (each, f"{place}{pointer('properties', name)[1:]}")
        for key in ("items", "additionalProperties"):
            if isinstance(target.get(key), dict) and target[key]:
                own.parts[key] = (target[key], f"{place}/{key}")
        if target.get("additionalProperties") is False:
            own.stated["additionalProperties"] = False
        self._add(found, own)
        if was != place and beside and str(self.document.get("openapi", "")).startswith("3.1"):  # 3.0 passes it over
            self._add(found, self.schema(beside, was, depth + 1))
        return found

    def _add(self, found: _Schema, part: _Schema) -> None:
        found.stated |= part.stated
        found.required |= part.required
        found.properties |= part.properties
        found.parts |= part.parts
        found.alternatives += part.alternatives


class _Comparison:
    def __init__(self, vendor: _Document, ours: _Document) -> None:
        self.vendor = vendor
        self.ours = ours
        self._seen: set[tuple[str, str]] = set()

    def all(self) -> Iterator[Difference]:
        theirs, mine = self.vendor.operations(), self.ours.operations()
        for key in [*theirs, *(key for key in mine if key not in theirs)]:
            if key not in mine:
                path = theirs[key][0]
                yield Difference(
                    pointer("paths", path, key[0]), "#/paths", f"{key[0].upper()} {path} is missing in ours"
                )
            elif key not in theirs:
                path = mine[key][0]
                yield Difference("#/paths", pointer("paths", path, key[0]), f"{key[0].upper()} {path} is only in ours")
            else:
                yield from self._operation(key[0], theirs[key], mine[key])

    def _operation(
        self, method: str, vendor: tuple[str, Json, Json], ours: tuple[str, Json, Json]
    ) -> Iterator[Difference]:
        at = pointer("paths", vendor[0], method), pointer("paths", ours[0], method)
        (host, base), (our_host, our_base) = self.vendor.server(*vendor[1:]), self.ours.server(*ours[1:])
        yield from _told(at, "the base path", base or "/", our_base or "/")
        if host and our_host:
            yield from _told(at, "the server", host, our_host)
        theirs = self.vendor.parameters(vendor[0], method, *vendor[1:])
        mine = self.ours.parameters(ours[0], method, *ours[1:])
        ways = [
            {
                frozenset(side.carried(each) for each in way)
                for way in ways_in(side.document, operation, [name for place, name in given if place == "header"])
            }
            for side, operation, given in ((self.vendor, vendor[2], theirs), (self.ours, ours[2], mine))
        ]
        yield from _told(at, "tokens", *(sorted(map(sorted, each)) for each in ways))
        sides = [
            {
                key: each
                for key, each in given.items()
                if key[0] not in ("body", "formData") and not (key[0] == "header" and token_of(key[1]))
            }
            for given in (theirs, mine)
        ]
        for key, one, other in _both(*sides):
            if one is None or other is None:
                yield _only(at, one, other, f"the {key[0]} parameter {key[1]}")
                continue
            places = one[1], other[1]
            yield from self._parameter(places, one[0], other[0])
        yield from self._bodies((self.vendor.body(vendor[2], at[0], theirs), self.ours.body(ours[2], at[1], mine)))
        answers = self.vendor.answers(vendor[2], at[0]), self.ours.answers(ours[2], at[1])
        for status, one, other in _both(*answers):
            if one is None or other is None:
                yield _only((f"{at[0]}/responses", f"{at[1]}/responses"), one, other, f"the status {status}")
            else:
                yield from self._media((one[1], other[1]), one[0], other[0])

    def _parameter(self, places: tuple[str, str], one: Json, other: Json) -> Iterator[Difference]:
        required = [each.get("in") == "path" or each.get("required") is True for each in (one, other)]
        yield from _told(places, "required", *required)
        schemas = []
        for side, parameter, place in ((self.vendor, one, places[0]), (self.ours, other, places[1])):
            if side.swagger:
                schemas.append((_schema_of(parameter), place))
            else:
                content = next(iter((parameter.get("content") or {}).values()), parameter)
                schemas.append((content.get("schema") or {}, f"{place}/schema"))
        styles = [
            facts_of_parameter(each, side.schema(*schema).stated)
            for each, side, schema in zip((one, other), (self.vendor, self.ours), schemas, strict=True)
        ]
        for key, was, now in _both(*styles):
            yield from _told(places, key, was, now)
        yield from self._schema(*schemas)

    def _bodies(self, bodies: tuple[tuple[bool, Json, str], tuple[bool, Json, str]]) -> Iterator[Difference]:
        one, other = bodies
        if not one[1] or not other[1]:
            if one[1] or other[1]:
                yield _only((one[2], other[2]), one[1] or None, other[1] or None, "the body")
            return
        yield from _told((one[2], other[2]), "required", one[0], other[0])
        yield from self._media((one[2], other[2]), one[1], other[1])

    def _media(self, places: tuple[str, str], one: Json, other: Json) -> Iterator[Difference]:
        for media, schema, our_schema in _both(one, other):
            if schema is None or our_schema is None:
                yield _only(places, schema, our_schema, f"the media type {media}")
            else:
                yield from self._schema(schema, our_schema)

    def _schema(self, one: tuple[Any, str], other: tuple[Any, str]) -> Iterator[Difference]:
        vendor, ours = self.vendor.schema(*one), self.ours.schema(*other)
        places = vendor.place, ours.place
        if places in self._seen:
            return
        self._seen.add(places)
        for key, was, now in _both(_facts(vendor), _facts(ours)):
            yield from _told(places, key, was, now)
        for name, value, our_value in _both(vendor.properties, ours.properties):
            if value is None or our_value is None:
                yield _only(places, value, our_value, f"the property {name}")
            else:
                required = [name in each.required for each in (vendor, ours)]
                yield from _told((value[1], our_value[1]), "required", *required)
                yield from self._schema(value, our_value)
        for key, value, our_value in _both(vendor.parts, ours.parts):
            if value is None or our_value is None:
                yield _only(places, value, our_value, f"a schema of {key}")
            else:
                yield from self._schema(value, our_value)
        yield from self._alternatives(vendor, ours)

    def _alternatives(self, vendor: _Schema, ours: _Schema) -> Iterator[Difference]:
        """Alternatives have no order: each is paired with the first that is the same, and what is left in order."""
        left = list(ours.alternatives)
        unlike = []
        for each in vendor.alternatives:
            same = next((other for other in left if self._same(each, other)), None)
            if same is None:
                unlike.append(each)
            else:
                left.remove(same)
        for index in range(max(len(unlike), len(left))):
            if index >= len(unlike) or index >= len(left):
                one = unlike[index] if index < len(unlike) else None
                other = left[index] if index < len(left) else None
                yield _only((vendor.place, ours.place), one, other, "an alternative")
            else:
                yield from self._schema(unlike[index], left[index])

    def _same(self, one: tuple[Any, str], other: tuple[Any, str]) -> bool:
        seen = set(self._seen)
        try:
            return next(self._schema(one, other), None) is None
        finally:
            self._seen = seen


def _facts(schema: _Schema) -> Json:
    """What a schema states of a value, in one form for all versions of OpenAPI."""
    stated = schema.stated
    facts = facts_of_schema(stated)
    facts.pop("discriminator mapping", None)
    kinds = stated.get("type")
    kinds = set(kinds) if isinstance(kinds, list) else {kinds} if kinds else set()
    values = stated.get("enum", [stated["const"]] if "const" in stated else None)
    nullable = stated.get("nullable") is True or stated.get("x-nullable") is True or "null" in kinds
    if not kinds and schema.properties:
        kinds = {"object"}
    facts["type"] = sorted(kinds - {"null"}) or None
    facts["values"] = sorted((each for each in values or [] if each is not None), key=repr) or None
    facts["null"] = nullable or None in (values or []) or None
    facts["other properties"] = stated.get("additionalProperties")
    if isinstance(discriminator := stated.get("discriminator"), dict):
        mapping = discriminator.get("mapping") or {}
        names = [str(each["$ref"]).rsplit("/", 1)[-1] for each, _ in schema.alternatives if "$ref" in each]
        targets = {str(target).rsplit("/", 1)[-1] for target in mapping.values()}
        facts["values of the discriminator"] = sorted({*mapping, *(name for name in names if name not in targets)})
    return {key: value for key, value in facts.items() if value is not None}


def _schema_of(parameter: Json) -> Json:
    """The schema of a parameter of Swagger 2.0, which stands among what else it says."""
    return {key: value for key, value in parameter.items() if key not in ("in", "name", "required", "collectionFormat")}


def _both(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> Iterator[tuple[Any, Any, Any]]:
    for key in [*one, *(key for key in other if key not in one)]:
        yield key, one.get(key), other.get(key)


def _told(places: tuple[str, str], what: str, vendor: Any, ours: Any) -> Iterator[Difference]:
    if vendor != ours or isinstance(vendor, bool) != isinstance(ours, bool):
        said = ["nothing" if each is None else repr(each) for each in (vendor, ours)]
        yield Difference(*places, f"{what}: the vendor says {said[0]}, ours says {said[1]}")


def _only(places: tuple[str, str], vendor: Any, ours: Any, what: str) -> Difference:
    one = vendor[1] if isinstance(vendor, tuple) else places[0]
    other = ours[1] if isinstance(ours, tuple) else places[1]
    return Difference(one, other, f"{what} is {'only in ours' if vendor is None else 'missing in ours'}")
