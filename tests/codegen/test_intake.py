"""Documents with the flaws that published ones have: what changes nothing is mended with a note, the rest is refused.

Each case stands for a kind. Its note names the true place; no document is opened, and no address is fetched.
"""

from __future__ import annotations

import copy
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from codegen.document import generate_from, read_any
from codegen.problem import CodegenError

Run = Callable[..., Any]
Imported = Callable[[Path], ModuleType]

GOOD: dict[str, Any] = {"200": {"description": "x"}}


def document(
    *,
    version: str = "3.0.3",
    schema: Any = None,
    parameter: Any = None,
    path: str = "/a",
    operation: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A document with one operation, which uses the schema X and has one parameter if they are given."""
    answer: dict[str, Any] = {"description": "x"}
    if schema is not None:
        answer["content"] = {"application/json": {"schema": {"$ref": "#/components/schemas/X"}}}
        more.setdefault("components", {})["schemas"] = {"X": schema}
    get: dict[str, Any] = {"responses": {"200": answer}}
    if parameter is not None:
        get["parameters"] = [parameter]
    return {
        "openapi": version,
        "info": {"title": "t", "version": "1"},
        "paths": {path: {"get": get | (operation or {})}},
        **more,
    }


def of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def swagger(definition: Any = None, parameter: Any = None, answer: Any = None, **more: Any) -> dict[str, Any]:
    get: dict[str, Any] = {"responses": {"200": {"description": "x", **(answer or {})}}}
    if parameter is not None:
        get["parameters"] = [parameter]
    return {
        "swagger": "2.0",
        "info": {"title": "t", "version": "1"},
        "paths": {"/a": {"get": get}},
        "definitions": {} if definition is None else {"X": definition},
        **more,
    }


X = "#/components/schemas/X"
GET = "#/paths/~1a/get"
QUERY = {"name": "q", "in": "query", "schema": {"type": "string"}}

MENDED: dict[str, tuple[dict[str, Any], str]] = {
    "default of another type": (
        document(parameter=QUERY | {"schema": {"type": "integer", "default": ""}}),
        f'{GET}/parameters/0/schema/default: "" is no value of this schema; left out',
    ),
    "default that is true for a number": (
        document(schema=of(n={"type": "integer", "default": True})),
        f"{X}/properties/n/default: true is no value of this schema; left out",
    ),
    "default outside the enumeration": (
        document(schema=of(a={"type": "string", "enum": ["b"], "default": "c"})),
        f'{X}/properties/a/default: "c" is no value of this schema; left out',
    ),
    "value of an enumeration twice": (
        document(schema=of(a={"type": "string", "enum": ["a", "b", "a"]})),
        f"{X}/properties/a/enum: names a value twice",
    ),
    "required twice": (
        document(schema=of(a={"type": "string"}) | {"required": ["a", "a"]}),
        f"{X}/required: names a property twice",
    ),
    "required as a flag": (
        document(schema=of(a={"type": "string", "required": True})),
        f"{X}/properties/a/required: is true and no list of names; left out",
    ),
    "empty required": (document(schema=of(a={}) | {"required": []}), f"{X}/required: names nothing; left out"),
    "null property": (document(schema=of(a=None)), f"{X}/properties/a: is null; taken as a value of any type"),
    "null items": (
        document(schema=of(a={"type": "array", "items": {"properties": {"b/c": None}}})),
        f"{X}/properties/a/items/properties/b~1c: is null; taken as a value of any type",
    ),
    "const in 3.0": (
        document(schema=of(a={"const": "b"})),
        f"{X}/properties/a/const: is OpenAPI 3.1's; taken as an enumeration of one",
    ),
    "types in 3.0": (
        document(schema=of(a={"type": ["string", "null"]})),
        f"{X}/properties/a/type: is a list, as in OpenAPI 3.1; taken so",
    ),
    "null among alternatives in 3.0": (
        document(schema=of(a={"anyOf": [{"type": "string"}, {"type": "null"}]})),
        f"{X}/properties/a/anyOf/1/type: is null, as in OpenAPI 3.1; taken so",
    ),
    "null alone in a list in 3.0": (
        document(schema=of(a={"type": ["null"]})),
        f"{X}/properties/a/type: is null, as in OpenAPI 3.1; taken so",
    ),
    "examples in 3.0": (
        document(schema=of(a={"type": "string", "examples": ["b"]})),
        f"{X}/properties/a/examples: is no part of a schema; left out",
    ),
    "an exclusive bound of 3.1 in 3.0": (
        document(schema=of(a={"type": "number", "exclusiveMinimum": 0})),
        f"{X}/properties/a/exclusiveMinimum: is a number, as in OpenAPI 3.1; taken so",
    ),
    "an exclusive bound of 3.0 in 3.1": (
        document(version="3.1.0", schema=of(a={"type": "number", "minimum": 0, "exclusiveMinimum": True})),
        f"{X}/properties/a/exclusiveMinimum: is a boolean, as in OpenAPI 3.0; taken so",
    ),
    "a number as text": (
        document(schema=of(a={"type": "string", "maxLength": "20"})),
        f"{X}/properties/a/maxLength: is the text '20'; taken as a number",
    ),
    "a flag as text": (
        document(parameter=QUERY | {"required": "False"}),
        f"{GET}/parameters/0/required: is the text 'False'; taken as false",
    ),
    "a deprecation as text": (
        document(operation={"deprecated": "true"}),
        f"{GET}/deprecated: is the text 'true'; taken as true",
    ),
    "a version that is a number": (
        document(info={"title": "t", "version": 1.5}),
        "#/info/version: is a number; taken as the text 1.5",
    ),
    "an unknown key of an operation": (
        document(operation={"beta": True}),
        f"{GET}/beta: is no part of an operation; left out",
    ),
    "an unknown key of a response": (
        document(operation={"responses": {"200": {"description": "x", "title": "y"}}}),
        f"{GET}/responses/200/title: is no part of a response; left out",
    ),
    "an unknown key at the top": (document(license={"name": "MIT"}), "#/license: is no part of an OpenAPI document"),
    "a path parameter that is optional": (
        document(path="/a/{id}", parameter={"name": "id", "in": "path", "schema": {"type": "string"}}),
        "#/paths/~1a~1{id}/get/parameters/0: is in the path, and so is required",
    ),
    "a path parameter that nobody declares": (
        document(path="/a/{id}"),
        "#/paths/~1a~1{id}/get: does not declare 'id' of its path; taken as text",
    ),
    "a query in a path": (
        document(path="/a?kind=b"),
        "#/paths/~1a?kind=b: has a query in its path; kind is an argument, which can be 'b' alone",
    ),
    "a fragment in a path": (
        document(path="/a#b"),
        "#/paths/~1a#b/get: has a fragment in its path, which is not sent; it is part of the id alone",
    ),
    "an operation id twice": (
        document(paths={p: {"get": {"operationId": "one", "responses": GOOD}} for p in ("/a", "/b")}),
        "#/paths/~1b/get/operationId: 'one' is the id of #/paths/~1a/get too; ids are made of path and method",
    ),
    "a scheme that nobody defines": (
        document(operation={"security": [{"nope": []}]}),
        f"{GET}/security: the document does not define 'nope'",
    ),
    "an answer in XML alone": (
        document(operation={"responses": {"200": {"description": "x", "content": {"application/xml": {}}}}}),
        f"{GET}/responses/200: is application/xml, which is not read; handed out as bytes",
    ),
    "an answer without content that is JSON": (
        document(operation={"responses": {"204": {"description": "x", "content": {"application/json": {}}}}}),
        f"{GET}/responses/204: such an answer has no content in HTTP; read as none",
    ),
    "a server without a scheme": (
        document(servers=[{"url": "api.acme.com/v1"}]),
        "#/servers: api.acme.com/v1 has no scheme; api.acme.com is taken for a host",
    ),
    "Swagger: deprecated schema": (
        swagger(of(a={"type": "string", "deprecated": True})),
        "#/definitions/X/properties/a/deprecated: is nothing that Swagger 2.0 knows; taken as in OpenAPI 3",
    ),
    "Swagger: deprecated parameter": (
        swagger(parameter={"name": "q", "in": "query", "type": "string", "deprecated": True}),
        f"{GET}/parameters/0/deprecated: is nothing that Swagger 2.0 knows; taken as in OpenAPI 3",
    ),
    "Swagger: servers": (
        swagger(servers=[{"url": "https://a.com"}]),
        "#/servers: is nothing that Swagger 2.0 knows; left out",
    ),
    "Swagger: an example of an answer": (
        swagger(answer={"example": {}}),
        f"{GET}/responses/200/example: is nothing that Swagger 2.0 knows; left out",
    ),
    "Swagger: null among types": (
        swagger(of(a={"type": ["string", "null"]})),
        "#/definitions/X/properties/a/type: is a list; taken as string that may be null",
    ),
    "Swagger: a value twice": (
        swagger(of(a={"type": "string", "enum": ["a", "a"]})),
        "#/definitions/X/properties/a/enum: names a value twice",
    ),
}


def write(folder: Path, content: Any) -> Path:
    path = folder / "document.json"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("name", MENDED)
def test_what_changes_nothing_is_mended_with_its_place(name: str, tmp_path: Path) -> None:
    content, note = MENDED[name]
    path = write(tmp_path, content)
    report, _ = generate_from(path, api="x", out=tmp_path)
    assert [found for found in report.notes if found.startswith(note)] != [], report.notes
    assert report.operations == len(content["paths"])


@pytest.mark.parametrize(
    "name", [name for name in MENDED if not name.startswith(("a scheme", "an answer", "a server", "a fragment"))]
)
def test_strict_refuses_what_would_be_mended(name: str, tmp_path: Path) -> None:
    content, note = MENDED[name]
    with pytest.raises(CodegenError) as caught:
        read_any(write(tmp_path, content), strict=True)
    assert note in str(caught.value)


def test_a_good_document_has_nothing_to_mend(tmp_path: Path) -> None:
    content = document(schema=of(a={"type": "string"}), parameter=QUERY)
    taken = read_any(write(tmp_path, content), strict=True)
    assert (taken.mended, taken.document) == ([], content)


def test_a_document_is_mended_in_a_copy_and_in_one_run(tmp_path: Path) -> None:
    content = document(schema=of(a=None, b={"enum": ["x", "x"]}), operation={"beta": 1, "deprecated": "true"})
    before = copy.deepcopy(content)
    taken = read_any(write(tmp_path, content))
    assert len(taken.mended) == 4
    assert content == before


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a schema that is not there": (
        document(operation={"responses": {"200": {"$ref": "#/components/responses/Nope"}}}),
        f"{GET}/responses/200/$ref: refers to #/components/responses/Nope, which is not there",
    ),
    "a schema that nobody uses refers to nothing": (
        document(schema=of(), components={"schemas": {}}) | {"components": {"schemas": {"X": of(a={"$ref": "#/no"})}}},
        f"{X}/properties/a/$ref: refers to #/no, which is not there",
    ),
    "in 3.1": (
        document(version="3.1.0", schema={"$ref": "#/components/schemas/Nope"}),
        f"{X}/$ref: refers to #/components/schemas/Nope",
    ),
    "in Swagger": (
        swagger(of(a={"$ref": "#/definitions/Nope"})),
        "#/definitions/X/properties/a/$ref: refers to #/definitions/Nope, which is not there",
    ),
    "a parameter that is not there": (
        document(parameter={"$ref": "#/components/parameters/Nope"}),
        f"{GET}/parameters/0/$ref: refers to #/components/parameters/Nope",
    ),
    "a path that is not there": (
        document(paths={"/a": {"$ref": "#/paths/~1b"}}),
        "#/paths/~1a/$ref: refers to #/paths/~1b",
    ),
    "a type that is none": (
        document(schema=of(a={"type": "strng"})),
        f"{X}/properties/a/type: 'strng' is not one of",
    ),
    "a type that is none, in 3.1": (
        document(version="3.1.0", schema=of(a={"type": "strng"})),
        f"{X}/properties/a/type",
    ),
    "a form that is a list": (
        document(
            operation={"requestBody": {"content": {"multipart/form-data": {"schema": {"type": "array", "items": {}}}}}}
        ),
        f"{GET}/requestBody/content/multipart~1form-data/schema: multipart/form-data is made of named fields",
    ),
    "types that exclude each other": (
        document(schema=of(a={"allOf": [{"type": "string"}, {"type": "integer"}]})),
        f"{X}/properties/a: allOf of string and integer: no value is both",
    ),
    "Swagger: items that are a list": (
        swagger(of(a={"type": "array", "items": [{"type": "string"}]})),
        "#/definitions/X/properties/a/items: a schema that is",
    ),
    "Swagger: one of several": (
        swagger({"oneOf": [{"type": "string"}]}),
        "#/definitions/X/oneOf: is nothing that Swagger 2.0 knows",
    ),
    "Swagger: a schema at the top": (
        swagger(of(a={"$ref": "#/Y"}), Y={"type": "object"}),
        "#/definitions/X/properties/a/$ref: refers to #/Y",
    ),
    "Swagger: several types": (
        swagger(of(a={"type": ["string", "integer"]})),
        "#/definitions/X/properties/a/type: several types",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_loses_information_is_refused_with_its_place(name: str, tmp_path: Path, run: Run) -> None:
    content, place = REFUSED[name]
    done = run("--spec", write(tmp_path, content), "--api", "x", "--out", tmp_path / "out")
    assert (done.returncode, done.stdout) == (64, "")
    assert place in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 6
    assert not (tmp_path / "out").exists()


def test_every_reference_that_leads_nowhere_is_named_in_one_run(tmp_path: Path) -> None:
    content = document(schema=of(a={"$ref": "#/b"}, c={"$ref": "other.yaml#/d"}, e={"$ref": "http://a.com/f"}))
    with pytest.raises(CodegenError) as caught:
        read_any(write(tmp_path, content))
    for reference in ("#/b", "other.yaml#/d", "http://a.com/f"):
        assert reference in str(caught.value)


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """A server on loopback, and what it was asked."""
    paths: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_nothing_outside_is_opened_or_fetched(
    version: str, asked: tuple[str, list[str]], tmp_path: Path, run: Run
) -> None:
    url, paths = asked
    pipe = tmp_path / "pipe.yaml"
    import os

    os.mkfifo(pipe)  # opening it would wait for ever
    for reference in (f"{url}/evil.json#/X", f"{pipe.name}#/X", f"file://{pipe}#/X"):
        content = document(version=version, schema={"$ref": reference})
        done = run("--spec", write(tmp_path, content), "--api", "x", "--out", tmp_path / "out")
        assert done.returncode == 64
        assert f"{X}/$ref: refers to another document: {reference}" in done.stderr
    assert paths == []


# --- files under a folder ---------------------------------------------------------------------------------------------


def test_files_of_one_folder_are_taken_in(tmp_path: Path, imported: Imported) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "models.yaml").write_text(
        "User: {type: object, properties: {id: {type: integer}, place: {$ref: 'places.yaml#/Place'}}}\n"
    )
    (parts / "places.yaml").write_text(
        "Place: {type: object, properties: {city: {$ref: '#/City'}}}\nCity: {type: string}\n"
    )
    content = document(schema=of(user={"$ref": "parts/models.yaml#/User"}))
    path = write(tmp_path, content)
    _, read = generate_from(path, api="x", out=tmp_path / "out", allow_files=tmp_path)
    assert [line.rpartition(" ")[2] for line in read] == ["parts/models.yaml", "parts/places.yaml"]
    package = imported(tmp_path / "out/x")
    answer = package.OPERATIONS["a_get"].parse(200, {}, b'{"user": {"id": 7, "place": {"city": "Bonn"}}}')
    assert answer.user.place.city == "Bonn"


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("../outside.yaml#/X", "which is not under"),
        ("/etc/passwd#/X", "which is not under"),
        ("link.yaml#/X", "which is not under"),
        ("http://a.com/x.yaml#/X", "refers to an address"),
        ("loop.yaml#/X", "refers to itself"),
        ("missing.yaml#/X", "cannot be read"),
    ],
)
def test_files_elsewhere_are_not(reference: str, why: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "outside.yaml").write_text("X: {type: string}\n")
    (folder / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    (folder / "loop.yaml").write_text("X: {properties: {a: {$ref: 'loop.yaml#/X'}}}\n")
    path = write(folder, document(schema={"$ref": reference}))
    with pytest.raises(CodegenError, match=why):
        read_any(path, allow_files=folder)


# --- keys that are given twice ----------------------------------------------------------------------------------------

TWICE = {
    "document.yaml": "openapi: 3.0.3\ninfo: {title: one, version: '1', title: two}\npaths: {}\n",
    "document.json": '{"openapi": "3.0.3", "info": {"title": "one", "version": "1", "title": "two"}, "paths": {}}',
}


@pytest.mark.parametrize("name", TWICE)
@pytest.mark.parametrize(("keep", "title"), [("first", "one"), ("last", "two")])
def test_a_file_of_fixes_says_which_of_two_equal_keys_counts(name: str, keep: str, title: str, tmp_path: Path) -> None:
    path, fixes = tmp_path / name, tmp_path / "fixes.yaml"
    path.write_text(TWICE[name])
    fixes.write_text(f"overlay: 1.0.0\nduplicate-keys: {{keep: {keep}, description: It was pasted.}}\n")
    taken = read_any(path, fixes)
    assert taken.document["info"] == {"title": title, "version": "1"}
    assert [note.partition(": ")[2] for note in taken.mended] == [
        f"the key 'title' is given twice; the {keep} one counts"
    ]
    with pytest.raises(CodegenError, match="the key 'title' is given twice"):
        read_any(path)


@pytest.mark.parametrize("stated", ["{keep: both, description: x}", "{keep: last}", "last"])
def test_what_counts_must_be_said_with_a_reason(stated: str, tmp_path: Path) -> None:
    path, fixes = tmp_path / "document.json", tmp_path / "fixes.yaml"
    path.write_text(TWICE["document.json"])
    fixes.write_text(f"overlay: 1.0.0\nduplicate-keys: {stated}\n")
    with pytest.raises(CodegenError, match="duplicate-keys"):
        read_any(path, fixes)


# --- what the generated code does -------------------------------------------------------------------------------------


def made(content: dict[str, Any], folder: Path, imported: Imported) -> Any:
    generate_from(write(folder, content), api="made", out=folder / "out")
    imported(folder / "out/made")
    return import_module("made").OPERATIONS


def answers(schema: Any, media: str = "application/json", **more: Any) -> dict[str, Any]:
    content = {media: {"schema": schema}}
    return document(operation={"responses": {"200": {"description": "x", "content": content}}}, **more)


ORDER = {"schemas": {"Order": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}}}
TO_ORDER = {"$ref": "#/components/schemas/Order"}


@pytest.mark.parametrize(
    ("version", "schema"),
    [
        ("3.1.0", {"anyOf": [TO_ORDER, {"type": "null"}]}),
        ("3.1.0", {"oneOf": [{"type": "null"}, TO_ORDER]}),
        ("3.1.0", {"type": ["object", "null"], "properties": {"id": {"type": "integer"}}}),
        ("3.0.3", {"allOf": [TO_ORDER], "nullable": True}),
    ],
)
def test_an_answer_that_may_be_null_is_none(version: str, schema: Any, tmp_path: Path, imported: Imported) -> None:
    get = made(answers(schema, version=version, components=ORDER), tmp_path, imported)["a_get"]
    assert get.parse(200, {}, b"null") is None
    assert get.parse(200, {}, b'{"id": 7}').id == 7
    source = next((tmp_path / "out/made/api").glob("*/a_get.py")).read_text()
    assert "| None:" in source


def test_items_that_may_be_null_are_none_and_typed_so(tmp_path: Path, imported: Imported) -> None:
    listed = {"type": "array", "items": {"anyOf": [TO_ORDER, {"type": "null"}]}}
    named = {"type": "object", "additionalProperties": {"anyOf": [TO_ORDER, {"type": "null"}]}}
    content = answers(of(listed=listed, named=named), version="3.1.0", components=ORDER)
    answer = made(content, tmp_path, imported)["a_get"].parse(
        200, {}, b'{"listed": [null, {"id": 7}], "named": {"a": null, "b": {"id": 8}}}'
    )
    assert [item and item.id for item in answer.listed] == [None, 7]
    assert {key: item and item.id for key, item in answer.named.items()} == {"a": None, "b": 8}
    assert answer.to_dict() == {"listed": [None, {"id": 7}], "named": {"a": None, "b": {"id": 8}}}
    models = "".join(path.read_text() for path in (tmp_path / "out/made/models").glob("*.py"))
    assert "list[Order | None]" in models
    assert "dict[str, Order | None]" in models


@pytest.mark.parametrize("key", ["oneOf", "anyOf"])
def test_a_parent_that_lists_its_children_is_one_of_them(key: str, tmp_path: Path, imported: Imported) -> None:
    def child(name: str) -> dict[str, Any]:
        return {"allOf": [{"$ref": "#/components/schemas/Pet"}, of(**{name: {"type": "boolean"}})]}

    children = [{"$ref": f"#/components/schemas/{name}"} for name in ("Cat", "Dog")]
    mapping = {"cat": children[0]["$ref"], "dog": children[1]["$ref"]}
    pet = of(kind={"type": "string"}) | {"required": ["kind"], key: children}
    pet["discriminator"] = {"propertyName": "kind", "mapping": mapping}
    schemas = {"Pet": pet, "Cat": child("meow"), "Dog": child("bark"), "Stray": child("lost")}
    content = answers({"$ref": "#/components/schemas/Pet"}, components={"schemas": schemas})
    get = made(content, tmp_path, imported)["a_get"]
    dog = get.parse(200, {}, b'{"kind": "dog", "bark": true}')
    assert (type(dog).__name__, dog.kind, dog.bark) == ("Dog", "dog", True)
    assert type(get.parse(200, {}, b'{"kind": "cat"}')).__name__ == "Cat"
    stray = import_module("made.models").Stray
    assert stray(kind="dog", lost=True).to_dict() == {"kind": "dog", "lost": True}


@pytest.mark.parametrize("mark", [{"const": True}, {"enum": [True]}])
def test_a_boolean_tells_two_classes_apart(mark: dict[str, Any], tmp_path: Path, imported: Imported) -> None:
    other = {key: False if key == "const" else [False] for key in mark}
    schemas = {
        name: of(success={"type": "boolean", **value}, data={"type": "string"}) | {"required": ["success"]}
        for name, value in (("Good", mark), ("Bad", other))
    }
    schema = {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in schemas]}
    content = answers(schema, version="3.1.0", components={"schemas": schemas})
    get = made(content, tmp_path, imported)["a_get"]
    for value, kind in ((b"true", "Good"), (b"false", "Bad")):
        assert type(get.parse(200, {}, b'{"data": "x", "success": %s}' % value)).__name__ == kind


@pytest.mark.parametrize("media", ["*/*", "application/*", "application/json", "application/octet-stream", "image/png"])
def test_a_file_is_bytes_under_any_media_type(media: str, tmp_path: Path, imported: Imported) -> None:
    get = made(answers({"type": "string", "format": "binary"}, media), tmp_path, imported)["a_get"]
    assert get.parse(200, {}, b"\x00[1]") == b"\x00[1]"


def test_a_path_that_starts_with_a_digit_has_an_operation(tmp_path: Path, imported: Imported) -> None:
    operations = made(document(path="/2010-04-01/Accounts.json"), tmp_path, imported)
    [name] = list(operations)
    assert name == "op_2010_04_01_accounts_json_get"
    assert operations[name].build().path == "/2010-04-01/Accounts.json"


def test_a_query_of_a_path_is_sent(tmp_path: Path, imported: Imported) -> None:
    get = made(document(path="/a?kind=b"), tmp_path, imported)["a_get"]
    models = import_module("made.models")
    [kind] = list(models.AGetKind)
    assert get.build(kind=kind).target == "/a?kind=b"


@pytest.mark.parametrize(("method", "status"), [("get", 204), ("get", 205), ("head", 200)])
def test_an_answer_that_cannot_have_content_is_none(
    method: str, status: int, tmp_path: Path, imported: Imported
) -> None:
    answer = {"description": "x", "content": {"application/json": {"schema": {}}}}
    content = document(paths={"/a": {method: {"responses": {str(status): answer}}}})
    assert made(content, tmp_path, imported)[f"a_{method}"].parse(status, {}, b"") is None


def test_a_fragment_of_a_path_tells_operations_apart_and_is_not_sent(tmp_path: Path, imported: Imported) -> None:
    path = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    item = {"parameters": [path], "put": {"responses": GOOD}}
    content = document(paths={"/a/{id}": item, "/a/{id}#share": item, "/a/{id}#unshare": item})
    operations = made(content, tmp_path, imported)
    assert list(operations) == ["a_id_put", "a_id_share_put", "a_id_unshare_put"]
    for operation in operations.values():
        assert (operation.path, operation.build("7").path) == ("/a/{id}", "/a/7")


def test_a_parameter_that_is_refused_is_told_with_its_true_place(tmp_path: Path) -> None:
    parameter = {"name": "q", "in": "query", "content": {"text/csv": {"schema": {"type": "string"}}}}
    with pytest.raises(CodegenError) as caught:
        generate_from(write(tmp_path, document(parameter=parameter)), api="x", out=tmp_path)
    assert caught.value.place == f"{GET}/parameters/0/content"


def test_a_server_without_a_scheme_gives_its_base_path(tmp_path: Path, imported: Imported) -> None:
    get = made(document(servers=[{"url": "api.acme.com/v1"}]), tmp_path, imported)["a_get"]
    assert get.build().path == "/v1/a"


# --- faults of the generator ------------------------------------------------------------------------------------------


def test_no_document_ends_in_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from codegen import __main__

    def fails(*_: Any, **__: Any) -> None:
        raise KeyError("what nobody thought of")

    monkeypatch.setattr(__main__, "generate_from", fails)
    path = write(tmp_path, document())
    assert __main__.main(["--spec", str(path), "--api", "x", "--out", str(tmp_path)]) == 70
    told = capsys.readouterr().err
    assert "KeyError" in told
    assert "This is a fault of the generator: please report it with the document." in told
    assert "Traceback" not in told
