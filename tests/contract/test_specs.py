"""The documents in ``specs/`` are valid, follow their own rules, and agree with the tables beside them."""

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import validate

from .samples import PAGED_BY, operation_ids

SPECS = Path(__file__).parents[2] / "specs"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
TOKENS = {
    "pod": {"sessionToken"},
    "login": {"sessionToken", "appToken"},
    "agent": {"sessionToken", "keyManagerToken"},
    "connect": {"bearer"},
    "users": {"sessionToken"},
    "files": {"bearer.sym-files"},
    "profile_manager": {"bearer.profile-manager"},
}
RESOURCES = {
    "pod": {
        *("session", "users", "rooms", "streams", "connections", "presence", "certificates", "applications"),
        *("entitlements", "disclaimers", "information_barriers", "messages", "system"),
    },
    "agent": {"audit_trail"},
    "connect": {"companies", "users"},
    "login": set(),
    "users": {"groups", "applications"},
    "files": {"files"},
    "profile_manager": {"groups"},
}
TABLE_KEYS = {
    "facade": str,
    "kind": str,
    "idempotent": bool,
    "reason": str,
    "paging": str,
    "family": str,
    "ids": list,
    "max_ids": int,
    "max_items": int,
    "none": str,
}


@dataclass(frozen=True)
class Operation:
    """One operation of a document, with what the tests ask of it."""

    method: str
    path: str
    source: dict[str, Any] = field(hash=False)

    @property
    def id(self) -> str:
        return str(self.source["operationId"])

    @property
    def parameters(self) -> list[dict[str, Any]]:
        return list(self.source.get("parameters", []))

    @property
    def query(self) -> set[str]:
        return {parameter["name"] for parameter in self.parameters if parameter["in"] == "query"}

    @property
    def deprecated(self) -> bool:
        return bool(self.source.get("deprecated", False))


@cache
def load_toml(name: str) -> dict[str, Any]:
    """A table of ``specs/``, of operations without what it says of schemas."""
    table = tomllib.loads((SPECS / name).read_text(encoding="utf-8"))
    table.pop("present", None)
    return table


@cache
def load_document(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((SPECS / name).read_text(encoding="utf-8"))
    return loaded


def operations_of(name: str) -> list[Operation]:
    return [
        Operation(method, path, item[method])
        for path, item in load_document(name)["paths"].items()
        for method in METHODS
        if method in item
    ]


APIS: list[dict[str, Any]] = load_toml("apis.toml")["api"]
each_api = pytest.mark.parametrize("api", APIS, ids=lambda api: api["package"])
each_table = pytest.mark.parametrize("table", sorted({api["operations"] for api in APIS}))


def snake_case(segment: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", segment.strip("{}")).lower()


def rule(method: str, path: str) -> str:
    """The operation id that follows from method and path."""
    return "_".join(map(snake_case, [*path.strip("/").split("/"), method]))


def nodes(value: Any, where: str = "#") -> Iterator[tuple[str, Any]]:
    """Every node of a document with its place in it."""
    yield where, value
    if isinstance(value, dict):
        for key, child in value.items():
            yield from nodes(child, f"{where}/{str(key).replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from nodes(child, f"{where}/{index}")


def references(value: Any) -> Iterator[str]:
    for _, node in nodes(value):
        if isinstance(node, dict) and isinstance(node.get("$ref"), str):
            yield node["$ref"]


def resolve(document: dict[str, Any], reference: str) -> Any:
    target: Any = document
    for part in reference.removeprefix("#/").split("/"):
        target = target[part]
    return target


def property_names(document: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    if "$ref" in schema:
        return property_names(document, resolve(document, schema["$ref"]))
    names = set(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        names |= property_names(document, part)
    return names


# The list of documents


def test_there_is_one_current_document_of_each_api() -> None:
    assert Counter(api["api"] for api in APIS if api["current"]) == Counter(list(RESOURCES))
    assert len({api["package"] for api in APIS}) == len(APIS)


@each_api
def test_the_hash_on_record_is_the_documents(api: dict[str, Any]) -> None:
    digest = hashlib.sha256((SPECS / api["document"]).read_bytes()).hexdigest()
    assert api["sha256"] == digest, f"{api['document']} was edited: write this hash to specs/apis.toml"


@each_api
def test_the_version_on_record_is_the_documents(api: dict[str, Any]) -> None:
    assert load_document(api["document"])["info"]["version"] == api["version"]
    assert Path(api["document"]).stem == api["version"]


def test_every_file_is_on_record() -> None:
    recorded = {api["document"] for api in APIS} | {api["operations"] for api in APIS} | {"apis.toml", "names.json"}
    recorded |= {f"{Path(api['document']).parent}/fixes.yaml" for api in APIS if api["current"]}
    there = {str(path.relative_to(SPECS)) for path in SPECS.rglob("*") if path.is_file()}
    assert {name for name in recorded if not name.endswith("fixes.yaml")} <= there <= recorded


# The documents


@each_api
def test_a_document_is_valid(api: dict[str, Any]) -> None:
    document = load_document(api["document"])
    assert document["openapi"] == "3.0.3"
    validate(document)


def test_what_the_older_pod_alone_has_has_no_method() -> None:
    gone = {*operation_ids("pod_1_40")} - {*operation_ids("pod")}
    assert gone
    assert {name: load_toml("pod/operations.toml")[name]["facade"] for name in gone} == dict.fromkeys(gone, "")


@each_api
def test_operation_ids_follow_the_rule_and_are_unique(api: dict[str, Any]) -> None:
    found = operations_of(api["document"])
    assert [operation.id for operation in found] == [rule(operation.method, operation.path) for operation in found]
    assert len({operation.id for operation in found}) == len(found)


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("get", "/v1/admin/user/{uid}/status", "v1_admin_user_uid_status_get"),
        ("get", "/api/v2/companies/{companyId}/users", "api_v2_companies_company_id_users_get"),
        ("put", "/file_ext/v1/allowed_extensions/{extension}", "file_ext_v1_allowed_extensions_extension_put"),
        ("get", "/v1/companycert/{fingerPrint}/get", "v1_companycert_finger_print_get_get"),
    ],
)
def test_the_rule_for_operation_ids(method: str, path: str, name: str) -> None:
    assert rule(method, path) == name


@each_api
def test_operations_have_one_declared_tag_and_a_summary(api: dict[str, Any]) -> None:
    document = load_document(api["document"])
    declared = [tag["name"] for tag in document["tags"]]
    used = set()
    for operation in operations_of(api["document"]):
        [tag] = operation.source["tags"]
        used.add(tag)
        assert operation.source["summary"].strip() == operation.source["summary"], operation.id
        assert not operation.source["summary"].endswith("."), operation.id
        assert "\n" not in operation.source["summary"], operation.id
    assert used == set(declared)
    assert len({snake_case(tag).rstrip("s") for tag in declared}) == len(declared), "tags too alike to tell apart"


@each_api
def test_tokens_are_security_schemes(api: dict[str, Any]) -> None:
    document = load_document(api["document"])
    assert set(document["components"]["securitySchemes"]) == TOKENS[api["api"]]
    for operation in operations_of(api["document"]):
        assert {p["name"] for p in operation.parameters if p["in"] in {"header", "cookie"}} <= {"If-Match"}, (
            operation.id
        )
        required = operation.source["security"]
        for requirement in required:
            assert set(requirement) <= TOKENS[api["api"]], operation.id
        answers_401 = "401" in operation.source["responses"]
        if api["api"] != "login":
            assert bool(required) == answers_401 or operation.path.startswith("/file_ext/"), operation.id


@each_api
def test_every_answer_has_a_schema_or_no_body(api: dict[str, Any]) -> None:
    document = load_document(api["document"])
    for operation in operations_of(api["document"]):
        responses = operation.source["responses"]
        assert "429" in responses, operation.id
        for status, response in responses.items():
            assert isinstance(status, str), operation.id
            answer = resolve(document, response["$ref"]) if "$ref" in response else response
            assert answer["description"], (operation.id, status)
            for content in answer.get("content", {}).values():
                assert content["schema"], (operation.id, status)
            if status == "429":
                assert "Retry-After" in answer["headers"], operation.id
            if status in {"204", "304"}:
                assert "content" not in answer, operation.id


@each_api
def test_path_parameters_are_those_of_the_path(api: dict[str, Any]) -> None:
    for operation in operations_of(api["document"]):
        named = [parameter["name"] for parameter in operation.parameters if parameter["in"] == "path"]
        assert sorted(named) == sorted(re.findall(r"{(\w+)}", operation.path)), operation.id


@each_api
def test_parameters_have_no_defaults_that_clients_would_send(api: dict[str, Any]) -> None:
    found = [where for where, node in nodes(load_document(api["document"])["paths"]) if where.endswith("/default")]
    found += [
        where
        for where, node in nodes(load_document(api["document"])["components"]["schemas"])
        if isinstance(node, dict) and "default" in node and "type" in node
    ]
    assert found == []


@each_api
def test_references_resolve(api: dict[str, Any]) -> None:
    document = load_document(api["document"])
    for reference in set(references(document)):
        assert reference.startswith("#/components/")
        assert resolve(document, reference)


@each_api
def test_components_are_all_used(api: dict[str, Any]) -> None:
    document = load_document(api["document"])
    reached: set[str] = set()
    waiting = list(references(document["paths"]))
    while waiting:
        reference = waiting.pop()
        if reference not in reached:
            reached.add(reference)
            waiting.extend(references(resolve(document, reference)))
    components = document["components"]
    assert reached == {
        f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in components.get(kind, {})
    }


@each_api
def test_required_properties_exist(api: dict[str, Any]) -> None:
    document = load_document(api["document"])
    for where, node in nodes(document["components"]["schemas"]):
        if isinstance(node, dict) and isinstance(node.get("required"), list) and "type" in node:
            assert set(node["required"]) <= property_names(document, node), where


@each_api
def test_objects_have_names_of_their_own(api: dict[str, Any]) -> None:
    document = load_document(api["document"])
    for name, schema in document["components"]["schemas"].items():
        for where, node in nodes(schema):
            inner = isinstance(node, dict) and node.get("type") == "object" and where != "#"
            assert not inner or re.fullmatch(r"#/allOf/\d+", where), f"{name} {where}"
    for where, node in nodes(document["paths"]):
        assert not (isinstance(node, dict) and node.get("type") == "object"), where


@each_api
def test_schemas_are_described(api: dict[str, Any]) -> None:
    document = load_document(api["document"])
    for name, schema in document["components"]["schemas"].items():
        assert schema["description"], name
        for where, node in nodes(schema):
            for prop, inner in node.get("properties", {}).items() if isinstance(node, dict) else ():
                if isinstance(inner, dict) and "$ref" not in inner and not where.endswith("/properties"):
                    assert inner.get("description"), f"{name}.{prop}"


@each_api
def test_documents_are_plain_yaml_in_a_stable_order(api: dict[str, Any]) -> None:
    text = (SPECS / api["document"]).read_text(encoding="utf-8")
    anchors = [event for event in yaml.parse(text) if getattr(event, "anchor", None) is not None]
    assert anchors == []
    document = load_document(api["document"])
    for names in (document["components"]["schemas"], document["tags"]):
        keys = [name["name"] if isinstance(name, dict) else name for name in names]
        assert keys == sorted(keys)
    assert max(map(len, text.splitlines())) <= 120


@each_api
def test_no_words_are_missing(api: dict[str, Any]) -> None:
    """A bump leaves ``TODO`` where somebody has to say what a thing is."""
    assert [
        where for where, node in nodes(load_document(api["document"])) if isinstance(node, str) and "TODO" in node
    ] == []


# The tables


def fields_of(document: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    """The properties of a schema, with those that it is composed of."""
    if "$ref" in schema:
        return fields_of(document, document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]])
    inherited = [fields_of(document, part) for part in schema.get("allOf", ())]
    return set(schema.get("properties", ())).union(*inherited)


@pytest.mark.parametrize("table", sorted({api["operations"] for api in APIS} - {"agent/operations.toml"}))
def test_fields_that_answers_always_have_are_in_a_document_and_not_required_by_it(table: str) -> None:
    present = tomllib.loads((SPECS / table).read_text(encoding="utf-8"))["present"]
    assert list(present) == sorted(present)
    documents = [load_document(api["document"]) for api in APIS if api["operations"] == table]
    schemas = [(document, document["components"]["schemas"]) for document in documents]
    for name, fields in present.items():
        known = [fields_of(document, here[name]) for document, here in schemas if name in here]
        assert known, f"{name}: no document has it"
        assert set(fields) <= set().union(*known), name
        required = [set(here[name].get("required", ())) for _, here in schemas if name in here]
        assert not set(fields) & set.intersection(*required), f"{name}: the documents require it by themselves"


@each_table
def test_tables_and_documents_name_the_same_operations(table: str) -> None:
    documents = [api["document"] for api in APIS if api["operations"] == table]
    assert set(load_toml(table)) == {operation.id for document in documents for operation in operations_of(document)}


@each_table
def test_table_entries_are_well_formed(table: str) -> None:
    for name, entry in load_toml(table).items():
        assert {"facade", "kind", "idempotent"} <= set(entry) <= set(TABLE_KEYS), name
        for key, value in entry.items():
            assert type(value) is TABLE_KEYS[key], (name, key)
        assert entry.get("paging", "cursor") in PAGED_BY, name
        assert entry.get("family", "search") in {"search", "conversation", "membership"}, name


@each_table
def test_ids_are_those_of_streams_messages_and_groups(table: str) -> None:
    """Those in paths by the word before them, and those in bodies by their name; no other id is base64."""
    after = re.compile(r"/(?:room|im|stream|streams|message|messages|messagesuppression|group)/{(\w+)}")
    found: dict[str, set[str]] = {}
    for api in APIS:
        if api["operations"] == table:
            document = load_document(api["document"])
            for operation in operations_of(api["document"]):
                ids = set(after.findall(operation.path))
                body = operation.source.get("requestBody", {}).get("content", {}).get("application/json", {})
                schema = str(body.get("schema", {}).get("$ref", "")).rpartition("/")[2]
                fields = document["components"]["schemas"].get(schema, {}).get("properties", {})
                ids |= {f"body.{name}" for name in fields.keys() & {"messageIds", "pinnedMessageId"}}
                found.setdefault(operation.id, set()).update(ids)
    assert {name: set(entry.get("ids", ())) for name, entry in load_toml(table).items()} == found


@each_table
def test_facade_methods_are_unique_names_on_known_resources(table: str) -> None:
    [host] = {api["api"] for api in APIS if api["operations"] == table}
    methods = [entry["facade"] for entry in load_toml(table).values() if entry["facade"]]
    assert [name for name, count in Counter(methods).items() if count > 1] == []
    for method in methods:
        resource, _, name = method.partition(".")
        assert resource in RESOURCES[host], method
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name), method


def test_every_current_operation_has_a_facade_method() -> None:
    for api in APIS:
        if api["current"] and api["api"] != "login":
            table = load_toml(api["operations"])
            for operation in operations_of(api["document"]):
                assert bool(table[operation.id]["facade"]) != operation.deprecated, operation.id


@each_api
def test_paged_operations_take_the_parameters_of_their_strategy(api: dict[str, Any]) -> None:
    table = load_toml(api["operations"])
    for operation in operations_of(api["document"]):
        strategy = table[operation.id].get("paging")
        asked = {name for names in PAGED_BY.values() for name in names} & operation.query
        if strategy is None:
            assert asked == set(), operation.id
        elif api["current"] or asked:
            assert operation.query >= PAGED_BY[strategy], operation.id


@each_api
def test_the_table_says_what_204_means_where_there_is_one(api: dict[str, Any]) -> None:
    table = load_toml(api["operations"])
    for operation in operations_of(api["document"]):
        assert ("none" in table[operation.id]) == ("204" in operation.source["responses"]), operation.id


# Whether an operation may be repeated: one rule, written at the head of pod/operations.toml.

REPEATED = {"read": True, "put": True, "make": False, "end": False, "take": False}

# What a path says of a write's kind; the first that fits. What none fits states values, and is a put.
KIND_BY_PATH = (
    ("end", r"/delete$|/deleteAll$|/logout$|^/v1/connection/(accept|reject|user/\{uid\}/remove)$"),
    (
        "make",
        r"/create$|/companies$|^/v1/groups$|/companies/\{companyId\}/users$|authenticate(/extensionApp)?$|/idm/tokens$",
    ),
    ("read", r"/search$|/find$|streams/list$|/companycert/type/list$|^/v1/admin/messages$"),
)


@each_api
def test_the_kind_follows_from_method_and_path(api: dict[str, Any]) -> None:
    table = load_toml(api["operations"])
    for operation in operations_of(api["document"]):
        if operation.method == "get":
            kind = "take" if "feed" in operation.path else "read"
        else:
            kind = next((kind for kind, path in KIND_BY_PATH if re.search(path, operation.path)), "put")
        assert table[operation.id]["kind"] == kind, operation.id


@each_table
def test_what_may_be_repeated_follows_from_the_kind_or_has_a_reason(table: str) -> None:
    for name, entry in load_toml(table).items():
        departs = entry["idempotent"] != REPEATED[entry["kind"]]
        assert departs == ("reason" in entry), name


def test_these_depart_from_the_rule() -> None:
    departing = {
        name: entry["idempotent"]
        for table in {api["operations"] for api in APIS}
        for name, entry in load_toml(table).items()
        if "reason" in entry
    }
    logins = {name: True for name, entry in load_toml("login/operations.toml").items() if entry["kind"] == "make"}
    assert departing == logins | {
        "v1_im_create_post": True,
        "v1_admin_im_create_post": True,
        "v1_admin_app_id_update_post": False,
        "v2_admin_user_uid_update_post": False,
    }


@pytest.mark.parametrize("where", ["specs/pod/operations.toml", "docs/reliability.md"])
def test_the_rule_is_written_where_people_look_for_it(where: str) -> None:
    text = (SPECS.parent / where).read_text(encoding="utf-8")
    for kind, repeated in REPEATED.items():
        sign = ("Repeated.", "| yes |") if repeated else ("Not repeated.", "| no |")
        [entry] = re.findall(rf"(?ms)^(?:#   |\| ){kind} .*?(?=\n(?:#   |\| )\w|\n\n|\n#\n)", text)
        assert entry.rstrip().endswith(sign), kind
