"""What changed between two documents: every kind of change is found, named and judged; nothing else is."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from aiosymphony.apidiff import (
    Change,
    compare,
    fails,
    load_document,
    to_html,
    to_json,
    to_markdown,
    without_accepted,
)
from aiosymphony.apidiff.load import json_loader
from aiosymphony.errors import ConfigError
from codegen.swagger import convert
from tests.contract.samples import document_path, operation_ids

# A change a line reads best, however long the line.
# ruff: noqa: E501

ROOT = Path(__file__).parents[2]

BASE: dict[str, Any] = yaml.load(
    """
openapi: 3.0.3
info: {title: Small API, version: "1"}
paths:
  /v1/user/{uid}:
    get:
      tags: [User]
      security: [{sessionToken: []}]
      parameters:
        - {name: uid, in: path, required: true, schema: {type: integer}}
        - {name: local, in: query, schema: {type: boolean}}
        - {name: view, in: query, schema: {type: string, enum: [short, long]}}
      responses:
        "200": {description: x, content: {application/json: {schema: {$ref: "#/components/schemas/User"}}}}
        "404": {description: x}
    post:
      tags: [User]
      deprecated: true
      parameters: [{name: uid, in: path, required: true, schema: {type: integer}}]
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Change"}}}}
      responses: {"200": {description: x}, "204": {description: x}}
  /v1/old:
    get:
      tags: [Old]
      responses: {"200": {description: x, content: {application/json: {schema: {type: array, items: {type: string}}}}}}
components:
  schemas:
    User:
      type: object
      required: [id]
      properties:
        id: {type: integer}
        name: {type: string}
        state: {$ref: "#/components/schemas/State"}
        kind: {type: string, enum: [a, b]}
        inner: {type: object, properties: {x: {type: string}}}
        manager: {$ref: "#/components/schemas/User"}
    Change: {type: object, required: [name], properties: {name: {type: string}, tags: {type: array, items: {type: string}}}}
    State: {type: string, enum: [ON, OFF]}
    Unused: {type: object, properties: {x: {type: string}}}
""",
    Loader=json_loader(),
)


def at(document: Any, path: str) -> tuple[Any, Any]:
    """The holder and the key of a place, such as ``components.schemas.User``."""
    *parents, last = [int(part) if part.isdigit() else part.replace("~", ".") for part in path.split(" ")]
    for part in parents:
        document = document[
            part if part in document or not isinstance(part, int) or isinstance(document, list) else str(part)
        ]
    return document, last


def put(path: str, value: Any) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        holder, key = at(document, path)
        if isinstance(holder, list) and key == len(holder):
            holder.append(value)
        else:
            holder[key if isinstance(holder, list) else str(key)] = value

    return change


def drop(path: str) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        holder, key = at(document, path)
        del holder[key if isinstance(holder, list) else str(key)]

    return change


GET = "paths /v1/user/{uid} get"
POST = "paths /v1/user/{uid} post"
USER = "components schemas User properties"
CHANGE = "components schemas Change"
JSON_BODY = f"{POST} requestBody content application/json schema"
G, P = "GET /v1/user/{uid}", "POST /v1/user/{uid}"
NONE = {"responses": {"200": {"description": "x"}}, "tags": ["User"]}

SEEDED: list[tuple[str, Callable[[Any], None], tuple[str, str, str, str, bool]]] = [
    ("operation added", put("paths /v1/old post", NONE), ("operation", "added", "POST /v1/old", "", False)),
    ("operation removed", drop("paths /v1/old get"), ("operation", "removed", "GET /v1/old", "", True)),
    ("operation deprecated", put(f"{GET} deprecated", True), ("operation", "deprecated", G, "", False)),
    ("operation restored", drop(f"{POST} deprecated"), ("operation", "restored", P, "", False)),
    ("operation moved", put(f"{GET} tags", ["People"]), ("operation", "changed", G, "", True)),
    ("token added", put(f"{GET} security", [{"keyManagerToken": []}]), ("token", "changed", G, "", True)),
    ("token dropped", put(f"{GET} security", []), ("token", "changed", G, "", False)),
    ("way in added", put(f"{GET} security", [{"sessionToken": []}, {"appToken": []}]), ("token", "changed", G, "", False)),
    ("argument added", put(f"{GET} parameters 3", {"name": "n", "in": "query", "schema": {"type": "string"}}),
     ("argument", "added", G, "n", False)),
    ("required argument added",
     put(f"{GET} parameters 3", {"name": "n", "in": "query", "required": True, "schema": {"type": "string"}}),
     ("argument", "added", G, "n", True)),
    ("argument removed", drop(f"{GET} parameters 1"), ("argument", "removed", G, "local", True)),
    ("argument retyped", put(f"{GET} parameters 1 schema type", "string"), ("argument", "changed", G, "local", True)),
    ("argument required", put(f"{GET} parameters 1 required", True), ("argument", "changed", G, "local", True)),
    ("argument deprecated", put(f"{GET} parameters 1 deprecated", True), ("argument", "deprecated", G, "local", False)),
    ("argument value added", put(f"{GET} parameters 2 schema enum 2", "full"), ("value", "added", f"{G} view", "full", False)),
    ("argument value removed", drop(f"{GET} parameters 2 schema enum 0"), ("value", "removed", f"{G} view", "short", True)),
    ("body added", put(f"{GET} requestBody", {"content": {"application/json": {"schema": {"type": "string"}}}}),
     ("body", "added", G, "", False)),
    ("body removed", drop(f"{POST} requestBody"), ("body", "removed", P, "", True)),
    ("body retyped", put(JSON_BODY, {"type": "array", "items": {"type": "integer"}}), ("body", "changed", P, "", True)),
    ("body optional", put(f"{POST} requestBody required", False), ("body", "changed", P, "", False)),
    ("result retyped", put("paths /v1/old get responses 200 content application/json schema items type", "integer"),
     ("result", "changed", "GET /v1/old", "", True)),
    ("result may be None", put(f"{GET} responses 204", {"description": "x"}), ("result", "changed", G, "", True)),
    ("model added", put("components schemas New", {"type": "object", "properties": {"x": {"type": "string"}}}),
     ("model", "added", "New", "", False)),
    ("model removed", drop("components schemas Unused"), ("model", "removed", "Unused", "", True)),
    ("field added", put(f"{USER} new", {"type": "string"}), ("field", "added", "User", "new", False)),
    ("field removed", drop(f"{USER} name"), ("field", "removed", "User", "name", True)),
    ("field retyped", put(f"{USER} name", {"type": "boolean"}), ("field", "changed", "User", "name", True)),
    ("field becomes anything", put(f"{USER} name", {}), ("field", "changed", "User", "name", False)),
    ("field becomes an enumeration", put(f"{USER} name", {"$ref": "#/components/schemas/State"}),
     ("field", "changed", "User", "name", False)),
    ("received field required", put("components schemas User required 1", "name"), ("field", "changed", "User", "name", False)),
    ("received field optional", drop("components schemas User required 0"), ("field", "changed", "User", "id", True)),
    ("sent field required", put(f"{CHANGE} required 1", "tags"), ("field", "changed", "Change", "tags", True)),
    ("sent field optional", drop(f"{CHANGE} required 0"), ("field", "changed", "Change", "name", False)),
    ("sent field becomes an enumeration", put(f"{CHANGE} properties name", {"$ref": "#/components/schemas/State"}),
     ("field", "changed", "Change", "name", True)),
    ("field deprecated", put(f"{USER} name deprecated", True), ("field", "deprecated", "User", "name", False)),
    ("inline field removed", put(f"{USER} inner properties", {"y": {"type": "string"}}),
     ("field", "removed", "User.inner", "x", True)),
    ("enumeration added", put("components schemas New", {"type": "string", "enum": ["x"]}), ("enum", "added", "New", "", False)),
    ("value added", put("components schemas State enum 2", "AWAY"), ("value", "added", "State", "AWAY", False)),
    ("value removed", drop("components schemas State enum 1"), ("value", "removed", "State", "OFF", True)),
    ("inline value removed", drop(f"{USER} kind enum 0"), ("value", "removed", "User.kind", "a", True)),
]  # fmt: skip


def changed(change: Callable[[Any], None]) -> dict[str, Any]:
    document = copy.deepcopy(BASE)
    change(document)
    return document


@pytest.mark.parametrize(("change", "expected"), [pytest.param(c, e, id=name) for name, c, e in SEEDED])
def test_every_kind_of_change_is_found(
    change: Callable[[Any], None], expected: tuple[str, str, str, str, bool]
) -> None:
    diff = compare(BASE, changed(change))
    found = [(c.kind, c.what, c.where, c.name, c.breaking) for c in diff.changes]
    assert expected in found
    assert bool(diff.breaking) == expected[4] or "inline" in str(found)
    assert len(found) == 1 or expected[:2] in {("field", "removed"), ("enum", "added")}, found


CNAME = f"{CHANGE} properties name"
UNAME = f"{USER} name"
LOCAL = f"{GET} parameters 1"
TAGS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}


def typed(**facts: Any) -> dict[str, Any]:
    return {"type": "string", **facts}


# What changes beyond types: the change, where it is told, and its severity, if it is made and if it is taken back.
FACTS: list[tuple[str, str, Any, Any, tuple[str, str, str], str, str]] = [
    *(
        (f"sent {key}", CNAME, typed(**{key: old}), typed(**{key: new}), ("field", "Change", "name"), made, back)
        for key, old, new, made, back in (
            ("maxLength", 10, 5, "breaking", "compatible"),
            ("minLength", 1, 3, "breaking", "compatible"),
            ("pattern", "^a", "^b", "breaking", "breaking"),
            ("default", "a", "b", "wire", "wire"),
            ("format", "date", "date-time", "compatible", "compatible"),
        )
    ),
    ("sent readOnly", f"{CHANGE} properties tags", TAGS, TAGS | {"readOnly": True}, ("field", "Change", "tags"),
     "breaking", "compatible"),
    ("sent limit added", CNAME, typed(), typed(maxLength=5), ("field", "Change", "name"), "breaking", "compatible"),
    ("sent pattern added", CNAME, typed(), typed(pattern="x"), ("field", "Change", "name"), "breaking", "compatible"),
    ("received limit", UNAME, typed(maxLength=9), typed(maxLength=5), ("field", "User", "name"), "compatible",
     "compatible"),
    ("received pattern", UNAME, typed(pattern="a"), typed(pattern="b"), ("field", "User", "name"), "compatible",
     "compatible"),
    ("width of an argument", f"{GET} parameters 0 schema", {"type": "integer", "format": "int32"},
     {"type": "integer", "format": "int64"}, ("argument", G, "uid"), "compatible", "breaking"),
    ("bound of an argument", f"{GET} parameters 0 schema", {"type": "integer", "maximum": 9},
     {"type": "integer", "maximum": 8}, ("argument", G, "uid"), "breaking", "compatible"),
    ("exclusive bound, as 3.0 and as 3.1 say it", f"{GET} parameters 0 schema",
     {"type": "integer", "minimum": 1, "exclusiveMinimum": True}, {"type": "integer", "exclusiveMinimum": 2},
     ("argument", G, "uid"), "breaking", "compatible"),
    ("default of an argument", f"{LOCAL} schema", {"type": "boolean", "default": True},
     {"type": "boolean", "default": False}, ("argument", G, "local"), "wire", "wire"),
    ("argument moved to a header", f"{LOCAL} in", "query", "header", ("argument", G, "local"), "wire", "wire"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "old", "new", "told", "severity"),
    [
        pytest.param(path, *values, told, severity, id=f"{name}{suffix}")
        for name, path, old, new, told, made, back in FACTS
        for values, severity, suffix in (((old, new), made, ""), ((new, old), back, ", taken back"))
    ],
)
def test_what_changes_beyond_types_is_told_with_its_severity(
    path: str, old: Any, new: Any, told: tuple[str, str, str], severity: str
) -> None:
    before, after = changed(put(path, old)), changed(put(path, new))
    [change] = compare(before, after).changes
    assert (change.kind, change.where, change.name, change.what) == (*told, "changed")
    assert change.severity == severity
    assert change.place.startswith(("#/components/schemas/", "#/paths/~1v1~1user~1{uid}/get/parameters/"))
    assert compare(before, before).changes == []


@pytest.mark.parametrize(
    ("name", "place"),
    [("uid", "#/paths/~1v1~1user~1{uid}/parameters/0"), ("local", "#/paths/~1v1~1user~1{uid}/get/parameters/0")],
)
def test_the_pointer_to_an_argument_says_who_holds_it(name: str, place: str) -> None:
    def shared(text: str) -> Callable[[Any], None]:
        def change(document: dict[str, Any]) -> None:
            item = document["paths"]["/v1/user/{uid}"]
            every = item["get"]["parameters"]
            [uid] = [each for each in every if each["name"] == "uid"]
            [local] = [each for each in every if each["name"] == "local"]
            {"uid": uid, "local": local}[name]["schema"]["default"] = text
            item["parameters"], item["get"]["parameters"] = [uid], [local]

        return change

    [told] = compare(changed(shared("a")), changed(shared("b"))).changes
    assert (told.name, told.place) == (name, place)


MOVED = [
    ([{"url": "https://a.com/api"}], [{"url": "https://a.com/api/v2"}], "the base path", "breaking"),
    ([{"url": "https://a.com/api"}], [{"url": "https://b.com/api"}], "the server", "wire"),
    ([{"url": "/api"}], [{"url": "https://a.com/api/"}], "", ""),
    (
        [{"url": "https://a.com/{v}", "variables": {"v": {"default": "v1"}}}],
        [{"url": "https://a.com/{v}", "variables": {"v": {"default": "v2"}}}],
        "the base path",
        "breaking",
    ),
]


@pytest.mark.parametrize(("old", "new", "what", "severity"), MOVED)
def test_a_server_that_moved_is_one_change_for_all_its_operations(old: Any, new: Any, what: str, severity: str) -> None:
    found = compare(changed(put("servers", old)), changed(put("servers", new))).changes
    count = sum(len(item) for item in BASE["paths"].values())
    assert [(c.kind, c.severity, c.place) for c in found] == ([("server", severity, "#/servers")] if what else [])
    assert all(c.detail.startswith(f"{what} of {count} operations was ") for c in found)


def test_another_media_type_is_a_change_of_the_wire() -> None:
    content = {"application/xml": {"schema": {"$ref": "#/components/schemas/Change"}}}
    after = changed(put(f"{POST} requestBody content", content))
    found = [(c.where, c.severity, c.detail) for c in compare(BASE, after).changes]
    assert found == [(P, "wire", "sends application/xml instead of application/json")]


def test_changes_that_are_known_are_accepted_with_a_reason(tmp_path: Path, written: Callable[..., Path]) -> None:
    diff = compare(BASE, changed(drop(f"{USER} name")))
    accepted = tmp_path / "accepted.toml"
    accepted.write_text('[[accept]]\nwhere = "User"\nname = "name"\nreason = "Nobody reads it."\n')
    rest, lines = without_accepted(diff, accepted)
    assert (len(diff.changes), rest.changes) == (1, [])
    assert lines == ["field removed User name: Nobody reads it."]
    for text, why in (
        ('[[accept]]\nwhere = "User"\n', "gives no reason"),
        ('[[accept]]\nwhere = "Nope"\nreason = "x"\n', "matches no change"),
        ('[[accept]]\nreason = "x"\n', "takes where and reason"),
        ("accept = [", "cannot be read"),
    ):
        accepted.write_text(text)
        with pytest.raises(ValueError, match=why):
            without_accepted(diff, accepted)


@pytest.mark.parametrize(
    ("path", "value", "codes"),
    [
        (CNAME, typed(maxLength=1), {"breaking": 1, "wire": 1, "any": 1, "never": 0}),
        (CNAME, typed(default="a"), {"breaking": 0, "wire": 1, "any": 1, "never": 0}),
        (UNAME, typed(maxLength=1), {"breaking": 0, "wire": 0, "any": 1, "never": 0}),
    ],
)
def test_a_project_sets_what_fails(path: str, value: Any, codes: dict[str, int]) -> None:
    diff = compare(BASE, changed(put(path, value)))
    assert {fail_on: int(fails(diff, fail_on)) for fail_on in codes} == codes


S, K, A = "sessionToken", "keyManagerToken", "appToken"


@pytest.mark.parametrize(
    ("old", "new", "breaking", "detail"),
    [
        ([[S], [A]], [[S]], True, f"needs {S} instead of {S}, or {A}"),
        ([[S], [A]], [[S], [A, K]], True, f"needs {S}, or {A} and {K} instead of {S}, or {A}"),
        ([[S], [S, K]], [[S, K]], True, f"needs {S} and {K} instead of {S}, or {S} and {K}"),
        ([[S]], [[S, K], [S]], False, f"needs {S}, or {S} and {K} instead of {S}"),
        ([[S, K], [A]], [[S], [A]], False, f"needs {S}, or {A} instead of {A}, or {S} and {K}"),
        ([[S], [A]], [], False, f"needs no token instead of {S}, or {A}"),
        ([[S], [A, K]], [[K, A], [S]], None, ""),
        ([[S]], [[S], []], None, ""),  # a session sends the token that it has
    ],
)
def test_every_way_in_is_compared(old: list[Any], new: list[Any], breaking: bool | None, detail: str) -> None:
    before, after = (changed(put(f"{GET} security", [{key: [] for key in way} for way in ways])) for ways in (old, new))
    found = [(c.kind, c.what, c.where, c.breaking, c.detail) for c in compare(before, after).changes]
    assert found == ([] if breaking is None else [("token", "changed", G, breaking, detail)])


@pytest.mark.parametrize(
    "change",
    [
        put("info", {"title": "Small API", "version": "1", "description": "new"}),
        put(f"{GET} summary", "New words."),
        put(f"{GET} responses 403", {"description": "x"}),
        put(f"{USER} name", {"type": "string", "description": "new", "example": "x"}),
        put(f"{USER} name", {"type": "string", "nullable": True}),
        put(f"{USER} state", {"allOf": [{"$ref": "#/components/schemas/State"}], "description": "wrapped"}),
        put(f"{GET} operationId", "renamed"),
    ],
)
def test_what_callers_do_not_see_is_no_change(change: Callable[[Any], None]) -> None:
    assert compare(BASE, changed(change)).changes == []


def test_tokens_are_told_by_their_headers_in_any_case() -> None:
    before, after = (
        changed(put(f"{POST} parameters 1", {"name": name, "in": "header", "schema": {"type": "string"}}))
        for name in ("SESSIONTOKEN", "KeyManagerToken")
    )
    (change,) = compare(before, after).changes
    assert (change.kind, change.detail) == ("token", f"needs {K} instead of {S}")


def test_a_renamed_path_parameter_is_no_removal() -> None:
    text = json.dumps(BASE).replace("{uid}", "{userId}").replace('"name": "uid"', '"name": "userId"')
    changes = compare(BASE, json.loads(text)).changes
    assert not [c for c in changes if (c.kind, c.what) == ("operation", "removed")]
    assert ("operation", "changed", "GET /v1/user/{userId}", True) in [
        (c.kind, c.what, c.where, c.breaking) for c in changes
    ]


def test_swagger_and_openapi_are_comparable() -> None:
    swagger = yaml.safe_load(
        """
        swagger: "2.0"
        info: {title: A, version: "1"}
        paths:
          /v1/a/{id}:
            post:
              tags: [A]
              parameters:
                - {name: sessionToken, in: header, required: true, type: string}
                - {name: id, in: path, required: true, type: string}
                - {name: ids, in: query, type: array, items: {type: integer}, collectionFormat: multi}
                - {name: body, in: body, required: true, schema: {$ref: "#/definitions/A"}}
              responses: {200: {description: x, schema: {type: array, items: {$ref: "#/definitions/A"}}}}
        definitions: {A: {type: object, required: [x], properties: {x: {type: string, enum: [p, q]}}}}
        """
    )
    converted = convert(json.loads(json.dumps(swagger)))
    assert compare(swagger, converted).changes == []
    del converted["components"]["schemas"]["A"]["properties"]["x"]["enum"][0]
    assert [c.where for c in compare(swagger, converted).breaking] == ["A.x"]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "specs").glob("*/*.yaml")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_a_document_does_not_differ_from_itself(path: Path) -> None:
    assert compare(load_document(path), load_document(path)).changes == []


def test_from_the_older_version_of_the_pod_to_the_newer() -> None:
    old, new = (load_document(document_path(package)) for package in ("pod_1_40", "pod"))
    diff = compare(old, new)
    changes = diff.changes

    def found(kind: str, what: str) -> set[str]:
        return {change.where for change in changes if (change.kind, change.what) == (kind, what)}

    assert found("operation", "removed") == {"GET /v1/presence"}
    names = {name: f"{method.upper()} {path}" for path, item in new["paths"].items()
             for method in item if (name := item[method]["operationId"])}  # fmt: skip
    added = {*operation_ids("pod")} - {*operation_ids("pod_1_40")}
    assert found("operation", "added") == {names[name] for name in added} != set()
    old_names = {(path, method) for path, item in old["paths"].items() for method in item}
    deprecated = {
        f"{method.upper()} {path}"
        for path, item in new["paths"].items()
        for method in item
        if item[method].get("deprecated") and (path, method) in old_names
    }
    already = {
        f"{method.upper()} {path}"
        for path, item in old["paths"].items()
        for method in item
        if item[method].get("deprecated")
    }
    assert found("operation", "deprecated") == deprecated - already != set()
    assert set(diff.deprecated_before) == deprecated & already
    newly, before = len(deprecated - already), len(deprecated & already)
    told = f"{newly + before} are deprecated: {newly} newly, {before} as before"
    assert told in to_markdown(diff)
    assert told in to_html(diff)
    status = {(c.what, c.name) for c in changes if c.where == "UserConnection.status"}
    assert {("removed", "accepted"), ("added", "ACCEPTED")} <= status
    fields = {f"{c.where}.{c.name}" for c in changes if (c.kind, c.what) == ("field", "added")}
    assert {"UserSystemInfo.suspended", "UserSystemInfo.suspendedUntil", "UserV2.roles"} <= fields
    assert not found("field", "removed")


HOSTILE = "<script>alert(1)</script>|`\n# x"


def test_it_is_shown_as_markdown_json_and_html() -> None:
    document = changed(put(f"{USER} {HOSTILE.replace(' ', '~')}", {"type": "string"}))
    del document["paths"]["/v1/old"]
    diff = compare(BASE, document)
    markdown = to_markdown(diff)
    assert markdown.startswith("# Small API 1 → Small API 1\n\n**1 breaking change, 1 compatible.**\n")
    assert "## Breaking for callers\n\n### Operations removed (1)\n\n- Old: `GET /v1/old`\n" in markdown
    assert "<script>" not in markdown.replace("\\<script>", "")
    assert len([line for line in markdown.splitlines() if line.startswith("# ")]) == 1
    value = json.loads(to_json(diff))
    assert (value["breaking"], [c["kind"] for c in value["changes"]]) == (1, ["operation", "field"])
    assert {Change(**{key: value for key, value in c.items() if key != "severity"}) for c in value["changes"]} == set(
        diff.changes
    )
    page = to_html(diff)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "1 breaking change, 1 compatible." in page
    assert to_markdown(compare(BASE, BASE)).count("Nothing changed.") == 1


def test_the_exit_code_says_whether_it_breaks(
    run: Callable[..., Any], written: Callable[..., Path], tmp_path: Path
) -> None:
    old = written(BASE, "old.yaml")
    breaks = written(changed(drop("paths /v1/old get")), "breaks.yaml")
    grows = written(changed(put("components schemas State enum 2", "AWAY")), "grows.yaml")
    broken = run("--diff", old, breaks, "--html", tmp_path / "diff.html")
    assert (broken.returncode, "GET /v1/old" in broken.stdout) == (1, True)
    assert "GET /v1/old" in (tmp_path / "diff.html").read_text(encoding="utf-8")
    grown = run("--diff", old, grows, "--json")
    assert (grown.returncode, json.loads(grown.stdout)["breaking"]) == (0, 0)
    wrong = run("--diff", old, written("a: b", "none.yaml"))
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (64, False)


def test_the_command_for_users_says_the_same(
    written: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from aiosymphony.cli.app import run

    old, new = written(BASE, "old.yaml"), written(changed(drop("paths /v1/old get")), "new.yaml")
    diff = compare(load_document(old), load_document(new))
    assert run(["api", "diff", str(old), str(new), "--html", str(tmp_path / "diff.html")]) == 1
    assert capsys.readouterr().out == to_markdown(diff)
    assert (tmp_path / "diff.html").read_text(encoding="utf-8") == to_html(diff)
    assert run(["api", "diff", str(old), str(old), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changes"] == []
    assert run(["api", "diff", str(old), str(tmp_path / "none.yaml")]) == 64
    assert "none.yaml: cannot be read" in capsys.readouterr().err


def test_files_that_are_no_documents_are_refused(tmp_path: Path, written: Callable[..., Path]) -> None:
    for path in (tmp_path / "none.yaml", written("[1, 2]"), written("a: b: c")):
        with pytest.raises(ConfigError, match=path.name):
            load_document(path)
    with pytest.raises(ValueError, match="not a Swagger"):
        compare({"a": 1}, BASE)
