"""A document in own words is checked against the vendor's: other words are the same, anything else of the wire is told."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from aiosymphony.apidiff import compare, wire_differences
from codegen.fixes import apply_fixes
from codegen.swagger import convert

# A change a line reads best, however long the line.
# ruff: noqa: E501

#: As a vendor publishes it.
VENDOR: dict[str, Any] = yaml.safe_load(
    """
swagger: "2.0"
info: {title: Vendor's API, version: "1"}
host: company.symphony.com
basePath: /pod
produces: [application/json]
securityDefinitions: {}
paths:
  /v1/user/{uid}:
    get:
      summary: Get a user.
      operationId: getUser
      tags: [Users]
      parameters:
        - {name: sessionToken, in: header, required: true, type: string}
        - {name: uid, in: path, required: true, type: integer, format: int64}
        - {name: ids, in: query, type: array, items: {type: string, maxLength: 9}, collectionFormat: multi}
        - {name: limit, in: query, type: integer, maximum: 100, default: 50}
      responses:
        "200": {description: The user., schema: {$ref: "#/definitions/UserV2"}}
        "400": {description: Bad., schema: {$ref: "#/definitions/Error"}}
    post:
      consumes: [application/json]
      parameters:
        - {name: sessionToken, in: header, required: true, type: string}
        - {name: uid, in: path, required: true, type: integer, format: int64}
        - {name: payload, in: body, required: true, schema: {$ref: "#/definitions/UserV2"}}
      responses: {"204": {description: Done.}}
  /v1/file:
    post:
      consumes: [multipart/form-data]
      parameters:
        - {name: note, in: formData, type: string}
        - {name: file, in: formData, required: true, type: file}
      responses: {"200": {description: x, schema: {type: array, items: {$ref: "#/definitions/Base"}}}}
definitions:
  Base: {type: object, required: [id], properties: {id: {type: integer, format: int64, description: The id.}}}
  UserV2:
    allOf:
      - {$ref: "#/definitions/Base"}
      - type: object
        properties:
          name: {type: string, maxLength: 64, example: Alice}
          state: {type: string, enum: [ENABLED, DISABLED]}
          manager: {$ref: "#/definitions/UserV2"}
          tags: {type: object, additionalProperties: {type: string}}
  Error: {type: object, required: [code], properties: {code: {type: integer, format: int32}}}
"""
)

#: The same in own words: other names of schemas, tags and operations, compositions written out, bodies by reference.
OURS: dict[str, Any] = yaml.safe_load(
    """
openapi: 3.0.3
info: {title: Our description, version: "1"}
servers: [{url: /pod}]
components:
  securitySchemes: {session: {type: apiKey, in: header, name: sessionToken}}
  parameters: {user: {name: userId, in: path, required: true, schema: {type: integer, format: int64}}}
  requestBodies:
    person: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Person"}}}}
  schemas:
    Person:
      type: object
      description: Somebody.
      required: [id]
      properties:
        manager: {allOf: [{$ref: "#/components/schemas/Person"}], description: Above.}
        id: {type: integer, format: int64}
        state: {$ref: "#/components/schemas/State"}
        name: {type: string, maxLength: 64, title: Called}
        tags: {type: object, additionalProperties: {type: string}}
    State: {type: string, enum: [DISABLED, ENABLED]}
    Fault: {type: object, required: [code], properties: {code: {type: integer, format: int32}}}
paths:
  /v1/file:
    post:
      operationId: upload
      requestBody:
        required: true
        content:
          multipart/form-data:
            schema:
              type: object
              required: [file]
              properties: {file: {type: string, format: binary}, note: {type: string}}
      responses:
        "200":
          description: y
          content:
            application/json:
              schema:
                type: array
                items: {type: object, required: [id], properties: {id: {type: integer, format: int64}}}
  /v1/user/{userId}:
    parameters: [{$ref: "#/components/parameters/user"}]
    get:
      tags: [People]
      deprecated: true
      security: [{session: []}]
      parameters:
        - {name: limit, in: query, schema: {type: integer, maximum: 100, default: 50}}
        - {name: ids, in: query, schema: {type: array, items: {type: string, maxLength: 9}}, style: form, explode: true}
      responses:
        200: {description: y, content: {application/json: {schema: {$ref: "#/components/schemas/Person"}}}}
        400: {description: y, content: {application/json: {schema: {$ref: "#/components/schemas/Fault"}}}}
    post:
      security: [{session: []}]
      requestBody: {$ref: "#/components/requestBodies/person"}
      responses: {204: {description: y}}
"""
)

PERSON = "components/schemas/Person"
GET = "paths//v1/user/{userId}/get"
USER = "#/paths/~1v1~1user~1{userId}"


def seeded(path: list[str | int], value: Any) -> dict[str, Any]:
    """Our document with one other value; ``...`` for one that is gone."""
    document = copy.deepcopy(OURS)
    holder: Any = document
    for part in path[:-1]:
        holder = holder[part]
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return document


S = ["components", "schemas"]
P: list[str | int] = [*S, "Person", "properties"]
G: list[str | int] = ["paths", "/v1/user/{userId}", "get"]
F: list[str | int] = ["paths", "/v1/file", "post"]

#: What is changed in ours, to what, the place in the vendor's document, the place in ours, and the words.
DIFFERENT: list[tuple[list[str | int], Any, str, str, str]] = [
    ([*P, "name", "maxLength"], 60, "#/definitions/UserV2/allOf/1/properties/name",
     "#/components/schemas/Person/properties/name", "maxLength: the vendor says 64, ours says 60"),
    ([*P, "name", "type"], "integer", "#/definitions/UserV2/allOf/1/properties/name",
     "#/components/schemas/Person/properties/name", "type: the vendor says ['string'], ours says ['integer']"),
    ([*P, "name", "nullable"], True, "#/definitions/UserV2/allOf/1/properties/name",
     "#/components/schemas/Person/properties/name", "null: the vendor says nothing, ours says True"),
    ([*P, "name", "readOnly"], True, "#/definitions/UserV2/allOf/1/properties/name",
     "#/components/schemas/Person/properties/name", "readOnly: the vendor says nothing, ours says True"),
    ([*P, "name"], ..., "#/definitions/UserV2/allOf/1/properties/name", "#/components/schemas/Person",
     "the property name is missing in ours"),
    ([*P, "extra"], {"type": "string"}, "#/definitions/UserV2", "#/components/schemas/Person/properties/extra",
     "the property extra is only in ours"),
    ([*P, "tags", "additionalProperties", "type"], "integer",
     "#/definitions/UserV2/allOf/1/properties/tags/additionalProperties",
     "#/components/schemas/Person/properties/tags/additionalProperties",
     "type: the vendor says ['string'], ours says ['integer']"),
    ([*P, "id", "format"], "int32", "#/definitions/Base/properties/id", "#/components/schemas/Person/properties/id",
     "format: the vendor says 'int64', ours says 'int32'"),
    ([*S, "Person", "required"], [], "#/definitions/Base/properties/id", "#/components/schemas/Person/properties/id",
     "required: the vendor says True, ours says False"),
    ([*S, "Fault", "required"], ..., "#/definitions/Error/properties/code",
     "#/components/schemas/Fault/properties/code", "required: the vendor says True, ours says False"),
    ([*S, "State", "enum"], ["ENABLED"], "#/definitions/UserV2/allOf/1/properties/state", "#/components/schemas/State",
     "values: the vendor says ['DISABLED', 'ENABLED'], ours says ['ENABLED']"),
    ([*S, "Person", "additionalProperties"], False, "#/definitions/UserV2", "#/components/schemas/Person",
     "other properties: the vendor says nothing, ours says False"),
    ([*G, "parameters", 0, "required"], True, "#/paths/~1v1~1user~1{uid}/get/parameters/3",
     f"{USER}/get/parameters/0", "required: the vendor says False, ours says True"),
    ([*G, "parameters", 0, "in"], "header", "#/paths/~1v1~1user~1{uid}/get/parameters/3", f"{USER}/get",
     "the query parameter limit is missing in ours"),
    ([*G, "parameters", 1, "explode"], False, "#/paths/~1v1~1user~1{uid}/get/parameters/2", f"{USER}/get/parameters/1",
     "explode: the vendor says True, ours says False"),
    ([*G, "parameters", 1, "schema", "items", "maxLength"], 8, "#/paths/~1v1~1user~1{uid}/get/parameters/2/items",
     f"{USER}/get/parameters/1/schema/items", "maxLength: the vendor says 9, ours says 8"),
    (["components", "parameters", "user", "schema", "format"], ..., "#/paths/~1v1~1user~1{uid}/get/parameters/1",
     "#/components/parameters/user/schema", "format: the vendor says 'int64', ours says nothing"),
    ([*G, "responses", 200, "content"], {}, "#/paths/~1v1~1user~1{uid}/get/responses/200/schema",
     f"{USER}/get/responses/200", "the media type application/json is missing in ours"),
    ([*G, "responses", 404], {"description": "y"}, "#/paths/~1v1~1user~1{uid}/get/responses", f"{USER}/get/responses/404",
     "the status 404 is only in ours"),
    ([*G, "security"], [], "#/paths/~1v1~1user~1{uid}/get", f"{USER}/get",
     "tokens: the vendor says [['sessionToken']], ours says [[]]"),
    (["components", "requestBodies", "person", "required"], False, "#/paths/~1v1~1user~1{uid}/post/parameters/2",
     "#/components/requestBodies/person", "required: the vendor says True, ours says False"),
    ([*F, "requestBody"], ..., "#/paths/~1v1~1file/post/parameters", "#/paths/~1v1~1file/post",
     "the body is missing in ours"),
    ([*F], ..., "#/paths/~1v1~1file/post", "#/paths", "POST /v1/file is missing in ours"),
    (["paths", "/v1/new"], {"get": {"responses": {}}}, "#/paths", "#/paths/~1v1~1new/get", "GET /v1/new is only in ours"),
    (["servers"], [{"url": "/agent"}], "#/paths/~1v1~1file/post", "#/paths/~1v1~1file/post",
     "the base path: the vendor says '/pod', ours says '/agent'"),
    (["servers"], [{"url": "https://other.com/pod"}], "#/paths/~1v1~1file/post", "#/paths/~1v1~1file/post",
     "the server: the vendor says 'company.symphony.com', ours says 'other.com'"),
]  # fmt: skip


def test_other_words_are_the_same_on_the_wire() -> None:
    assert wire_differences(VENDOR, OURS) == []
    assert compare(VENDOR, OURS).changes != []


def test_a_document_is_the_same_as_what_it_is_converted_to() -> None:
    assert wire_differences(VENDOR, convert(copy.deepcopy(VENDOR))) == []


@pytest.mark.parametrize(("path", "value", "vendor", "ours", "detail"), DIFFERENT)
def test_what_differs_on_the_wire_is_told_with_its_place_on_both_sides(
    path: list[str | int], value: Any, vendor: str, ours: str, detail: str
) -> None:
    found = [(each.vendor, each.ours, each.detail) for each in wire_differences(VENDOR, seeded(path, value))]
    assert (vendor, ours, detail) in found
    about = detail.split(":", maxsplit=1)[0]
    assert detail.endswith("missing in ours") or {each[2].split(":", maxsplit=1)[0] for each in found} == {about}


def union(order: list[str], mapping: dict[str, str] | None, name: str = "kind") -> dict[str, Any]:
    discriminator = {"propertyName": name} | ({} if mapping is None else {"mapping": mapping})
    parts = [{"$ref": f"#/components/schemas/{each}"} for each in order]
    return seeded([*P, "pet"], {"oneOf": parts, "discriminator": discriminator}) | {"marker": order}


@pytest.mark.parametrize(
    ("ours", "detail"),
    [
        (union(["Fault", "Person"], {"a": "Person", "b": "Fault"}), ""),
        (union(["Person", "Fault"], {"a": "Person", "b": "Fault"}, "type"), "discriminator: the vendor says 'kind'"),
        (union(["Person", "Fault"], {"a": "Person"}), "values of the discriminator: the vendor says ['a', 'b']"),
        (union(["Person", "Fault"], None), "values of the discriminator: the vendor says ['a', 'b']"),
        (union(["Person"], {"a": "Person", "b": "Fault"}), ""),
    ],
)
def test_alternatives_have_no_order_and_discriminators_count(ours: dict[str, Any], detail: str) -> None:
    found = wire_differences(union(["Person", "Fault"], {"a": "Person", "b": "Fault"}), ours)
    if len(ours["marker"]) == 1:
        assert found
    else:
        assert [each.detail.startswith(detail) for each in found] == [True] * bool(detail)


def test_the_command_applies_the_fixes_to_the_side_of_the_vendor(
    run: Callable[..., Any], written: Callable[..., Path], tmp_path: Path
) -> None:
    published = copy.deepcopy(VENDOR)
    published["definitions"]["Base"]["properties"]["id"] = {"type": "string"}
    vendor, ours = written(published, "vendor.yaml"), written(json.loads(json.dumps(OURS)), "ours.yaml")
    action = {
        "target": "$.definitions.Base.properties.id",
        "description": "Ids are numbers.",
        "update": {"type": "integer", "format": "int64"},
    }
    info = {"title": "x", "version": "1"}
    fixes = written({"overlay": "1.0.0", "info": info, "actions": [action]}, "fixes.yaml")
    assert wire_differences(apply_fixes(published, fixes)[0], VENDOR) == []
    bare = run("--against-vendor", vendor, ours)
    assert (bare.returncode, bare.stdout.splitlines()[-1]) == (1, "4 differences on the wire")
    place = "#/definitions/Base/properties/id | #/components/schemas/Person/properties/id"
    assert f"{place}: type: the vendor says ['string'], ours says ['integer']" in bare.stdout.splitlines()
    fixed = run("--against-vendor", vendor, ours, "--fixes", fixes)
    assert (fixed.returncode, fixed.stdout) == (0, "the same on the wire\n"), fixed.stderr
    wrong = run("--against-vendor", vendor, tmp_path / "none.yaml")
    assert (wrong.returncode, "none.yaml" in wrong.stderr, "Traceback" in wrong.stderr) == (64, True, False)
