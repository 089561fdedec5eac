"""``codegen.sh bump``: "When an API's version bumps" of docs/regenerating.md, done in a copy of the project."""

from __future__ import annotations

import ast
import copy
import difflib
import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate

from codegen.bump import joined, stubs, tables
from codegen.bump.adopt import Adopted, adopt
from codegen.bump.blocks import operations_of
from codegen.bump.wire import Wire
from codegen.files import write_text
from codegen.problem import CodegenError
from codegen.swagger import convert
from tests.contract.samples import apis, document, document_path, operation_ids

from .doctored import BY_HAND, VERSION, doctored

ROOT = Path(__file__).parents[2]
OLD = document_path("pod").stem
WORDS = ("specs/pod", "src/aiosymphony/pod/users.py", "tests/sandbox/test_operations.py")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the whole project into which the doctored version was taken."""
    root = tmp_path_factory.mktemp("bump") / "project"
    ignored = shutil.ignore_patterns(".git", ".venv", "build", "dist", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT, root, ignore=ignored)
    published = root.parent / "published.yaml"
    published.write_text(yaml.safe_dump(doctored(document("pod")), sort_keys=False), encoding="utf-8")
    return root


def test_from_drop_in_to_green_tests(project: Path) -> None:
    # 1. One command.
    said = bump(project)
    assert f"specs/pod/{VERSION}.yaml: 3 operations added, 1 removed, 2 changed" in said
    count = len(operation_ids("pod")) + 2
    assert f"operations {count} in, {count} out" in said
    assert f"README.md: {count} operations of the Pod API {VERSION}" in said
    assert not (project / f"specs/pod/{OLD}.yaml").exists()
    noted = (project / f"changelog.d/+pod-{VERSION}.changed.md").read_text(encoding="utf-8")
    assert noted.startswith(f"Pod API {VERSION}, where it was Pod API {OLD}.\n")
    for line in (
        "  - Breaking: `system.list_languages`, `GET /v1/languages` is gone.\n",
        "  - Breaking: `UserSuspension suspensionReason`: was str.\n",
        "  - New: `users.list_badges`, `GET /v1/admin/user/{uid}/badges`.\n",
    ):
        assert line in noted, noted
    for line in (
        "src/aiosymphony/pod/users.py: list_badges: choose its name",
        "src/aiosymphony/sandbox/pod/users.py: write the handler of v1_admin_user_uid_badges_post",
        "GET /v2/users/presence limit: the published maximum is 1,000; our words say: Items per page. 1,000 if absent",
        "servers: the base path of 1 operation was /pod, is /files",
        "<- uses what is gone",
    ):
        assert line in said, line
    used = [line for line in said.splitlines() if line.endswith("<- uses what is gone")]
    for file, old, _ in BY_HAND:
        if "uspension" in old or "anguages" in old:
            assert any(line.strip().startswith(f"{file}:") for line in used), (
                f"{file} uses what is gone, and is not listed"
            )

    # 2. Until a person has been there, tests fail by name, and those of other things run.
    failed = pytest_in(
        project, "tests/contract/test_facade.py", "tests/facade/test_system.py", "tests/facade/test_rooms.py"
    )
    assert failed.returncode == 1, failed.stdout
    assert "v1_languages_get is in no document any more" in failed.stdout
    assert re.search(r"\d+ passed", failed.stdout)

    # 3. By hand: what docs/regenerating.md counts.
    written = by_hand(project)
    assert f"{written} lines by hand" in (ROOT / "docs/regenerating.md").read_text(encoding="utf-8")

    # 4. The same command again takes the words into generated/, and all is green.
    assert "Nothing is left to do" in bump(project)
    green = pytest_in(
        project,
        *(
            "tests/contract",
            "tests/sandbox/test_operations.py",
            "tests/facade/test_users.py",
            "tests/facade/test_system.py",
        ),
        *("tests/facade/test_presence.py", "tests/docs/test_readme.py"),
    )
    assert green.returncode == 0, green.stdout[-4000:]
    assert codegen(project, "--check").returncode == 0

    # 5. Once more: nothing changes.
    before = contents(project)
    bump(project)
    assert contents(project) == before


def by_hand(project: Path) -> int:
    """Do what is left for a person; returns the number of lines that were written or deleted."""
    count = 0
    for file, old, new in BY_HAND:
        path = project / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{file} has no {old!r} any more: adapt BY_HAND in tests/codegen/doctored.py"
        path.write_text(text.replace(old, new), encoding="utf-8")
        marks = [line[0] for line in difflib.ndiff(old.splitlines(), new.splitlines())]
        count += max(marks.count("+"), marks.count("-"))
    for name in WORDS:
        for path in [project / name] if (project / name).is_file() else (project / name).glob("*.yaml"):
            text = path.read_text(encoding="utf-8")
            count += text.count("TODO")
            path.write_text(text.replace("  # TODO\n", "\n").replace("TODO", "Somebody's words"), encoding="utf-8")
    return count


def bump(project: Path) -> str:
    done = codegen(project, "bump", project.parent / "published.yaml", "--no-types")
    assert done.returncode == 0, done.stderr
    return done.stdout


def codegen(project: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return in_project(project, "-m", "codegen", *map(str, arguments))


def pytest_in(project: Path, *paths: str) -> subprocess.CompletedProcess[str]:
    return in_project(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths)


def in_project(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": f"{project / 'src'}:{project / 'generated'}",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def contents(project: Path) -> dict[str, str]:
    return {
        str(path.relative_to(project)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in project.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def as_wire(text: str) -> dict[Any, Any]:
    document = yaml.load(text, Loader=yaml.CSafeLoader)
    wire = Wire(document)
    return {each: wire.operation(*each) for each in operations_of(document)}


@pytest.mark.parametrize("package", [api["package"] for api in apis()])
def test_a_document_that_says_the_same_changes_no_line(package: str) -> None:
    text = document_path(package).read_text(encoding="utf-8")
    adopted = adopt(text, copy.deepcopy(document(package)))
    assert (adopted.text, adopted.added, adopted.removed, adopted.changed, adopted.todo) == (text, [], [], [], [])


@pytest.mark.parametrize("keep_words", [False, True])
def test_the_result_is_the_published_api_on_the_wire(keep_words: bool) -> None:
    """From the older Pod API to the newer, as the furthest way that there is: 80 operations more, 25 otherwise."""
    newer = as_wire(document_path("pod").read_text(encoding="utf-8"))
    adopted = adopt(document_path("pod_1_40").read_text(encoding="utf-8"), document("pod"), keep_words=keep_words)
    written = as_wire(adopted.text)
    for path, method in newer:
        if path.startswith("/file_ext/"):  # published without the answer 401, which what needs a token gives
            written[path, method]["errors"] = [each for each in written[path, method]["errors"] if each != "401"]
            newer[path, method]["errors"] = [each for each in newer[path, method]["errors"] if each != "401"]
    assert written == newer
    assert (len(adopted.added), adopted.removed) == (80, [("/v1/presence", "get")])
    assert bool(adopted.todo) != keep_words
    validate(yaml.load(adopted.text, Loader=yaml.CSafeLoader))


# Those of the other path were published without the answer 401 that a token gives.
PATHS = sorted(each for each in operations_of(document("pod")) if not each[0].startswith("/file_ext/"))


@settings(max_examples=10)
@given(st.sets(st.sampled_from(PATHS), min_size=1, max_size=40), st.sets(st.sampled_from(PATHS), max_size=40))
def test_any_operations_come_and_go(missing: set[Any], gone: set[Any]) -> None:
    """From a document that lacks some operations to one that lacks others, and to a third that has them all."""
    text = document_path("pod").read_text(encoding="utf-8")
    older = adopt(text, without(missing), keep_words=True).text
    newer = adopt(older, without(gone), keep_words=True)
    assert as_wire(newer.text) == as_wire(yaml.safe_dump(without(gone)))
    assert set(newer.removed) == gone - missing
    assert as_wire(adopt(newer.text, document("pod"), keep_words=True).text) == as_wire(text)


def without(operations: set[Any]) -> dict[str, Any]:
    published = copy.deepcopy(document("pod"))
    for path, method in operations:
        del published["paths"][path][method]
    published["paths"] = {path: item for path, item in published["paths"].items() if item}
    return published


SMALL = """\
# The Small API, version 1.0.0.
openapi: 3.0.3
info:
  title: Small API
  version: 1.0.0
servers:
  - url: https://{pod}.symphony.com/small
tags:
  - name: Thing
    description: Things.
paths:
  # Why this one is as it is.
  /v1/things/{thingId}:
    get:
      operationId: v1_things_thing_id_get
      summary: Get a thing
      tags: [Thing]
      security:
        - sessionToken: []
      parameters:
        - name: thingId
          in: path
          required: true
          description: Id of the thing.
          schema:
            type: string
      responses:
        '200':
          description: The thing.
          content:
            application/json:
              schema:
                $ref: '#/components/schemas/Thing'
        '401':
          $ref: '#/components/responses/Unauthorized'
        '429':
          $ref: '#/components/responses/TooManyRequests'
components:
  securitySchemes:
    sessionToken:
      type: apiKey
      in: header
      name: sessionToken
  responses:
    TooManyRequests:
      description: Throttled.
    Unauthorized:
      description: Logged out.
  schemas:
    Thing:
      description: A thing.
      type: object
      properties:
        name:
          description: Its name.
          type: string
"""


def small(**changes: Any) -> dict[str, Any]:
    """The small API as Swagger 2.0, in other words."""
    token = {"name": "sessionToken", "in": "header", "required": True, "type": "string"}
    thing_id = {"name": "thingId", "in": "path", "required": True, "type": "string"}
    answers = {"200": {"description": "OK", "schema": {"$ref": "#/definitions/AThing"}}, "401": {"description": "No."}}
    get = {
        "operationId": "getThing",
        "produces": ["application/json"],
        "parameters": [token, thing_id],
        "responses": answers,
    }
    document = {
        "swagger": "2.0", "info": {"title": "Small API", "version": "1.1.0"},
        "host": "h.example", "basePath": "/small",
        "paths": {"/v1/things/{thingId}": {"get": {**get, "tags": ["things"]}}},
        "definitions": {"AThing": {"type": "object", "properties": {"name": {"type": "string"}}}},
    }  # fmt: skip
    return {**document, **changes}


def adopted_small(published: dict[str, Any]) -> Adopted:
    return adopt(SMALL, convert(published))


def test_swagger_2_in_other_words_and_with_other_names_is_the_same() -> None:
    assert adopted_small(small()).text == SMALL.replace("1.0.0", "1.1.0")


def test_a_moved_base_path_keeps_our_host() -> None:
    adopted = adopted_small(small(basePath="/tiny"))
    assert adopted.text == SMALL.replace("1.0.0", "1.1.0").replace("symphony.com/small", "symphony.com/tiny")
    assert adopted.changed == [("/v1/things/{thingId}", "get")]


def test_what_is_new_stands_in_its_place_with_our_rules() -> None:
    published = small()
    get = copy.deepcopy(published["paths"]["/v1/things/{thingId}"]["get"])
    size = {"name": "size", "in": "query", "type": "integer", "default": 20}
    make = {
        **get,
        "parameters": [get["parameters"][0], size],
        "tags": ["Big boxes"],
        "responses": {"204": {"description": "x"}},
    }
    inner = {"type": "object", "properties": {"lid": {"type": "string"}}}
    body = {"name": "b", "in": "body", "required": True, "schema": {"type": "object", "properties": {"top": inner}}}
    make["parameters"] = [*make["parameters"], body]
    published["paths"]["/v1/boxes"] = {"post": make}
    adopted = adopted_small(published)
    document = yaml.safe_load(adopted.text)
    assert list(document["paths"]) == ["/v1/boxes", "/v1/things/{thingId}"]
    assert document["tags"] == [
        {"name": "BigBoxes", "description": "TODO"},
        {"name": "Thing", "description": "Things."},
    ]
    added = document["paths"]["/v1/boxes"]["post"]
    assert added == {
        "operationId": "v1_boxes_post", "summary": "TODO", "tags": ["BigBoxes"], "security": [{"sessionToken": []}],
        "parameters": [
            {
                "name": "size", "in": "query", "description": "TODO 20 if absent.",
                "schema": {"type": "integer"},
            },
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/V1BoxesPostBody"}}},
        },
        "responses": {
            "204": {"description": "TODO"}, "401": {"$ref": "#/components/responses/Unauthorized"},
            "429": {"$ref": "#/components/responses/TooManyRequests"},
        },
    }  # fmt: skip
    schemas = document["components"]["schemas"]
    assert list(schemas) == ["Thing", "V1BoxesPostBody", "V1BoxesPostBodyTop"]
    assert schemas["V1BoxesPostBody"]["properties"] == {"top": {"$ref": "#/components/schemas/V1BoxesPostBodyTop"}}
    assert "  # Why this one is as it is.\n  /v1/things" in adopted.text, "a comment stays with what it is about"
    assert len(adopted.todo) == 7


def test_openapi_3_1_is_written_as_3_0() -> None:
    published = {**convert(small()), "openapi": "3.1.0"}
    published["components"]["schemas"]["AThing"]["properties"]["colour"] = {"type": ["string", "null"]}
    published["components"]["schemas"]["AThing"]["properties"]["kind"] = {"type": "string", "const": "box"}
    properties = yaml.safe_load(adopt(SMALL, published).text)["components"]["schemas"]["Thing"]["properties"]
    assert properties["colour"] == {"description": "TODO", "type": "string", "nullable": True}
    assert properties["kind"] == {"description": "TODO", "type": "string", "enum": ["box"]}
    published["components"]["schemas"]["AThing"]["properties"]["size"] = {"type": ["string", "integer"]}
    with pytest.raises(CodegenError, match="ThingSize: has the types string, integer\n  Choose one by a fix"):
        adopt(SMALL, published)


@pytest.mark.parametrize("version", ["1", "1.10", "2026-11-27"])
def test_a_version_that_yaml_would_take_for_a_number_stays_text(version: str) -> None:
    adopted = adopted_small(small(info={"title": "Small API", "version": version}))
    assert yaml.safe_load(adopted.text)["info"]["version"] == version


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"info": {"title": "Agent API", "version": "../1"}}, "'../1' cannot be the name of a file"),
        ({"definitions": {"AThing": {"type": "object", "allOf": [{"type": "string"}, {"type": "integer"}]}}}, "string"),
    ],
)
def test_what_cannot_be_taken_in_changes_nothing(project: Path, document: dict[str, Any], told: str) -> None:
    published = project.parent / "refused.yaml"
    published.write_text(yaml.safe_dump(small(**document)), encoding="utf-8")
    before = contents(project)
    done = codegen(project, "bump", published, "--api", "agent")
    assert (done.returncode, told in done.stderr) == (64, True), done.stderr
    assert contents(project) == before


@pytest.mark.parametrize(
    ("path", "method", "query", "expected"),
    [
        ("/v1/a", "get", ["skip", "limit"], ['kind = "read"', "idempotent = true", 'paging = "skip_limit"']),
        ("/v1/a", "post", ["limit"], ['kind = "make"', "idempotent = false"]),
        ("/v1/a", "delete", [], ['kind = "end"', "idempotent = false"]),
        ("/v1/a", "put", [], ['kind = "put"', "idempotent = true"]),
        ("/v1/room/{roomId}/a", "patch", [], ['kind = "put"', "idempotent = true", 'ids = ["roomId"]']),
        ("/v1/a", "get", ["after", "before", "limit"], ['kind = "read"', "idempotent = true", 'paging = "cursor"']),
    ],
)
def test_an_entry_says_what_the_document_tells(path: str, method: str, query: list[str], expected: list[str]) -> None:
    parameters = [{"name": name, "in": "query", "schema": {}} for name in query]
    written = tables.entry(path, method, {"parameters": parameters, "responses": {"200": {}}}, facade="")
    assert written.splitlines()[2:] == ['facade = ""', *expected]


def test_a_table_gets_and_loses_entries_in_place() -> None:
    text = document_path("pod").with_name("operations.toml").read_text(encoding="utf-8")
    gone = tables.without_entries(text, ["v1_languages_get"])
    assert "v1_languages_get" not in gone
    assert tomllib.loads(gone).keys() == tomllib.loads(text).keys() - {"v1_languages_get"}
    block = text[text.index("# GET /v1/languages") :].partition("\n\n")[0] + "\n"
    assert tables.with_entries(gone, {"v1_languages_get": block}) == text
    assert tables.with_entries(text, {"v1_languages_get": block}) == text


def new_operation(**operation: Any) -> tuple[stubs.New, dict[str, Any]]:
    """A POST of boxes with this in its operation, and the document around it."""
    made = {"operationId": "x", "tags": ["Box"], "responses": {"200": {"description": "x"}}, **operation}
    schemas = {
        "Box": {"type": "object", "properties": {"kind": {"type": "string", "enum": ["a"]}}, "required": ["kind"]}
    }
    new = stubs.New(path="/v1/boxes/{id}", method="post", operation=made, package="pod")
    return new, {"paths": {}, "components": {"schemas": schemas}}


@pytest.mark.parametrize(
    "operation",
    [
        {"requestBody": {"content": {"text/plain": {"schema": {"type": "string"}}}}},
        {"requestBody": {"content": {"application/json": {"schema": {"oneOf": [{"type": "string"}]}}}}},
        {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Box"}}}}},
        {"requestBody": {"content": {"multipart/form-data": {"schema": {"type": "object", "properties": {"p": {}}}}}}},
        {"parameters": [{"name": "tags", "in": "query", "required": True, "schema": {"type": "array"}}]},
        {"parameters": [{"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string"}}]},
        {"responses": {"2XX": {"description": "x"}}},
    ],
    ids=["text", "alternatives", "enumeration", "multipart", "list in the query", "header", "range of statuses"],
)
def test_no_test_is_written_where_a_call_cannot_be_made_up(operation: dict[str, Any]) -> None:
    new, document = new_operation(**operation)
    with pytest.raises(stubs.NoSampleError):
        stubs.with_facade_test("from __future__ import annotations\n", new, HOME, "create", "/pod", document)


HOME = stubs.Home(client="pod", resource="rooms")
BUILDER = """
def build(id: str, *, skip: int | None = None, body: dict[str, Any]) -> Request[list[int]]: ...
def parse(status: int) -> list[int]: ...
OPERATION = Operation(
    path="/pod/v1/boxes/{id}",
)
"""
RESOURCE = """from __future__ import annotations


class Rooms(Resource):
    async def list(self) -> None: ...
"""


def test_a_method_has_the_names_of_the_house_and_the_imports_that_it_needs() -> None:
    written = stubs.with_method(RESOURCE, new_operation()[0], HOME, "create", BUILDER)
    ast.parse(written)
    assert "async def create(self, room_id: str, *, body: dict[str, Any], skip: int | None = None)" in written
    assert "-> builtins.list[int]:" in written
    assert "v1_boxes_id_post.build(room_id, skip=skip, body=body)" in written
    assert {"import builtins", "from typing import Any"} <= {*written.splitlines()}


def test_an_answer_under_default_alone_is_no_result() -> None:
    new, document = new_operation(responses={"default": {"description": "x"}})
    written = stubs.with_facade_test("from __future__ import annotations\n", new, HOME, "create", "/pod", document)
    assert "wire.answers(make_response(200))" in written


def test_a_part_of_an_api_and_an_older_version_are_refused(project: Path) -> None:
    current = next(path for path in (project / "specs/pod").glob("20.*.yaml"))
    document = yaml.load(current.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    before = contents(project)
    part = {**document, "info": {**document["info"], "version": "20.19.0"}}
    part["paths"] = dict(list(document["paths"].items())[:40])
    for published, told in (
        (part, "Is it a part? Name the other parts, too"),
        ({**document, "info": {**document["info"], "version": "19.0.0"}}, "is 19.0.0, and the document in use is"),
    ):
        path = project.parent / "refused.yaml"
        path.write_text(yaml.safe_dump(published), encoding="utf-8")
        done = codegen(project, "bump", path)
        assert (done.returncode, told in done.stderr, "--removed-is-meant" in done.stderr) == (64, True, True), (
            done.stderr
        )
    assert contents(project) == before


def test_parts_are_joined_and_the_first_one_counts(tmp_path: Path) -> None:
    whole = document("pod")
    paths = list(whole["paths"].items())
    one = {**whole, "paths": dict(paths[:60])}
    two = {**whole, "info": {"title": "Deprecated", "version": "0"}, "paths": dict(paths[50:])}
    files = []
    for number, part in enumerate((one, two)):
        files.append(tmp_path / f"{number}.yaml")
        files[-1].write_text(yaml.safe_dump(part), encoding="utf-8")
    read = yaml.safe_load(joined(files, tmp_path).read_text(encoding="utf-8"))
    assert read["info"] == whole["info"]
    assert as_wire(yaml.safe_dump(read)) == as_wire(yaml.safe_dump(whole))


def test_an_operation_that_an_older_version_has_loses_its_method_and_no_entry() -> None:
    text = document_path("pod").with_name("operations.toml").read_text(encoding="utf-8")
    without = tables.without_facades(text, ["v1_admin_disclaimer_did_users_get"])
    assert tomllib.loads(without)["v1_admin_disclaimer_did_users_get"]["facade"] == ""
    assert len(without.splitlines()) == len(text.splitlines())


def test_a_document_of_no_api_of_ours_is_refused(project: Path) -> None:
    stranger = project.parent / "stranger.yaml"
    stranger.write_text(SMALL, encoding="utf-8")
    done = codegen(project, "bump", stranger)
    assert done.returncode == 64
    assert "has the title 'Small API', which no document in specs/ has" in done.stderr
    done = codegen(project, "bump", stranger, "--api", "tiny")
    assert (done.returncode, "there is no package 'tiny'" in done.stderr) == (64, True)


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text("mine", encoding="utf-8")
    (tmp_path / "link.yaml").symlink_to(elsewhere)
    with pytest.raises(CodegenError, match="is a symbolic link"):
        write_text(tmp_path / "link.yaml", "theirs")
    assert elsewhere.read_text(encoding="utf-8") == "mine"
