"""Documents as vendors publish them: what is read, converted and mended, and what is refused, with its place."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from codegen.document import generate_from, read_any
from codegen.naming import operation_id
from codegen.problem import CodegenError
from codegen.reading import read_document

Written = Callable[..., Path]
Imported = Callable[[Path], ModuleType]

# The traps of DOMAIN's published documents, in one: no operation ids, no tags, tokens as parameters on every operation,
# anchors, response codes as numbers, empty descriptions, an object with a default, names that differ in case alone.
VENDOR = """
swagger: "2.0"
info: {title: Vendor API, version: 20.17.1, description: }
host: yourpod.symphony.com
basePath: /pod
schemes: [https]
consumes: [application/json]
produces: [application/json]
x-token: &token {name: sessionToken, in: header, required: true, type: string, description: }
paths:
  /v1/admin/user/{uid}/status:
    parameters: [*token]
    get:
      summary: Get the status
      parameters:
        - {name: uid, in: path, required: true, type: integer, format: int64}
        - {name: since, in: query, type: string, format: long, default: 2020-01-01}
        - {name: ids, in: query, type: array, items: {type: string}, collectionFormat: multi}
        - {name: names, in: query, type: array, items: {type: string}, collectionFormat: pipes}
        - {name: User-Agent, in: header, type: string}
      responses:
        200: {description: , schema: {$ref: "#/definitions/Status"}}
        401: {$ref: "#/responses/Error"}
    post:
      consumes: [application/json]
      parameters:
        - {name: uid, in: path, required: true, type: integer}
        - {name: keyManagerToken, in: header, required: true, type: string}
        - {name: payload, in: body, required: true, schema: {type: array, items: {$ref: "#/definitions/user"}}}
      responses: {200: {description: ok}}
  /v1/upload:
    post:
      consumes: [multipart/form-data]
      parameters:
        - *token
        - {name: file, in: formData, type: file, required: true}
        - {name: note, in: formData, type: string}
      responses: {200: {description: ok, schema: {type: file}}}
responses:
  Error: {description: no, schema: {$ref: "#/definitions/Error"}}
definitions:
  Error: {type: object, properties: {code: {type: integer}}}
  Status: &status
    type: object
    description:
    required: [gone]
    default: KEEP
    properties: {state: {type: string, enum: [ON, OFF, yes, 1]}, long: {type: string, format: long}}
  StatusCopy: *status
  User: {type: object, properties: {a: {type: string, x-nullable: true}}}
  user: {type: object, properties: {b: {type: boolean, default: "false", example: "true"}}}
  Map: {type: object, additionalProperties: {$ref: "#/definitions/User"}}
"""


def test_a_document_with_every_trap(written: Written, imported: Imported, tmp_path: Path) -> None:
    report, _ = generate_from(written(VENDOR), api="vendor", out=tmp_path / "out")
    assert (report.operations, report.parameters, report.arguments, report.schemas) == (3, 10, 5, 6)
    package = imported(tmp_path / "out/vendor")
    get = package.OPERATIONS["v1_admin_user_uid_status_get"]
    assert (get.path, get.tag, get.auth) == ("/pod/v1/admin/user/{uid}/status", "admin", ("sessionToken",))
    request = get.build(7, since="x", ids=["a", "b"], names=["c", "d"])
    assert (request.path, request.query) == ("/pod/v1/admin/user/7/status", "since=x&ids=a&ids=b&names=c%7Cd")
    post = package.OPERATIONS["v1_admin_user_uid_status_post"]
    assert set(post.auth) == {"sessionToken", "keyManagerToken"}
    assert not any(each.idempotent for each in package.OPERATIONS.values()), "no table says that they may be repeated"
    models = import_module("vendor.models")
    assert post.build(7, body=[models.User2(b=True)]).body == b'[{"b":true}]'
    assert [member.value for member in models.StatusState] == ["ON", "OFF", "yes", "1"]
    upload = package.OPERATIONS["v1_upload_post"]
    assert upload.build(body=models.V1UploadPostBody(file=b"x")).content_type.startswith("multipart/form-data")
    assert upload.parse(200, {}, b"\x00") == b"\x00"
    assert any("User-Agent" in note for note in report.notes)
    assert any("the name User is taken" in note for note in report.notes)


SECURITY = """
openapi: 3.0.3
info: {title: ways, version: "1"}
components:
  securitySchemes:
    sessionToken: {type: apiKey, in: header, name: sessionToken}
    keyManagerToken: {type: apiKey, in: header, name: keyManagerToken}
security: [{sessionToken: []}]
paths:
  /v1/thing:
    get: {responses: {"204": {description: ok}}}
    put:
      security:
        [{sessionToken: [], keyManagerToken: []}, {sessionToken: []}, {},
         {sessionToken: [], keyManagerToken: []}]
      responses: {"204": {description: ok}}
    post: {security: [], responses: {"204": {description: ok}}}
    patch:
      security: [{sessionToken: []}, {keyManagerToken: []}]
      parameters: [{name: SessionToken, in: header, schema: {type: string}}]
      responses: {"204": {description: ok}}
"""


def test_of_several_ways_in_the_one_with_the_fewest_tokens_is_first_and_none_is_lost(
    written: Written, imported: Imported, tmp_path: Path
) -> None:
    generate_from(written(SECURITY), api="ways", out=tmp_path / "out")
    operations = imported(tmp_path / "out/ways").OPERATIONS
    found = {name: (each.auth, each.other_auth) for name, each in operations.items()}
    assert found == {
        "v1_thing_get": (("sessionToken",), ()),
        "v1_thing_put": (("sessionToken",), (("sessionToken", "keyManagerToken"),)),
        "v1_thing_post": ((), ()),
        "v1_thing_patch": (("sessionToken",), (("keyManagerToken", "sessionToken"),)),
    }


@pytest.mark.parametrize(
    ("path", "method", "expected"),
    [
        ("/v1/admin/user/{uid}/status", "GET", "v1_admin_user_uid_status_get"),
        ("/v1/companies/{companyId}", "patch", "v1_companies_company_id_patch"),
        ("/file_ext/v1/allowed_extensions/{extension}", "PUT", "file_ext_v1_allowed_extensions_extension_put"),
        ("/v1/room/{id}/setActive", "POST", "v1_room_id_set_active_post"),
        ("/v1/companycert/{fingerPrint}/issuedBy", "GET", "v1_companycert_finger_print_issued_by_get"),
        ("/", "GET", "get"),
    ],
)
def test_operation_ids_follow_one_rule(path: str, method: str, expected: str) -> None:
    assert operation_id(path, method) == expected


def openapi(**parts: Any) -> dict[str, Any]:
    document = {
        "openapi": "3.0.3",
        "info": {"title": "A", "version": "1"},
        "paths": {"/a": {"get": {"responses": {"200": {"description": "x"}}}}},
    }
    return {**document, **parts}


def swagger(**parts: Any) -> dict[str, Any]:
    document = {
        "swagger": "2.0",
        "info": {"title": "A", "version": "1"},
        "paths": {"/a": {"get": {"responses": {"200": {"description": "x"}}}}},
    }
    return {**document, **parts}


def answers(schema: Any) -> dict[str, Any]:
    return {"200": {"description": "x", "content": {"application/json": {"schema": schema}}}}


REFUSED: list[Any] = [
    ("a remote reference", swagger(definitions={"A": {"$ref": "other.yaml#/A"}}), "#/definitions/A/$ref", "other.yaml"),
    ("an unknown key", swagger(definitions={"A": {"anyOf": []}}), "#/definitions/A/anyOf", "nothing that Swagger"),
    ("tab-separated lists", swagger(paths={"/a": {"get": {"parameters": [
        {"name": "x", "in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": "tsv"}],
        "responses": {"200": {"description": "x"}}}}}), "#/paths/~1a/get/parameters/0/collectionFormat", "tsv"),
    ("a path elsewhere", swagger(paths={"/a": {"$ref": "a.yaml"}}), "#/paths/~1a/$ref", "a.yaml"),
    ("Swagger 1", {"swagger": "1.2", "paths": {}}, "document.yaml", "1.2"),
    ("no OpenAPI", {"hello": 1}, "document.yaml", "no OpenAPI 3.0 or 3.1 document"),
    ("an invalid document", openapi(paths={"/a": {"get": {}}}), "#/paths", "responses"),
    ("a circle of allOf", openapi(components={"schemas": {
        "A": {"allOf": [{"$ref": "#/components/schemas/B"}]},
        "B": {"allOf": [{"$ref": "#/components/schemas/A"}, {"properties": {"x": {}}}]}}}),
        "#/components/schemas", "composed (allOf) of itself"),
    ("two types at once", openapi(components={"schemas": {
        "A": {"allOf": [{"type": "string"}, {"type": "object", "properties": {"x": {}}}]}}}),
        "#/components/schemas/A", "no value is both"),
    ("a matrix parameter", openapi(paths={"/a/{x}": {"get": {"parameters": [
        {"name": "x", "in": "path", "required": True, "style": "matrix", "schema": {"type": "string"}}],
        "responses": {"200": {"description": "x"}}}}}), "#/paths/~1a~1{x}", "matrix"),
    ("half a surrogate pair", '{"openapi": "3.0.3", "info": {"title": "\\\\ud800", "version": "1"}, "paths": {}}',
        "info/title", "surrogate"),
    ("a key twice", "openapi: 3.0.3\ninfo: {title: a, version: '1'}\npaths: {}\npaths: {}\n", "line 4", "'paths'"),
    ("not YAML", "a: [", "document.yaml", "neither YAML nor JSON"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "place", "what"), [pytest.param(*case[1:], id=case[0]) for case in REFUSED])
def test_what_cannot_be_expressed_is_refused_with_its_place(
    document: Any, place: str, what: str, written: Written, tmp_path: Path
) -> None:
    text = document.replace("\\\\", "\\") if isinstance(document, str) else document
    with pytest.raises(CodegenError) as caught:
        generate_from(written(text), api="refused", out=tmp_path / "out")
    assert place in str(caught.value)
    assert what in str(caught.value)
    assert not (tmp_path / "out").exists(), "something was written all the same"


def test_aliases_that_expand_without_end_are_refused(written: Written) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(CodegenError, match="once its aliases are expanded"):
        read_document(written("\n".join(lines)))
    with pytest.raises(CodegenError, match="alias refers to a part"):
        read_document(written("a: &a\n  b: *a\n"))


@pytest.mark.parametrize("keyword", ["type", "properties", "items", "enum"])
def test_names_that_are_keywords_of_schemas_are_names(
    keyword: str, written: Written, imported: Imported, tmp_path: Path
) -> None:
    properties = {keyword: {"type": "string"}, "required": {"type": "boolean"}}
    schemas = {keyword: {"type": "object", "properties": properties}}
    generate_from(written(openapi(components={"schemas": schemas})), api="keywords", out=tmp_path / "out")
    imported(tmp_path / "out/keywords")
    models = import_module("keywords.models")
    made = getattr(models, models.__all__[0]).from_dict({keyword: "x", "required": True})
    assert not made.additional_properties


FIXES = """
overlay: 1.0.0
info: {title: Fixes, version: "1"}
actions:
  - target: $.definitions.Status.properties.state
    description: The published values are incomplete.
    update: {enum: [AWAY]}
  - target: $.paths[*].*.parameters[?@.name == 'User-Agent']
    description: Set by every client.
    remove: true
"""


def test_fixes_mend_a_document(written: Written) -> None:
    taken = read_any(written(VENDOR), written(FIXES, "fixes.yaml"))
    document, done = taken.document, taken.fixed
    values = document["components"]["schemas"]["Status"]["properties"]["state"]["enum"]
    assert values == ["ON", "OFF", "yes", "1", "AWAY"]
    assert "User-Agent" not in str(document["paths"])
    assert done == [
        "$.definitions.Status.properties.state (1): The published values are incomplete.",
        "$.paths[*].*.parameters[?@.name == 'User-Agent'] (1): Set by every client.",
    ]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("Status.properties.state", "Gone.properties.state", "action 1: matches nothing: $.definitions.Gone"),
        ("description: Set by every client.", "", "action 2: gives no reason"),
        ("remove: true", "remove: false", "action 2: must either update or remove"),
        ("$.definitions.Status", "$.[", "action 1: its target is no JSONPath"),
        ("overlay: 1.0.0", "overlay: 2.0.0", "no OpenAPI Overlay"),
    ],
)
def test_fixes_that_fit_no_longer_are_refused(old: str, new: str, what: str, written: Written) -> None:
    with pytest.raises(CodegenError) as caught:
        read_any(written(VENDOR), written(FIXES.replace(old, new), "fixes.yaml"))
    assert what in str(caught.value)
