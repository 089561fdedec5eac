"""What a thing is called in one generation it is called in the next, whatever is added to a document."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from codegen.document import generate_from
from codegen.names_lock import NamesLock, read_names
from codegen.problem import CodegenError

Imported = Callable[[Path], ModuleType]
GOOD: dict[str, Any] = {"200": {"description": "x"}}


def document(*, schemas: Any = None, paths: Any = None, parameters: Any = ()) -> dict[str, Any]:
    get: dict[str, Any] = {"responses": GOOD, "parameters": list(parameters)}
    return {
        "openapi": "3.0.3",
        "info": {"title": "t", "version": "1"},
        "paths": paths or {"/a": {"get": get}},
        "components": {"schemas": schemas or {}},
    }


def of(*names: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}}


def query(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]


def texts(*values: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


def of_inline(*kinds: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "object", "properties": {"pet": {"oneOf": [of(*names) for names in kinds]}}}


def sent(models: Any, operations: Any) -> Any:
    return operations["a_get"].build(sort="x").query


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], Callable[[Any, Any], Any], Any]] = {
    "a schema that differs in case, put first": (
        document(schemas={"User": of("a")}),
        document(schemas={"user": of("b"), "User": of("a")}),
        lambda models, _: models.User(a="x").to_dict(),
        {"a": "x"},
    ),
    "a schema whose name is not spelled as the class": (
        document(schemas={"user_role": of("a")}),
        document(schemas={"UserRole": of("b"), "user_role": of("a")}),
        lambda models, _: models.UserRole(a="x").to_dict(),
        {"a": "x"},
    ),
    "a field that differs in case, put first": (
        document(schemas={"X": of("name")}),
        document(schemas={"X": of("Name", "name")}),
        lambda models, _: models.X(name="x").to_dict(),
        {"name": "x"},
    ),
    "a field that is spelled as the attribute of another": (
        document(schemas={"X": of("emailAddress")}),
        document(schemas={"X": of("email_address", "emailAddress")}),
        lambda models, _: models.X(email_address="x").to_dict(),
        {"emailAddress": "x"},
    ),
    "a value that differs in case, put first": (
        document(schemas={"State": texts("ENABLED")}),
        document(schemas={"State": texts("enabled", "ENABLED")}),
        lambda models, _: str(models.State.ENABLED),
        "ENABLED",
    ),
    "a value that is spelled as the member of another": (
        document(schemas={"State": texts("on-hold")}),
        document(schemas={"State": texts("ON_HOLD", "on-hold")}),
        lambda models, _: str(models.State.ON_HOLD),
        "on-hold",
    ),
    "an argument that differs in case, put first": (
        document(parameters=query("sort")),
        document(parameters=query("Sort", "sort")),
        sent,
        "sort=x",
    ),
    "an argument that is spelled as the name of another": (
        document(parameters=query("Sort")),
        document(parameters=query("sort", "Sort")),
        sent,
        "Sort=x",
    ),
    "a path that gives the same id": (
        document(paths={"/users/{uid}": {"get": {"responses": GOOD}}}),
        document(paths={"/users/uid": {"get": {"responses": GOOD}}, "/users/{uid}": {"get": {"responses": GOOD}}}),
        lambda _, operations: operations["users_uid_get"].path,
        "/users/{uid}",
    ),
    "a schema with the name of a class for an inline one": (
        document(schemas={"User": {"type": "object", "properties": {"state": texts("ON")}}}),
        document(schemas={"UserState": of("a"), "User": {"type": "object", "properties": {"state": texts("ON")}}}),
        lambda models, _: str(models.UserState.ON),
        "ON",
    ),
    "an enumeration of a field, with one value more": (
        document(schemas={"User": {"type": "object", "properties": {"state": texts("ON")}}}),
        document(schemas={"User": {"type": "object", "properties": {"state": texts("ON", "OFF")}}}),
        lambda models, _: str(models.UserState.ON),
        "ON",
    ),
    "an object inside another, with one field more, beside a new one": (
        document(schemas={"Owner": of_inline(("bark", "bite"), ("meow",))}),
        document(schemas={"Owner": of_inline(("sing",), ("bark", "bite", "dig"), ("meow",))}),
        lambda models, _: [models.OwnerPetType1(bark="x").to_dict(), models.OwnerPetType2(meow="x").to_dict()],
        [{"bark": "x"}, {"meow": "x"}],
    ),
    "an alternative put before others": (
        document(schemas={"Owner": of_inline(("bark",), ("meow",))}),
        document(schemas={"Owner": of_inline(("sing",), ("bark",), ("meow",))}),
        lambda models, _: [models.OwnerPetType1(bark="x").to_dict(), models.OwnerPetType2(meow="x").to_dict()],
        [{"bark": "x"}, {"meow": "x"}],
    ),
}


def generate(content: dict[str, Any], folder: Path) -> list[str]:
    path = folder / "document.json"
    path.write_text(json.dumps(content))
    return generate_from(path, api="last", out=folder / "out")[0].notes


@pytest.mark.parametrize("name", CASES)
def test_an_addition_takes_no_name_away(name: str, tmp_path: Path, imported: Imported) -> None:
    old, new, use, expected = CASES[name]
    generate(old, tmp_path)
    before = imported(tmp_path / "out/last")
    assert use(import_module("last.models"), before.OPERATIONS) == expected
    generate(new, tmp_path)
    after = imported(tmp_path / "out/last")
    assert use(import_module("last.models"), after.OPERATIONS) == expected


@pytest.mark.parametrize("name", CASES)
def test_the_same_document_gives_the_same_names_again(name: str, tmp_path: Path) -> None:
    _, new, _, _ = CASES[name]

    def files() -> dict[str, bytes]:
        out = tmp_path / "out"
        return {
            str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.suffix in (".py", ".json")
        }

    generate(new, tmp_path)
    first = files()
    generate(new, tmp_path)
    assert files() == first


def test_a_collision_is_told(tmp_path: Path) -> None:
    notes = generate(document(schemas={"User": of("a"), "user": of("b")}), tmp_path)
    assert "user: the name User is taken; the class is User2" in notes


def test_a_class_that_is_gone_leaves_its_name_to_nobody(tmp_path: Path, imported: Imported) -> None:
    generate(document(schemas={"user": of("a")}), tmp_path)
    generate(document(schemas={"User": of("b")}), tmp_path)
    imported(tmp_path / "out/last")
    assert import_module("last.models").User2(b="x").to_dict() == {"b": "x"}


def test_a_lock_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    assert read_names(path) == {}
    for text in ("[]", '{"pod": {"a": 1}}', "no"):
        path.write_text(text)
        with pytest.raises(CodegenError, match=r"names\.json"):
            read_names(path)


def test_names_are_given_in_three_turns() -> None:
    lock = NamesLock({"field X userName": "user_name"})
    names = lock.distinct("field X", ["UserName", "user_name", "userName"], lambda text: "user_name")
    assert names == {"UserName": "user_name_3", "user_name": "user_name_2", "userName": "user_name"}
    assert list(names) == ["UserName", "user_name", "userName"]
