"""Whether a change breaks the Python of callers: as `--diff` tells, and as mypy does of a program for the old package."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aiosymphony.apidiff import Change, Diff, compare, to_markdown
from codegen.apis import kept_of
from codegen.changes import Side, changes_of, package_of, with_python
from codegen.document import read_any
from codegen.python_surface import PythonSurface, Typed
from tests.codegen.test_diff import BASE, CHANGE, GET, POST, SEEDED, USER, changed, drop, put
from tests.contract.samples import document_path

# A change a line reads best, however long the line.
# ruff: noqa: E501

ROOT = Path(__file__).parents[2]
Edit = Callable[[Any], None]


def renamed(old: str, new: str) -> Edit:
    """Other names throughout a document."""

    def change(document: Any) -> None:
        text = json.dumps(document)
        assert old in text
        document.clear()
        document.update(json.loads(text.replace(old, new)))

    return change


TEXT: dict[str, Any] = {"type": "string"}
INLINE = {"type": "object", "properties": {"y": TEXT}}

#: Changes for their names and types in Python, beside those of test_diff.py, and whether programs break.
NAMES: list[tuple[str, Edit, bool]] = [
    ("a field whose name is taken", put(f"{USER} Name", TEXT), False),
    ("a model whose name is taken", put("components schemas user", INLINE), False),
    ("a model with the name of an inline class", put("components schemas UserInner", INLINE), False),
    ("an argument whose name is taken", put(f"{GET} parameters 3", {"name": "Local", "in": "query", "schema": TEXT}), False),
    ("a value whose name is taken", put("components schemas State enum 2", "on"), False),
    ("an operation whose name is taken", put("paths /v1/user/uid", {"get": {"tags": ["User"], "responses": {"200": {"description": "x"}}}}), False),
    ("a tag of the same module", renamed('["User"]', '["user"]'), False),
    ("no tag, where the path says the same", drop(f"{GET} tags"), False),
    ("another operation id", put(f"{GET} operationId", "whatever"), False),
    ("a wrapped reference", put(f"{USER} state", {"allOf": [{"$ref": "#/components/schemas/State"}]}), False),
    ("a renamed model", renamed('Change"', 'Edit"'), True),
    ("a renamed argument of the path", renamed("uid", "userId"), True),
    ("a renamed argument", put(f"{GET} parameters 1 name", "nearby"), True),
    ("an argument that is a header now", put(f"{GET} parameters 1 in", "header"), False),
    ("another place of the operation", put(f"{GET} tags", ["People", "User"]), True),
    ("a received field that may be null", put("components schemas User properties id nullable", True), True),
    ("a sent field that may be null", put(f"{CHANGE} properties name nullable", True), False),
    ("a flag that is a number", put(f"{GET} parameters 1 schema type", "integer"), False),
    ("a number that is text", put(f"{GET} parameters 0 schema type", "string"), True),
    ("a received number with digits", put(f"{USER} id type", "number"), True),
    ("more types of what is sent", put(f"{CHANGE} properties name", {"oneOf": [TEXT, {"type": "integer"}]}), False),
    ("more types of what is received", put(f"{USER} name", {"oneOf": [TEXT, {"type": "integer"}]}), True),
    ("other items of what is sent", put(f"{CHANGE} properties tags items type", "integer"), True),
    ("any items of what is sent", put(f"{CHANGE} properties tags items", {}), False),
    ("a list instead of a value", put(f"{USER} name", {"type": "array", "items": TEXT}), True),
    ("an enumeration of numbers", put("components schemas State", {"type": "integer", "enum": [1, 2]}), True),
    ("an enumeration that is an object", put("components schemas State", INLINE), True),
    ("an object that is an enumeration", put("components schemas Unused", {"type": "string", "enum": ["x"]}), True),
    ("text for an enumeration that is received", put(f"{USER} state", TEXT), True),
    ("typed values of other names", put(f"{CHANGE} additionalProperties", {"type": "integer"}), False),
    ("another status of the result", renamed('"200": {"description": "x", "content"', '"201": {"description": "x", "content"'), False),
    ("text as the result", put(f"{GET} responses 200 content", {"text/plain": {"schema": TEXT}}), True),
    ("bytes as the body", put(f"{POST} requestBody content", {"application/octet-stream": {"schema": {}}}), True),
    ("a body that must be given", put(f"{GET} requestBody", {"required": True, "content": {"application/json": {"schema": TEXT}}}), True),
    ("a file as the body", put(f"{POST} requestBody content", {"multipart/form-data": {"schema": {"$ref": "#/components/schemas/Change"}}}), False),
    ("an inline class with one field more", put(f"{USER} inner properties y", TEXT), False),
    ("an inline class that has a name", put(f"{USER} inner", {"$ref": "#/components/schemas/Unused"}), True),
    ("a tighter limit", put(f"{CHANGE} properties name maxLength", 3), False),
    ("another default", put(f"{GET} parameters 1 schema default", True), False),
    ("another server", put("servers", [{"url": "https://a.com/base"}]), False),
    ("another error", put(f"{GET} responses 400", {"description": "x", "content": {"application/json": {"schema": INLINE}}}), False),
]  # fmt: skip

CASES: dict[str, Edit] = {name: change for name, change, _ in SEEDED} | {name: change for name, change, _ in NAMES}


def prefixed(type_: str, surface: PythonSurface) -> str:
    """A type as a program outside of the package writes it."""
    names = {*surface.models, *surface.enums}
    return re.sub(r"\w+", lambda found: f"models.{found[0]}" if found[0] in names else found[0], type_)


def program(package: str, surface: PythonSurface) -> str:
    """A program that uses everything of a package: it calls all operations with all arguments and with few, makes what
    is sent and reads what is received. It does not make what is only received, nor read what is only sent.
    """
    lines = ["from collections.abc import Mapping", "from typing import Any", "",
             "from aiosymphony.wire.operation import Caller", f"from {package} import api, models", "",
             "Kept = tuple[Mapping[str, Any], Any]", ""]  # fmt: skip

    def function(name: str, given: dict[str, Typed], *body: str) -> Iterator[str]:
        listed = ", ".join(f"{key}: {prefixed(each.type, surface)}" for key, each in given.items())
        yield from (f"async def {name}({listed}) -> None:", *(f"    {line}" for line in body), "")

    for number, (module, operation) in enumerate(surface.functions.items()):
        lines.append(f"import {package}.{module}")
        given = {key: each for key, each in operation.arguments.items() if key not in operation.positional}
        for kind, named in (("all", given), ("few", {key: each for key, each in given.items() if each.required})):
            listed = ["caller", *operation.positional, *(f"{key}={key}" for key in named)]
            call = f"{package}.{module}.call({', '.join(listed)})"
            result = prefixed(operation.result, surface)
            body = f"await {call}" if result == "None" else f"result: {result} = await {call}"
            lines += function(f"call_{number}_{kind}", {"caller": Typed("Caller", True), **operation.arguments}, body)
    for name, fields in surface.models.items():
        own = {key: each for key, each in fields.items() if key != "additional_properties"}
        if name in surface.sent:
            for kind, some in (("all", fields), ("few", {key: each for key, each in own.items() if each.required})):
                made = f"models.{name}({', '.join(f'{key}={key}' for key in some)})"
                lines += function(f"send_{name}_{kind}", dict(some), made)
        if name in surface.received:
            read = [f"v{n}: {prefixed(each.type, surface)} = it.{key}" for n, (key, each) in enumerate(own.items())]
            lines += function(f"read_{name}", {"it": Typed(name, True)}, *read)
    lines += [f"print(models.{name}.{member})" for name, members in surface.enums.items() for member in members]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Diff, list[str]]]:
    """For each case its diff, and what mypy says of the program for the old package, used with the new one."""
    folder = tmp_path_factory.mktemp("packages")

    def made(document: Any, name: str, names: dict[str, str]) -> tuple[Side, dict[str, Any]]:
        path = folder / "document.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        taken = read_any(path)
        side = package_of(taken, folder / name, names)
        (folder / name / "py.typed").touch()
        return side, taken.published

    old, published = made(BASE, "small", {})
    diffs = {}
    for number, (name, change) in enumerate({"nothing": lambda _: None, **CASES}.items()):
        new, after = made(changed(change), f"small_{number}", old.names)
        diffs[f"case_{number}"] = name, with_python(compare(published, after), old, new)
        (folder / f"case_{number}.py").write_text(program(f"small_{number}", old.surface), encoding="utf-8")
    settings = ("--strict", "--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", os.devnull)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *settings, "--no-pretty", *sorted(map(str, folder.glob("case_*.py")))],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    shutil.rmtree(folder)
    errors: dict[str, list[str]] = {case: [] for case in diffs}
    for line in done.stdout.splitlines():
        if found := re.search(r"(case_\d+)\.py:\d+: error: (.*)", line):
            errors[found[1]].append(found[2])
        else:
            assert ": error: " not in line, line  # the packages themselves are right
    return {name: (diff, errors[case]) for case, (name, diff) in diffs.items()}


def test_the_program_is_right_for_the_package_that_it_was_written_for(
    judged: dict[str, tuple[Diff, list[str]]],
) -> None:
    diff, errors = judged["nothing"]
    assert (diff.changes, errors) == ([], [])


@pytest.mark.parametrize("name", CASES)
def test_a_change_breaks_python_exactly_if_the_type_checker_says_so(
    name: str, judged: dict[str, tuple[Diff, list[str]]]
) -> None:
    diff, errors = judged[name]
    told = [change for change in diff.changes if change.python]
    assert all(change.breaking for change in told)
    assert bool(told) == bool(errors), (told, errors)


@pytest.mark.parametrize(("name", "broken"), [(name, broken) for name, _, broken in NAMES])
def test_names_and_types_in_python_are_judged(
    name: str, broken: bool, judged: dict[str, tuple[Diff, list[str]]]
) -> None:
    assert any(change.python for change in judged[name][0].changes) == broken


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 80
    assert len(CASES) == len(SEEDED) + len(NAMES)


def test_a_name_that_no_change_of_the_document_explains_is_a_change_of_its_own(
    judged: dict[str, tuple[Diff, list[str]]],
) -> None:
    diff, _ = judged["inline field removed"]
    [own] = [change for change in diff.changes if change.kind == "python"]
    assert own == Change("python", "changed", "models.UserInner", "", "is gone", breaking=True, python=True)
    told = to_markdown(diff)
    assert "### Names and types in Python changed (1)\n\n- `models.UserInner`: is gone\n" in told
    assert to_markdown(judged["nothing"][0]).count("Nothing changed.") == 1


def test_the_command_compares_names_with_the_fixes_of_either_side(
    run: Callable[..., Any], written: Callable[..., Path]
) -> None:
    def fixes(name: str, target: str) -> Path:
        action = {"target": target, "description": "It is text.", "update": {"type": "string"}}
        content = {"overlay": "1.0.0", "info": {"title": "x", "version": "1"}, "actions": [action]}
        return written(content, name)

    wrong = changed(put(f"{USER} name", {"type": "boolean"}))
    good, bad = written(BASE, "good.yaml"), written(wrong, "bad.yaml")
    fix = fixes("fixes.yaml", "$.components.schemas.User.properties.name")
    told = run("--diff", good, bad, "--json")
    [change] = json.loads(told.stdout)["changes"]
    assert (told.returncode, change["name"], change["python"]) == (1, "name", True)
    for arguments in ((good, bad, "--fixes", fix), (bad, good, "--fixes-old", fix)):
        mended = run("--diff", *arguments, "--json")
        assert (mended.returncode, json.loads(mended.stdout)["changes"]) == (0, []), mended.stderr
    for arguments in (("--fixes", fix), ("--fixes-old", fix, "--against-vendor", good, bad)):
        refused = run(*arguments)
        assert (refused.returncode, "go" in refused.stderr) == (2, True)


def test_a_document_of_the_project_is_compared_with_the_names_that_are_kept_for_it() -> None:
    path = ROOT / "specs" / "agent" / "25.8.1.yaml"
    names, _ = kept_of(ROOT, path)
    assert names == json.loads((ROOT / "specs/names.json").read_text(encoding="utf-8"))["agent"] != {}
    assert kept_of(ROOT, document_path("connect"))[1] != {}
    assert kept_of(ROOT, ROOT / "specs/none.yaml") == ({}, {})
    assert changes_of(ROOT, path, path).changes == []
