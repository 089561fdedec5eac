"""Sample JSON for the schemas of a document: as the document promises it, and as servers really send it."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

SPECS = Path(__file__).parents[2] / "specs"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# The parameters by which each way of paging asks for the next page.
PAGED_BY = {
    "skip_limit": {"skip", "limit"},
    "current_page": {"currentPage", "pageSize"},
    "cursor": {"after", "before"},
    "last_user_id": {"lastUserId", "limit"},
    "last_group_id": {"lastGroupId", "limit"},
    "page": {"page", "pageSize"},
    "spring_page": {"page", "size"},
    "time_window": {"since", "to", "limit", "sortDir"},
    "offset_window": {"since", "to", "limit", "offset"},
}
SUCCESS = ("2", "304")

Json = Any

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@cache
def apis() -> list[dict[str, Any]]:
    """The tables of ``specs/apis.toml``."""
    tables: list[dict[str, Any]] = tomllib.loads((SPECS / "apis.toml").read_text(encoding="utf-8"))["api"]
    return tables


@cache
def document(package: str) -> dict[str, Any]:
    """The document that a package is generated from."""
    loaded: dict[str, Any] = yaml.load(document_path(package).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return loaded


def document_path(package: str) -> Path:
    """Its file, whose SHA-256 ``specs/apis.toml`` keeps: what is counted in it cannot change unnoticed."""
    return SPECS / str(next(api["document"] for api in apis() if api["package"] == package))


def operation_ids(package: str) -> list[str]:
    """The ids of all operations of that document."""
    paths = document(package)["paths"].values()
    return [item[method]["operationId"] for item in paths for method in METHODS if method in item]


class Samples:
    """Draws values for the schemas of one document.

    With ``tolerant``, values are what a newer, older or sloppier server might send: fields are missing or null, there
    are fields and enumeration values that the document does not know, and integers come as digits in a string.
    """

    def __init__(self, document: dict[str, Any], *, tolerant: bool = False) -> None:
        self.document = document
        self.tolerant = tolerant
        self._known: dict[str, st.SearchStrategy[Json]] = {}

    def resolve(self, value: Any) -> Any:
        """Follow references."""
        while "$ref" in value:
            found: Any = self.document
            for part in value["$ref"][2:].split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            value = found
        return value

    def of(self, schema: dict[str, Any]) -> st.SearchStrategy[Json]:
        """Values of a schema."""
        reference = schema.get("$ref")
        if reference is None:
            return self._build(schema)
        if reference not in self._known:
            self._known[reference] = st.deferred(lambda: self._known[f"{reference} built"])
            self._known[f"{reference} built"] = self._build(self.resolve(schema))
        return self._known[reference]

    def _build(self, schema: dict[str, Any]) -> st.SearchStrategy[Json]:
        if "allOf" in schema:
            return self._build(self._merged(schema))
        if "enum" in schema:
            known = st.sampled_from(schema["enum"])
            return known | st.text(max_size=12) if self.tolerant and schema.get("type") == "string" else known
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            return self._object(schema)
        if kind == "array":
            low, high = schema.get("minItems", 0), schema.get("maxItems", 3)
            items = self.of(schema["items"])
            if self.tolerant:
                items |= st.none()
            return st.lists(items, min_size=min(low, 3), max_size=max(low, min(high, 3)))
        if kind == "string":
            return self._string(schema)
        if kind == "integer":
            bits = 31 if schema.get("format") == "int32" else 63
            numbers = st.integers(int(schema.get("minimum", -(2**bits))), int(schema.get("maximum", 2**bits - 1)))
            return numbers | numbers.map(str) | st.booleans() if self.tolerant else numbers
        if kind == "number":
            return st.floats(allow_nan=False, allow_infinity=False)
        return st.booleans() if kind == "boolean" else ANY_JSON

    def _string(self, schema: dict[str, Any]) -> st.SearchStrategy[str]:
        if schema.get("format") == "date-time":
            return st.datetimes().map(lambda time: f"{time.isoformat(timespec='milliseconds')}Z")
        if schema.get("format") == "uri":
            return st.sampled_from(["about:blank", "https://acme.test/a?b=c"])
        low, high = schema.get("minLength", 0), schema.get("maxLength", 12)
        if "pattern" in schema:
            matching = st.from_regex(schema["pattern"], fullmatch=True)
            return matching.filter(lambda text: low <= len(text) <= schema.get("maxLength", 1000))
        return st.text(min_size=low, max_size=max(low, min(high, 12)))

    def _object(self, schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Json]]:
        fields = {name: self.of(value) for name, value in schema.get("properties", {}).items()}
        extra = schema.get("additionalProperties", False)
        free = self.of(extra) if isinstance(extra, dict) and extra else ANY_JSON
        needed = set() if self.tolerant else set(schema.get("required", [])) & fields.keys()
        if self.tolerant:
            fields = {name: value | st.none() for name, value in fields.items()}
            free |= st.none()
        known = st.fixed_dictionaries(
            {name: fields[name] for name in fields if name in needed},
            optional={name: fields[name] for name in fields if name not in needed},
        )
        if not self.tolerant and (not extra or fields):
            return known
        names = st.text(max_size=8).filter(lambda name: name not in fields)
        return st.builds(lambda left, right: {**left, **right}, known, st.dictionaries(names, free, max_size=2))

    def _merged(self, schema: dict[str, Any]) -> dict[str, Any]:
        merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
        for part in map(self.resolve, schema["allOf"]):
            flat = self._merged(part) if "allOf" in part else part
            for key, value in flat.items():
                if key == "properties":
                    merged[key] = {**value, **merged.get(key, {})}
                elif key == "required":
                    merged[key] = [*merged.get(key, []), *value]
                else:
                    merged.setdefault(key, value)
        return merged
