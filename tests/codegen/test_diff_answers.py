"""What changes beside names and types of one value: statuses, errors, discriminators, limits of lists and of objects."""

from typing import Any

import pytest

from aiosymphony.apidiff import compare
from tests.codegen.test_diff import BASE, CHANGE, GET, POST, USER, G, P, changed, drop, put, typed

# A change a line reads best, however long the line.
# ruff: noqa: E501

TEXT: dict[str, Any] = {"type": "string"}
AT_GET = "#/paths/~1v1~1user~1{uid}/get"
STATE = {"$ref": "#/components/schemas/State"}
FREE: dict[str, Any] = {"type": "object", "additionalProperties": TEXT}


def answer(schema: Any) -> dict[str, Any]:
    return {"description": "x", "content": {"application/json": {"schema": schema}}}


def error(*required: str, **properties: Any) -> dict[str, Any]:
    return answer({"type": "object", "required": list(required), "properties": properties})


USERS = answer({"$ref": "#/components/schemas/User"})
PETS = [{"$ref": "#/components/schemas/User"}, {"$ref": "#/components/schemas/Unused"}]


def pets(name: str = "kind", **mapping: str) -> dict[str, Any]:
    return {"oneOf": PETS, "discriminator": {"propertyName": name} | ({"mapping": mapping} if mapping else {})}


#: Where, what was, what is, what is told (kind, where, name), its severity and its JSON pointer.
TOLD: list[tuple[str, Any, Any, tuple[str, str, str], str, str]] = [
    (f"{GET} responses", {"200": USERS}, {"201": USERS}, ("result", G, ""), "wire", f"{AT_GET}/responses"),
    (f"{GET} responses", {"200": USERS}, {"200": USERS, "202": USERS}, ("result", G, ""), "wire", f"{AT_GET}/responses"),
    (f"{GET} responses", {"200": USERS}, {"2XX": USERS}, ("result", G, ""), "wire", f"{AT_GET}/responses"),
    (f"{GET} responses", {"200": USERS, "204": {"description": "x"}}, {"200": {"description": "x"}, "204": USERS},
     ("result", G, ""), "wire", f"{AT_GET}/responses"),
    (f"{GET} responses", {"200": USERS}, {"200": USERS, "304": {"description": "x"}}, ("result", G, ""), "breaking", AT_GET),
    (f"{GET} responses 400", error(code=TEXT), error("code", code=TEXT), ("error", G, "400"), "compatible", f"{AT_GET}/responses/400"),
    (f"{GET} responses 400", error(code=TEXT), error(code={"type": "integer"}), ("error", G, "400"), "compatible", f"{AT_GET}/responses/400"),
    (f"{GET} responses 400", error(code={"type": "array", "items": TEXT}), error(code={"type": "array", "items": {"type": "integer"}}),
     ("error", G, "400"), "compatible", f"{AT_GET}/responses/400"),
    (f"{GET} responses default", answer(STATE), error(code=TEXT), ("error", G, "default"), "compatible", f"{AT_GET}/responses/default"),
    (f"{GET} responses 200 content application/json schema", pets(), pets("type"), ("result", G, "200"), "wire", f"{AT_GET}/responses/200"),
    (f"{GET} responses 200 content application/json schema", pets(u="User"), pets(v="User"), ("result", G, "200"), "wire", f"{AT_GET}/responses/200"),
    (f"{USER} name", pets(), pets("type"), ("field", "User", "name"), "wire", "#/components/schemas/User/properties/name"),
    (f"{USER} name", {"type": "array", "items": pets()}, {"type": "array", "items": pets(u="User")},
     ("field", "User", "name"), "wire", "#/components/schemas/User/properties/name"),
    ("components schemas User discriminator", {"propertyName": "kind"}, {"propertyName": "type"}, ("model", "User", ""), "wire", "#/components/schemas/User"),
    (f"{CHANGE} properties tags", {"type": "array", "items": typed(maxLength=9)}, {"type": "array", "items": typed(maxLength=5)},
     ("field", "Change", "tags"), "breaking", "#/components/schemas/Change/properties/tags"),
    (f"{CHANGE} properties tags", FREE | {"additionalProperties": typed(maxLength=9)}, FREE | {"additionalProperties": typed(maxLength=5)},
     ("field", "Change", "tags"), "breaking", "#/components/schemas/Change/properties/tags"),
    (f"{CHANGE} properties tags", FREE, FREE | {"maxProperties": 3}, ("field", "Change", "tags"), "breaking", "#/components/schemas/Change/properties/tags"),
    (f"{CHANGE} properties tags", FREE | {"minProperties": 1}, FREE | {"minProperties": 2}, ("field", "Change", "tags"), "breaking", "#/components/schemas/Change/properties/tags"),
    (f"{CHANGE} properties tags", FREE | {"minProperties": 2}, FREE | {"minProperties": 1}, ("field", "Change", "tags"), "compatible", "#/components/schemas/Change/properties/tags"),
    (f"{CHANGE} minProperties", 1, 2, ("model", "Change", ""), "breaking", "#/components/schemas/Change"),
    ("components schemas User maxProperties", 9, 2, ("model", "User", ""), "compatible", "#/components/schemas/User"),
    (f"{CHANGE} properties name", TEXT, typed(writeOnly=True), ("field", "Change", "name"), "compatible", "#/components/schemas/Change/properties/name"),
    (f"{USER} name", typed(writeOnly=True), TEXT, ("field", "User", "name"), "compatible", "#/components/schemas/User/properties/name"),
    (f"{USER} id", {"type": "integer", "format": "int64"}, {"type": "integer", "format": "int32"},
     ("field", "User", "id"), "compatible", "#/components/schemas/User/properties/id"),
    (f"{POST} parameters 0 schema", {"type": "integer", "format": "int64"}, {"type": "integer", "format": "int32"},
     ("argument", P, "uid"), "breaking", "#/paths/~1v1~1user~1{uid}/post/parameters/0"),
    ("components schemas State default", "ON", "OFF", ("enum", "State", ""), "wire", "#/components/schemas/State"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "old", "new", "told", "severity", "place"), TOLD)
def test_it_is_told_with_its_severity_and_place(
    path: str, old: Any, new: Any, told: tuple[str, str, str], severity: str, place: str
) -> None:
    before, after = changed(put(path, old)), changed(put(path, new))
    [change] = compare(before, after).changes
    assert (change.kind, change.where, change.name, change.what) == (*told, "changed")
    assert (change.severity, change.place) == (severity, place)
    assert change.detail
    assert compare(after, after).changes == []


def test_a_field_of_an_error_that_has_a_name_is_told_as_one_of_an_answer() -> None:
    before = changed(put(f"{GET} responses 400", answer({"$ref": "#/components/schemas/Unused"})))
    after = changed(put(f"{GET} responses 400", answer({"$ref": "#/components/schemas/Unused"})))
    before["components"]["schemas"]["Unused"]["required"] = ["x"]
    for one, other, breaking in ((after, before, False), (before, after, True)):
        [change] = compare(one, other).changes
        assert (change.kind, change.where, change.name, change.breaking) == ("field", "Unused", "x", breaking)


@pytest.mark.parametrize("flag", ["readOnly", "writeOnly", "uniqueItems"])
@pytest.mark.parametrize("path", [f"{USER} name", f"{CHANGE} properties name"])
def test_a_flag_that_is_false_is_none(path: str, flag: str) -> None:
    assert compare(changed(put(path, TEXT)), changed(put(path, typed(**{flag: False})))).changes == []
    assert compare(changed(put(path, typed(**{flag: False}))), changed(put(path, TEXT))).changes == []


@pytest.mark.parametrize(
    ("old", "new", "moved"),
    [
        ("User", "user", False),
        ("roomMembership", "Room Membership", False),
        ("User", "Users", True),
        ("User", None, False),  # an operation without a tag is filed under its path's resource
        ("People", None, True),
    ],
)
def test_a_tag_moves_an_operation_only_to_another_module(old: str, new: str | None, moved: bool) -> None:
    after = changed(drop(f"{GET} tags") if new is None else put(f"{GET} tags", [new]))
    assert bool(compare(changed(put(f"{GET} tags", [old])), after).breaking) == moved


def test_every_model_that_changed_has_its_place() -> None:
    after = changed(drop("components schemas Unused"))
    after["components"]["schemas"]["New"] = BASE["components"]["schemas"]["State"]
    assert {each.where: each.place for each in compare(BASE, after).changes} == {
        "Unused": "#/components/schemas/Unused",
        "New": "#/components/schemas/New",
    }
