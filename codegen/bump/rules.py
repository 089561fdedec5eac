"""Rewrites a published document by the rules of ``specs/``: its facts, our names and words.

The rules are those that the tests of ``specs/`` check: tokens are security schemes, operation ids follow from path and
method, an operation has one tag, objects have names of their own, defaults are stated in words, and every operation
may answer 429. What a document in ``specs/`` says already in words stays; what is new has ``TODO`` where words are
missing, or keeps the published ones if they are ours.
"""

from __future__ import annotations

import re
from collections import Counter
from http import HTTPStatus
from typing import Any

from aiosymphony.apidiff.words import snake_case, tag_of

from ..naming import operation_id
from ..problem import CodegenError
from ..references import References
from .blocks import Json, operations_of
from .wire import is_sent_by_the_session

TODO = "TODO"
_COMPONENT = "#/components/schemas/"
_RESPONSE = "#/components/responses/"
_PAGE_SIZES = {"limit", "pageSize", "size"}
_SHARED_BY_A_TAG = 3
"""Segments that two paths share at least if their operations belong together: ``/v1/admin/user``."""
_FIRST = (
    "operationId",
    "summary",
    "description",
    "tags",
    "deprecated",
    "servers",
    "security",
    "parameters",
    "requestBody",
    "responses",
)


class Rules:
    """One published document, rewritten by the rules and words of ours.

    Args:
        ours: The document in ``specs/`` that it follows.
        theirs: The published document, as OpenAPI 3.0.
        keep_words: Whether its words are our own and stay.

    Attributes:
        document: The result.
        tags: Tags that ours does not declare, in the order of their names, with what they are about.
        unsaid: What the published document says in numbers and our words do not, in sentences.
    """

    def __init__(self, ours: Json, theirs: Json, *, keep_words: bool) -> None:
        self._ours, self._theirs, self._keep_words = ours, theirs, keep_words
        self._their_schemas: Json = theirs.get("components", {}).get("schemas", {})
        self._our_schemas: Json = ours.get("components", {}).get("schemas", {})
        self._our_operations = operations_of(ours)
        self._schemes = list(ours.get("components", {}).get("securitySchemes", {}))
        self._errors = _errors(ours)
        self._declared = [tag["name"] for tag in ours.get("tags", ())]
        self._schemas: Json = {}
        self._responses_taken: Json = {}
        self._our_names: dict[str, str] = {}
        self._references = References(theirs)
        self._words = _common_words(ours)
        self._bounds_pages = any(
            each["name"] in _PAGE_SIZES and "maximum" in each.get("schema", {})
            for operation in self._our_operations.values()
            for each in operation.get("parameters", ())
        )
        self.unsaid: list[str] = []
        paths: Json = {}
        for (path, method), operation in operations_of(theirs).items():
            item = theirs["paths"][path]
            servers = operation.get("servers") or item.get("servers")
            paths.setdefault(path, {})[method] = self._operation(
                path, method, item, {**operation, **({"servers": servers} if servers else {})}
            )
        for name in list(self._their_schemas):
            self._component(name)
        used = {tag for path in paths.values() for each in path.values() for tag in each["tags"]}
        published = {tag["name"]: tag.get("description") for tag in theirs.get("tags", ()) if keep_words}
        self.tags = {tag: published.get(tag) or TODO for tag in sorted(used - set(self._declared))}
        schemas = {self._our_names.get(name, name): each for name, each in self._schemas.items()}
        responses = {**self._responses_taken, **ours.get("components", {}).get("responses", {})}
        components = {**ours.get("components", {}), "schemas": schemas, "responses": responses}
        self.document: Json = {**theirs, **self._with_our_names({"paths": paths, "components": components})}

    def _operation(self, path: str, method: str, item: Json, theirs: Json) -> Json:
        mine = self._our_operations.get((path, method), {})
        name = operation_id(path, method)
        hint = "".join(part.title() for part in name.split("_"))
        parameters = [
            self._references.follow(each, "") for each in [*item.get("parameters", ()), *theirs.get("parameters", ())]
        ]
        tokens = [each["name"] for each in parameters if is_sent_by_the_session(each) and each["name"] in self._schemes]
        written: Json = {
            "operationId": name,
            "tags": [self._tag(path, mine, theirs)],
            "security": self._security(theirs, tokens),
        }
        written["responses"] = self._responses(theirs, mine, hint, needs_a_token=bool(written["security"]))
        self._say("summary", written, theirs, mine, needed=True)
        self._say("description", written, theirs, mine)
        for key in ("deprecated", "servers"):
            if theirs.get(key):
                written[key] = theirs[key]
        if not written["security"] and "401" not in mine.get("responses", {}):
            written["responses"].pop("401", None)
        kept = [each for each in parameters if not is_sent_by_the_session(each)]
        if kept:
            known = {(each["in"], each["name"]): each for each in mine.get("parameters", ())}
            written["parameters"] = [
                self._parameter(each, known.get((each["in"], each["name"]), {}), hint, f"{method.upper()} {path}")
                for each in kept
            ]
        if "requestBody" in theirs:
            body = self._references.follow(theirs["requestBody"], "")
            my_body = mine.get("requestBody", {})
            written["requestBody"] = {
                **({"required": True} if body.get("required") else {}),
                "content": self._content(body, my_body, f"{hint}Body"),
            }
        return {key: written[key] for key in _FIRST if key in written}

    def _security(self, theirs: Json, tokens: list[str]) -> list[Json]:
        stated = theirs.get("security", self._theirs.get("security"))
        if tokens:
            return [{name: [] for name in tokens}]
        known = [way for way in stated or () if set(way) <= set(self._schemes)]
        if stated and not known:
            return [{name: []} for name in self._schemes[:1]]
        return [dict(way) for way in known]

    def _tag(self, path: str, mine: Json, theirs: Json) -> str:
        """Our tag for an operation: that of the one whose path begins most like its own, or else the published tag."""
        if mine:
            return str(mine["tags"][0])
        alike_by_path = {_shared(path, each): operation for (each, _), operation in self._our_operations.items()}
        if (most := max(alike_by_path, default=0)) >= _SHARED_BY_A_TAG:
            return str(alike_by_path[most]["tags"][0])
        published = tag_of(path, theirs)
        alike = {snake_case(tag).rstrip("s"): tag for tag in self._declared}
        name = "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", published) if part)
        return str(alike.get(snake_case(name).rstrip("s"), name))

    def _parameter(self, theirs: Json, mine: Json, hint: str, where: str) -> Json:
        written: Json = {"name": theirs["name"], "in": theirs["in"]}
        if theirs.get("required") or theirs["in"] == "path":
            written["required"] = True
        schema = theirs.get("schema", {})
        bounds = self._references.follow(schema, "")
        is_page_size = theirs["in"] == "query" and theirs["name"] in _PAGE_SIZES and not self._bounds_pages
        most = bounds.get("maximum") if is_page_size else None
        default = " ".join(filter(None, (_default(bounds), f"{most:,} at most." if most is not None else "")))
        self._say("description", written, theirs, mine, needed=True, default=default)
        if "description" in mine and not self._keep_words:
            self._check_words(f"{where} {theirs['name']}", written["description"], bounds.get("default"), most)
        for key in ("style", "explode", "deprecated"):
            if key in theirs:
                written[key] = theirs[key]
        written["schema"] = self._schema(schema, mine.get("schema", {}), f"{hint}{theirs['name'].title()}")
        written["schema"].pop("description", None)
        if most is not None:  # servers lower a page size that is too high: clients need not refuse it
            written["schema"].pop("maximum", None)
        return written

    def _check_words(self, where: str, words: str, default: Any, most: Any) -> None:
        """Note a number of the published document that our words about a parameter do not have."""
        bare = words.replace(",", "")
        for what, value, behind in (("default", default, " if absent"), ("maximum", most, " at most")):
            said = re.findall(rf"(\d+){behind}", bare) or re.findall(r"\d+", bare)
            if isinstance(value, int) and not isinstance(value, bool) and said and str(value) not in said:
                self.unsaid.append(f"{where}: the published {what} is {value:,}; our words say: {words}")

    def _responses(self, theirs: Json, mine: Json, hint: str, *, needs_a_token: bool) -> Json:
        written: Json = {}
        known_answers = mine.get("responses", {"401": None})
        needed = ("401", "429") if needs_a_token and "401" in known_answers else ("429",)
        for status, answer in {**dict.fromkeys(needed), **theirs.get("responses", {})}.items():
            if status in self._errors:
                written[status] = {"$ref": self._errors[status]}
            elif answer is not None and str(answer.get("$ref", "")).startswith(_RESPONSE):
                name = str(answer["$ref"]).removeprefix(_RESPONSE)
                self._responses_taken[name] = self._answer(status, self._references.follow(answer, ""), {}, name)
                written[status] = {"$ref": answer["$ref"]}
            elif answer is not None:
                known = mine.get("responses", {}).get(status, {})
                written[status] = self._answer(status, answer, {} if "$ref" in known else known, f"{hint}Result")
        return dict(sorted(written.items()))

    def _answer(self, status: str, theirs: Json, mine: Json, hint: str) -> Json:
        written: Json = {}
        self._say("description", written, theirs, mine, needed=True)
        if status[0] not in "23" and written["description"] == TODO:
            written["description"] = f"{HTTPStatus(int(status)).phrase}." if status.isdecimal() else "An error."
        if "headers" in theirs:
            written["headers"] = theirs["headers"]
        if status not in ("204", "304") and theirs.get("content"):
            written["content"] = self._content(theirs, mine, hint)
        return written

    def _content(self, theirs: Json, mine: Json, hint: str) -> Json:
        known = mine.get("content", {})
        return {
            media: {"schema": self._schema(each.get("schema", {}), known.get(media, {}).get("schema", {}), hint)}
            for media, each in theirs.get("content", {}).items()
        }

    # --- schemas ---

    def _component(self, name: str) -> None:
        if name not in self._schemas:
            self._schemas[name] = {}  # a schema may hold itself
            mine = self._our_schemas.get(self._our_names.get(name, name), {})
            self._schemas[name] = self._schema(self._their_schemas[name], mine, name, top=True)

    def _schema(self, theirs: Json, mine: Json, hint: str, *, top: bool = False) -> Json:
        """A schema by the rules: with a reference to a component where an object would stand inside another."""
        if "$ref" in theirs:
            self._keep_name(theirs, mine)
            return {"$ref": theirs["$ref"]}
        if not top and theirs.get("type") == "object":
            return {"$ref": _COMPONENT + self._named(theirs, mine, hint)}
        if "$ref" in mine:
            mine = self._our_schemas.get(str(mine["$ref"]).removeprefix(_COMPONENT), {})
        written: Json = {}
        self._say("description", written, theirs, mine, needed=top, default=_default(theirs))
        for key, value in theirs.items():
            if key == "properties":
                mine_of = mine.get("properties", {})
                written[key] = {
                    name: self._property(each, mine_of.get(name, {}), f"{hint}{name[:1].upper()}{name[1:]}")
                    for name, each in value.items()
                }
            elif key in ("allOf", "oneOf", "anyOf"):
                parts = mine.get(key, ())
                written[key] = [
                    self._schema(each, parts[index] if index < len(parts) else {}, hint, top="properties" in each)
                    if key == "allOf"
                    else self._schema(each, {}, f"{hint}{index + 1}")
                    for index, each in enumerate(value)
                ]
                for part in written[key]:
                    if part.get("description") == TODO:
                        del part["description"]
            elif key in ("items", "additionalProperties") and isinstance(value, dict):
                known = mine.get(key, {})
                written[key] = self._schema(value, known if isinstance(known, dict) else {}, f"{hint}Item")
            elif key == "type" and isinstance(value, list):  # OpenAPI 3.1; documents in specs/ are 3.0
                kinds = [kind for kind in value if kind != "null"]
                if len(kinds) != 1:
                    raise CodegenError(hint, f"has the types {', '.join(map(str, value))}", "Choose one by a fix.")
                written |= {"type": kinds[0], **({"nullable": True} if "null" in value else {})}
            elif key == "const":
                written["enum"] = [value]
            elif key not in ("description", "title", "example", "examples", "default", "externalDocs", "xml"):
                written[key] = value
        return written

    def _keep_name(self, theirs: Json, mine: Json) -> None:
        """A schema that stands where one of ours stood, under a name of its own, keeps our name: callers know it."""
        published, known = (str(each.get("$ref", "")).removeprefix(_COMPONENT) for each in (theirs, mine))
        if known in self._our_schemas and known not in self._their_schemas and published not in self._our_schemas:
            self._our_names.setdefault(published, known)

    def _with_our_names(self, value: Any) -> Any:
        if isinstance(value, dict):
            named = {key: self._with_our_names(each) for key, each in value.items()}
            if isinstance(value.get("$ref"), str):
                name = str(value["$ref"]).removeprefix(_COMPONENT)
                named["$ref"] = _COMPONENT + self._our_names[name] if name in self._our_names else value["$ref"]
            return named
        return [self._with_our_names(each) for each in value] if isinstance(value, list) else value

    def _property(self, theirs: Json, mine: Json, hint: str) -> Json:
        written = self._schema(theirs, mine, hint)
        if "$ref" not in written and "description" not in theirs and "description" not in mine:
            written = {
                "description": f"{TODO} {_default(theirs)}".strip(),
                **{k: v for k, v in written.items() if k != "description"},
            }
        elif "$ref" not in written and "description" not in written:
            written = {"description": TODO, **written}
        return written

    def _named(self, theirs: Json, mine: Json, hint: str) -> str:
        name = str(mine["$ref"]).removeprefix(_COMPONENT) if "$ref" in mine else hint
        while name in self._their_schemas:
            name += "Item"
        if name not in self._schemas:
            self._schemas[name] = {}
            self._schemas[name] = self._schema(theirs, self._our_schemas.get(name, {}), name, top=True)
        return name

    # --- words ---

    def _say(
        self, key: str, written: Json, theirs: Json, mine: Json, *, needed: bool = False, default: str = ""
    ) -> None:
        words = mine.get(key)
        if self._keep_words and theirs.get(key):
            words = theirs[key]
        if words is None and needed and "in" in theirs and (common := self._words.get(theirs["name"])):
            words = common
        elif words is None and needed:
            words = f"{TODO} {default}".strip()
        elif words is None and default:
            words = default
        if words is not None:
            written[key] = words


def _shared(path: str, other: str) -> int:
    """How many segments two paths have in common at their beginning."""
    pairs = zip(path.strip("/").split("/"), other.strip("/").split("/"), strict=False)
    return next((count for count, (one, two) in enumerate(pairs) if one != two), min(path.count("/"), other.count("/")))


def _default(schema: Json) -> str:
    """What states a default in words, as clients would send that of a schema."""
    value = schema.get("default")
    return "" if value is None else f"{str(value).lower() if isinstance(value, bool) else value} if absent."


def _common_words(ours: Json) -> dict[str, str]:
    """What our document says of a parameter, by its name: whatever it says of two, and of most of that name."""
    said: dict[str, Counter[str]] = {}
    for operation in operations_of(ours).values():
        for each in operation.get("parameters", ()):
            said.setdefault(each["name"], Counter())[str(each.get("description"))] += 1
    most = {name: counted.most_common(1)[0] for name, counted in said.items()}
    return {name: words for name, (words, count) in most.items() if count > 1}


def _errors(ours: Json) -> dict[str, str]:
    """The component that a document answers an error status with, by status."""
    used: dict[str, Counter[str]] = {}
    for operation in operations_of(ours).values():
        for status, answer in operation.get("responses", {}).items():
            if "$ref" in answer and status[0] not in "23":
                used.setdefault(status, Counter())[answer["$ref"]] += 1
    return {status: counted.most_common(1)[0][0] for status, counted in used.items()}
