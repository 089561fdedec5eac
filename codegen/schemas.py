"""Makes classes of the schemas that need one, and writes the others out where they are used.

Every object with properties and every enumeration becomes a class, wherever it is. Arrays, maps, scalars and unions do
not. Compositions (``allOf``) are merged.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .facts import EnumFacts, Field, ModelFacts
from .names_lock import NamesLock
from .naming import (
    class_name,
    constant,
    identifier,
    module_name,
    pascal_case,
    stable_class_name,
    stable_identifier,
)
from .problem import CodegenError
from .references import SCHEMAS, References, last_part, reference_to
from .runtime import RESERVED_CLASSES, RESERVED_FIELDS, RESERVED_MODULES
from .shapes import (
    SCALARS,
    enum_values,
    is_null,
    is_nullable,
    kind_of,
    kinds,
    merge,
    sole_reference,
    structural,
    text,
)

#: Descriptions are the one thing of an inline schema that the generator hands to templates as it is. An array whose
#: description begins with this mark is an object with free keys, and its items are the values.
MAP_MARK = "map:"
#: With this one at its end, the items may be null.
NULL_MARK = "null"


@dataclass(frozen=True)
class Words:
    """What a reader should know of a property or argument beyond its type.

    Attributes:
        description: The document's words.
        deprecated: Whether the document marks it so.
        optional: Whether it may be None even where the document requires it.
    """

    description: str = ""
    deprecated: bool = False
    optional: bool = False


class Schemas:
    """The schemas of one document.

    Attributes:
        components: The schema of each class in plain form, for the generator.
    """

    def __init__(
        self,
        references: References,
        notes: list[str],
        names: NamesLock,
        present: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        self._lock = names
        self._present = present or {}
        self.components: dict[str, Any] = {}
        self._references = references
        self._notes = notes
        self._names: dict[str, str] = {}  # class names of component schemas
        self._modules = set(RESERVED_MODULES)
        # By identity of the schema: one that is inherited (allOf) by many is still one class, named after its home.
        self._inline: dict[int, tuple[Any, str]] = {}
        self._homes: dict[int, str] = {}
        self._facts: dict[str, ModelFacts | EnumFacts] = {}
        self._marks: dict[str, dict[str, list[Any]]] = {}  # of classes that are one of several

    def read_components(self) -> int:
        """Make the classes of the component schemas. They get their names before the schemas inside others.

        Returns:
            How many of the component schemas are classes.
        """
        schemas = self._references.schemas
        classes = [name for name, schema in schemas.items() if self._is_class(schema, name)]
        # Those that had a name, then those that are spelled like theirs, then the others.
        for name in sorted(classes, key=lambda each: (not self._had_name(each), class_name(each) != each)):
            self._names[name] = self._claim(name, f"schema {name}")
        for name, final in self._names.items():
            self._note_homes(schemas[name], final)
        for name, final in self._names.items():
            self._emit(final, schemas[name], f"{SCHEMAS}/{name}")
        for name, schema in schemas.items():
            if name not in self._names:  # its inline parts may be classes
                self.plain(schema, f"{SCHEMAS}/{name}", class_name(name), (name,))
        return len(self._names)

    def facts(self) -> Mapping[str, ModelFacts | EnumFacts]:
        """Facts about each class by its name. Complete once everything has been read."""
        return {name: self._with_marks(name, facts) for name, facts in self._facts.items()}

    def plain(self, schema: Any, place: str, hint: str, seen: tuple[str, ...] = ()) -> dict[str, Any]:
        """A schema for the place where it is used: a class by reference, everything else written out.

        Args:
            schema: The schema.
            place: Where it is.
            hint: The name for a class that it needs.
            seen: Names of the component schemas being written out; recursion without a class ends in Any.
        """
        if not isinstance(schema, dict):
            return {}
        reference = schema if "$ref" in schema else sole_reference(schema)
        if reference is not None:
            return self._plain_reference(reference["$ref"], place, hint, seen)
        flat = self.flatten(schema, place)
        if flat.get("properties") or enum_values(flat) is not None:
            if id(schema) not in self._inline:
                wanted = self._homes.get(id(schema), hint)
                parts = sorted(map(str, flat.get("properties") or enum_values(flat) or ()))
                name = self._claim(wanted, f"inline {wanted.rstrip('0123456789')}: {', '.join(parts)}")
                self._inline[id(schema)] = (schema, name)
                self._emit(name, schema, place)
            return reference_to(self._inline[id(schema)][1])
        alternatives = _alternatives(flat, place)
        if alternatives is not None:
            return self._plain_union(alternatives, hint, seen, flat.get("discriminator"))
        kind = kind_of(flat)
        if kind == "array":
            items = flat.get("items", {})
            array = {"type": "array", "items": self.plain(items, f"{place}/items", f"{hint}Item", seen)}
            return array | ({"description": NULL_MARK} if self.may_be_null(items, f"{place}/items") else {})
        if kind == "object":
            values = flat.get("additionalProperties")
            if not isinstance(values, dict):
                patterns = list((flat.get("patternProperties") or {}).values())
                values = patterns[0] if len(patterns) == 1 else {}
            below = self.plain(values, f"{place}/additionalProperties", f"{hint}Value", seen)
            null = NULL_MARK if self.may_be_null(values, f"{place}/additionalProperties") else ""
            return {"type": "array", "description": MAP_MARK + null, "items": below}
        if kind == "string" and flat.get("format") == "binary":
            return {"type": "string", "format": "binary"}
        return {"type": kind} if kind in SCALARS else {}

    def flatten(self, schema: Any, place: str, seen: tuple[str, ...] = ()) -> dict[str, Any]:
        """One schema without references and allOf at its top, with the content of all its parts.

        Raises:
            CodegenError: It is composed of itself, or of parts that exclude each other.
        """
        if not isinstance(schema, dict):
            return {}
        if "$ref" in schema:
            reference = schema["$ref"]
            if reference in seen:
                raise CodegenError(
                    place, f"is composed (allOf) of itself through {reference}", "Break the circle with a fix."
                )
            return self.flatten(self._references.resolve(reference, place), reference, (*seen, reference))
        merged: dict[str, Any] = {}
        for index, part in enumerate(schema.get("allOf") or []):
            merge(merged, self.flatten(part, f"{place}/allOf/{index}", seen), place)
        inherited = merged.pop("description", None)
        merge(merged, {key: value for key, value in schema.items() if key != "allOf"}, place)
        if inherited and not merged.get("description"):
            merged["description"] = inherited
        if merged.get("properties"):
            self._widen(merged, place, seen)
        return merged

    def may_be_null(self, schema: Any, place: str) -> bool:
        """Whether a value may be null, by its schema or by the one that it refers to."""
        if not isinstance(schema, dict):
            return False
        reference = schema if "$ref" in schema else sole_reference(schema)
        target = schema if reference is None else self._references.follow(reference, place)
        return any(isinstance(each, dict) and is_nullable(each) for each in (schema, target))

    def words(self, schema: Any, place: str) -> Words:
        """What a reader should know of a property or argument beyond its type."""
        if not isinstance(schema, dict):
            return Words()
        reference = schema if "$ref" in schema else sole_reference(schema)
        target = schema if reference is None else self._references.follow(reference, place)
        return Words(
            description=text(schema.get("description")) or text(target.get("description")),
            deprecated=schema.get("deprecated") is True,
            # What a server fills in cannot be asked of the caller, and None is how null is given.
            optional=self.may_be_null(schema, place) or schema.get("readOnly") is True,
        )

    # --- names ---

    def _had_name(self, component: str) -> bool:
        return class_name(component) == component or self._lock.before(f"schema {component}") is not None

    def _claim(self, wanted: str, what: str) -> str:
        """A class name of its own, whose module name is its own too."""
        before = self._lock.before(what)
        if before is not None and module_name(before) not in self._modules:
            self._modules.add(module_name(before))
            self._lock.choose(what, "", before)
            return before
        first = name = stable_class_name(wanted, RESERVED_CLASSES)
        number = 1
        while (module := module_name(name)) in self._modules or self._lock.was_a_class(name):
            number += 1
            name = stable_class_name(f"{first}{number}", RESERVED_CLASSES)
        if number > 1:
            self._notes.append(f"{wanted}: the name {first} is taken; the class is {name}")
        elif first.lower() != pascal_case(wanted).lower():
            self._notes.append(f"{wanted}: the class is {name}")
        self._modules.add(module)
        self._lock.choose(what, "", name)
        return name

    def _note_homes(self, schema: Any, name: str) -> None:
        """Name the properties that a component states itself, not by reference, after that component."""
        for wire, value in (schema.get("properties") or {}).items():
            self._homes.setdefault(id(value), f"{name}{pascal_case(wire)}")
        for part in schema.get("allOf") or []:
            if "$ref" not in part:
                self._note_homes(part, name)

    # --- what is written out ---

    def _is_class(self, schema: Any, name: str) -> bool:
        """Whether a component schema becomes a class: an object with named properties, or an enumeration."""
        if not isinstance(schema, dict) or "$ref" in schema or sole_reference(schema) is not None:
            return False  # another name for something that has one already
        flat = self.flatten(schema, f"{SCHEMAS}/{name}")
        return bool(flat.get("properties")) or enum_values(flat) is not None

    def _widen(self, schema: dict[str, Any], place: str, seen: tuple[str, ...]) -> None:
        """An object with alternatives beside its properties is one object that may have the properties of each."""
        for key in ("oneOf", "anyOf"):
            for index, part in enumerate(schema.pop(key, None) or []):
                flat = self.flatten(part, f"{place}/{key}/{index}", seen)
                for name, value in (flat.get("properties") or {}).items():
                    known = schema["properties"].get(name, value)
                    both = known if known == value else {"anyOf": [known, value]}
                    schema["properties"] = {**schema["properties"], name: both}

    def _plain_reference(self, reference: str, place: str, hint: str, seen: tuple[str, ...]) -> dict[str, Any]:
        name = self._references.component(reference)
        if name is not None and name in self._names:
            return reference_to(self._names[name])
        known = reference if name is None else name  # a reference may lead into the middle of the document
        if known in seen:
            self._notes.append(f"{place}: recursion through {known} has no class to name; typed as Any")
            return {}
        if name is None:
            return self.plain(self._references.resolve(reference, place), reference, hint, (*seen, reference))
        return self.plain(self._references.schemas[name], f"{SCHEMAS}/{name}", class_name(name), (*seen, name))

    def _plain_union(
        self, parts: list[tuple[Any, str]], hint: str, seen: tuple[str, ...], discriminator: Any
    ) -> dict[str, Any]:
        members: list[dict[str, Any]] = []
        for number, (part, place) in enumerate(parts, start=1):
            title = part.get("title") if isinstance(part.get("title"), str) else None
            own = f"{hint}{pascal_case(title)}" if title else hint if len(parts) == 1 else f"{hint}Type{number}"
            member = self.plain(part, place, own, seen)
            if not member:
                return {}
            for one in member.get("anyOf", [member]):
                if one not in members:
                    members.append(one)
                if "$ref" in one:
                    self._mark(last_part(one["$ref"]), part, discriminator)
        return members[0] if len(members) == 1 else {"anyOf": members}

    def _mark(self, name: str, part: dict[str, Any], discriminator: Any) -> None:
        """Note the values that mark a class as one of several."""
        marks = self._marks.setdefault(name, {})
        if not isinstance(discriminator, dict) or "$ref" not in part:
            return
        mapping = discriminator.get("mapping") or {}
        component = last_part(part["$ref"])
        values = [value for value, target in mapping.items() if last_part(target) == component]
        known = marks.setdefault(str(discriminator.get("propertyName")), [])
        known.extend(value for value in values or [component] if value not in known)

    # --- what becomes a class ---

    def _emit(self, name: str, schema: Any, place: str) -> None:
        """Write the component for a class."""
        flat = self.flatten(schema, place)
        component: dict[str, Any] = {}
        self.components[name] = component  # now, as it may hold itself
        if flat.get("properties"):
            self._emit_model(name, component, flat, place)
        else:
            self._emit_enum(name, component, flat, place)

    def _emit_model(self, name: str, component: dict[str, Any], flat: dict[str, Any], place: str) -> None:
        required = set(flat.get("required") or [])
        present = self._present.get(place.removeprefix(f"{SCHEMAS}/"), ())  # an inline schema has no name there
        for phantom in sorted(required - set(flat["properties"])):
            self._notes.append(f"{place}: requires {phantom!r}, which is not among its properties; not required")
        python_names = self._lock.distinct(
            f"field {name}", flat["properties"], lambda wire: identifier(wire, reserved=RESERVED_FIELDS)
        )
        fields: dict[str, Field] = {}
        constants: dict[str, list[Any]] = {}
        properties: dict[str, Any] = {}
        required_keys = []
        for number, (wire, value) in enumerate(flat["properties"].items(), start=1):
            python = python_names[wire]
            key = python if stable_identifier(python) else f"field_{number}"
            below = f"{place}/properties/{wire}"
            properties[key] = self.plain(value, below, f"{name}{pascal_case(wire)}")
            words = self.words(value, below)
            if wire in required and not words.optional:
                required_keys.append(key)
            fields[key] = Field(
                wire=wire,
                python=python,
                description=words.description,
                deprecated=words.deprecated,
                present=wire in present and key not in required_keys,
            )
            flat_value = self.flatten(value, below)
            stated = flat_value.get("enum", [flat_value["const"]] if "const" in flat_value else [])
            values = enum_values(flat_value) or [each for each in stated if isinstance(each, bool)]
            if len(values) == 1:
                constants[wire] = list(values)
        component.update({"type": "object", "properties": properties})
        if required_keys:
            component["required"] = required_keys
        free = flat.get("additionalProperties")
        if isinstance(free, dict) and (plain := self.plain(free, f"{place}/additionalProperties", f"{name}Extra")):
            component["additionalProperties"] = plain
        self._facts[name] = ModelFacts(
            description=text(flat.get("description")),
            deprecated=flat.get("deprecated") is True,
            fields=fields,
            marks=constants,
        )

    def _emit_enum(self, name: str, component: dict[str, Any], flat: dict[str, Any], place: str) -> None:
        values = enum_values(flat)
        assert values is not None
        members = self._lock.distinct(f"member {name}", [str(value) for value in values], constant, taken={"MRO"})
        kind = "integer" if isinstance(values[0], int) else "string"
        if any(type(value) is not type(values[0]) for value in flat.get("enum") or [] if value is not None):
            self._notes.append(f"{place}/enum: values that are no {kind} are read as one")
        component.update({"type": kind, "enum": values, "x-enum-varnames": list(members.values())})
        self._facts[name] = EnumFacts(
            description=text(flat.get("description")),
            members=tuple((members[str(value)], value) for value in values),
        )

    def _with_marks(self, name: str, facts: ModelFacts | EnumFacts) -> ModelFacts | EnumFacts:
        if isinstance(facts, EnumFacts) or name not in self._marks:
            return facts
        return replace(facts, in_union=True, marks={**facts.marks, **self._marks[name]})


def _alternatives(schema: dict[str, Any], place: str) -> list[tuple[Any, str]] | None:
    """The alternatives of a schema, with their places; None if there are none."""
    found = []
    for key in ("oneOf", "anyOf"):
        for index, part in enumerate(schema.get(key) or []):
            if isinstance(part, dict) and not is_null(part) and ("$ref" in part or structural(part)):
                found.append((part, f"{place}/{key}/{index}"))
    if found:
        return found
    stated = [kind for kind in kinds(schema) if kind != "null"]
    if len(stated) > 1:
        rest = {key: value for key, value in schema.items() if key != "type"}
        return [({**rest, "type": kind}, f"{place}/type/{kind}") for kind in stated]
    return None
