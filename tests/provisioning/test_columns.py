"""What a column map does with the columns and cells of a file, in every format."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import orjson
import pytest

from aiosymphony.errors import JobRefused
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.rows.base import Kind
from aiosymphony.provisioning.rows.registry import user_class
from aiosymphony.provisioning.sources.column_map import ColumnMap

NAMES = ["email", "firstName", "lastName"]
POD = "userName,emailAddress,displayName,firstName,lastName"


def as_csv(folder: Path, names: list[str], *rows: list[str]) -> Path:
    path = folder / "people.csv"
    path.write_text("".join(",".join(f'"{cell}"' for cell in cells) + "\n" for cells in (names, *rows)))
    return path


def as_json_lines(folder: Path, names: list[str], *rows: list[str]) -> Path:
    path = folder / "people.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps(dict(zip(names, row, strict=True))) for row in rows))
    return path


FORMATS = pytest.mark.parametrize("write", [as_csv, as_json_lines])


def users(path: Path, table: dict[str, Any] | None = None, kind: Kind = "connect") -> list[dict[str, Any]]:
    desired = Desired.read(path, kind, columns=table)
    assert [str(problem) for problem in desired.problems()] == []
    return [row.user.to_dict() for row in desired.rows()]


def problems(path: Path, table: dict[str, Any], kind: Kind = "connect") -> list[str]:
    return [str(problem) for problem in Desired.read(path, kind, columns=table).problems()]


def refusal(path: Path, table: dict[str, Any] | None = None, kind: Kind = "connect") -> JobRefused:
    with pytest.raises(JobRefused) as caught:
        Desired.read(path, kind, columns=table)
    assert "\n" not in str(caught.value)
    return caught.value


# Names.


@FORMATS
def test_all_unknown_columns_are_told_in_one_message_with_the_map_to_write(write: Any, tmp_path: Path) -> None:
    names = ["E-Mail", "Vorname", "Nachname", "Personalnummer", "department"]
    path = write(tmp_path, names, ["ann@acme.com", "Ann", "Lee", "7", "FX"])
    error = refusal(path)
    assert "no column of connect users is called 'E-Mail', 'Vorname', 'Nachname', 'Personalnummer';" in str(error)
    assert tomllib.loads(error.advice) == {
        "columns": {
            "E-Mail": "email",
            "Vorname": "firstName",
            "Nachname": "lastName",
            "Personalnummer": "",
            "department": "department",
        }
    }
    assert users(path, tomllib.loads(error.advice)) == [
        {"email": "ann@acme.com", "firstName": "Ann", "lastName": "Lee", "department": "FX"}
    ]


@FORMATS
def test_beside_a_map_the_advice_is_what_to_add_to_it(write: Any, tmp_path: Path) -> None:
    path = write(tmp_path, ["E-Mail", "firstName", "lastName", "Abteilung", "Nr"], ["a@b.com", "A", "B", "FX", "7"])
    error = refusal(path, {"E-Mail": "email"})
    assert "is called 'Abteilung', 'Nr'; add to the map" in str(error)
    assert tomllib.loads(error.advice) == {"columns": {"Abteilung": "department", "Nr": ""}}


@FORMATS
def test_a_mapped_column_beats_one_that_has_the_name_of_the_api_and_it_is_said_once(write: Any, tmp_path: Path) -> None:
    for names in (["email", "E-Mail", "firstName", "lastName"], ["E-Mail", "firstName", "lastName", "email"]):
        cells = {"email": "private@home.com", "E-Mail": "ann@acme.com", "firstName": "Ann", "lastName": "Lee"}
        rows = [[cells[name] for name in names], [{"E-Mail": "bob@acme.com"}.get(name, "x") for name in names]]
        desired = Desired.read(write(tmp_path, names, *rows), "connect", columns={"E-Mail": "email"})
        assert [row.user.label for row in desired.rows()] == ["ann@acme.com", "bob@acme.com"]
        assert desired.notes == ["the column 'email' is left out: the map makes email of 'E-Mail'"]


def test_a_mapped_column_that_a_record_lacks_does_not_let_another_take_its_place(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    path.write_text(
        '{"E-Mail": "ann@acme.com", "firstName": "Ann", "lastName": "Lee"}\n'
        '{"email": "private@home.com", "firstName": "Bob", "lastName": "Ray"}\n'
    )
    assert problems(path, {"E-Mail": "email"}) == ["line 2: email is missing"]


@FORMATS
def test_a_file_with_the_names_of_the_api_is_read_although_a_map_is_given(write: Any, tmp_path: Path) -> None:
    path = write(tmp_path, NAMES, ["ann@acme.com", "Ann", "Lee"])
    desired = Desired.read(path, "connect", columns={"E-Mail": "email", "Vorname": "firstName", "Nr": ""})
    assert [row.user.label for row in desired.rows()] == ["ann@acme.com"]
    assert desired.notes == [
        "the map makes email of 'E-Mail', which the file does not have",
        "the map makes firstName of 'Vorname', which the file does not have",
    ]


@FORMATS
def test_a_column_of_the_api_that_the_map_leaves_out_is_not_taken(write: Any, tmp_path: Path) -> None:
    path = write(
        tmp_path, ["email", "workEmail", "firstName", "lastName", "title"], ["x@home.com", "b@b.com", "B", "R", "T"]
    )
    table = {"columns": {"email": "", "workEmail": "email", "title": ""}}
    assert users(path, table) == [{"email": "b@b.com", "firstName": "B", "lastName": "R"}]


def test_a_column_that_the_map_needs_and_the_file_lacks_is_named(tmp_path: Path) -> None:
    path = as_csv(tmp_path, ["Vorname", "Nachname"], ["Ann", "Lee"])
    error = refusal(path, {"E-Mail": "email", "Vorname": "firstName", "Nachname": "lastName", "Ort": "location"})
    assert "the header lacks email" in str(error)
    assert "has no 'E-Mail', of which the map makes email" in str(error)
    assert "Ort" not in str(error)


def test_names_are_found_in_any_case_and_letter_for_letter_first(tmp_path: Path) -> None:
    path = as_csv(tmp_path, ["e-mail", "VORNAME", " Nachname ", "NR", "nr"], ["a@b.com", "A", "B", "x", "7"])
    table = {"E-Mail": "email", "Vorname": "firstName", "Nachname": "lastName", "nr": "title", "NR": ""}
    assert users(path, table) == [{"email": "a@b.com", "firstName": "A", "lastName": "B", "title": "7"}]


@pytest.mark.parametrize(
    ("names", "table", "said"),
    [
        (["Mail", "E-Mail", "firstName", "lastName"], {"Mail": "email", "E-Mail": "email"}, "'Mail' and as 'E-Mail'"),
        (["Mail", "Mail", "firstName", "lastName"], {"Mail": "email"}, "has the column 'Mail' twice"),
        ([*NAMES, "Ort", "Ort"], {"Ort": "location"}, "has the column 'Ort' twice"),
        (
            [*NAMES, "A", "B"],
            {"columns": {"A": "displayName", "B": ""}, "join": {"displayName": "{A} {B}"}},
            "'A' and as 'A' and 'B'",
        ),
    ],
)
def test_what_is_there_twice_is_refused(names: list[str], table: dict[str, Any], said: str, tmp_path: Path) -> None:
    error = refusal(as_csv(tmp_path, names, ["a@b.com"] * len(names)), table)
    assert "twice" in str(error)
    assert said in str(error)


def test_what_is_unknown_and_there_twice_is_told_unless_it_can_be_left_out(tmp_path: Path) -> None:
    error = refusal(as_csv(tmp_path, ["Mail", "Mail", "Nr", "Nr", "firstName", "lastName"], ["a@b.com"] * 6))
    assert "is called 'Mail' (did you mean 'email'?), 'Mail'" not in str(error)
    assert "is called 'Mail', 'Nr'; the header has the column 'Mail' twice;" in str(error)
    assert tomllib.loads(error.advice)["columns"]["Nr"] == ""


def test_columns_that_are_left_out_may_be_there_twice(tmp_path: Path) -> None:
    path = as_csv(tmp_path, [*NAMES, "x", "x"], ["a@b.com", "A", "B", "1", "2"])
    assert users(path, {"x": None}) == [{"email": "a@b.com", "firstName": "A", "lastName": "B"}]


def test_one_column_may_become_several(tmp_path: Path) -> None:
    path = as_csv(tmp_path, ["Mail", "displayName", "firstName", "lastName"], ["ann@acme.com", "Ann", "Ann", "Lee"])
    (user,) = users(path, {"Mail": ["userName", "emailAddress"]}, "pod")
    assert (user["userName"], user["emailAddress"]) == ("ann@acme.com", "ann@acme.com")


# Values.

OTHER_WAY = {"connect": {"to": "active", "invert": True}, "pod": {"to": "status", "invert": True}}


@FORMATS
@pytest.mark.parametrize(("cell", "off"), [("True", True), ("yes", True), ("1", True), ("False", False), ("no", False)])
def test_a_column_that_means_the_opposite_is_inverted(write: Any, tmp_path: Path, cell: str, off: bool) -> None:
    people = write(tmp_path, [*NAMES, "suspended"], ["ann@acme.com", "Ann", "Lee", cell])
    assert [user["active"] for user in users(people, {"suspended": OTHER_WAY["connect"]})] == [not off]
    people = write(tmp_path, [*POD.split(","), "suspended"], ["ann", "a@b.com", "Ann", "Ann", "Lee", cell])
    assert [user["status"] for user in users(people, {"suspended": OTHER_WAY["pod"]}, "pod")] == [
        "DISABLED" if off else "ENABLED"
    ]


def test_an_inverted_cell_that_is_neither_true_nor_false_is_refused_and_an_empty_one_says_nothing(
    tmp_path: Path,
) -> None:
    path = as_csv(
        tmp_path, [*NAMES, "suspended"], ["ann@acme.com", "Ann", "Lee", "on leave"], ["bob@acme.com", "Bob", "Ray", ""]
    )
    (told,) = problems(path, {"suspended": OTHER_WAY["connect"]})
    assert told.startswith("line 2: active 'on leave' is no value that the map translates: ")
    (row,) = Desired.read(path, "connect", columns={"suspended": OTHER_WAY["connect"]}).rows()
    assert row.user.enabled is None


def test_a_column_known_to_mean_the_opposite_is_told_when_it_is_taken_as_it_is(tmp_path: Path) -> None:
    path = as_csv(tmp_path, [*NAMES, "suspended"], ["ann@acme.com", "Ann", "Lee", "False"])
    (note,) = Desired.read(path, "connect", columns={"suspended": "active"}).notes
    assert note == (
        "the map takes 'suspended' as active as it is; if it is true for those who may not log in, "
        'write { to = "active", invert = true }'
    )


def test_values_are_translated_whatever_their_case(tmp_path: Path) -> None:
    names = [*POD.split(","), "Aktiv", "Abteilung", "Rollen"]
    ann = ["ann", "a@b.com", "Ann", "Ann", "Lee", "WAHR", " handel ", "Händler; Prüfer"]
    bob = ["bob", "b@b.com", "Bob", "Bob", "Ray", "falsch", "Recht", "Händler"]
    table = {
        "Aktiv": {"to": "status", "values": {"WAHR": "ENABLED", "FALSCH": "DISABLED"}},
        "Abteilung": {"to": "department", "values": {"Handel": "Trading"}},
        "Rollen": {"to": "roles", "by": ";", "values": {"Händler": "INDIVIDUAL", "Prüfer": "AUDIT_TRAIL_MANAGEMENT"}},
    }
    found = users(as_csv(tmp_path, names, ann, bob), table, "pod")
    assert [(user["status"], user["department"], user["roles"]) for user in found] == [
        ("ENABLED", "Trading", ["INDIVIDUAL", "AUDIT_TRAIL_MANAGEMENT"]),
        ("DISABLED", "Recht", ["INDIVIDUAL"]),
    ]


def test_a_switch_whose_value_is_not_translated_is_refused_and_never_guessed(tmp_path: Path) -> None:
    # "yes" is true for whoever reads it as "active"; this column says who is suspended.
    path = as_csv(tmp_path, [*NAMES, "suspended"], ["ann@acme.com", "Ann", "Lee", "yes"])
    table = {"suspended": {"to": "active", "values": {"true": False, "false": True}}}
    assert problems(path, table) == ["line 2: active 'yes' is no value that the map translates: true, false"]


def test_json_values_are_translated_too(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    record = {"email": "ann@acme.com", "firstName": "Ann", "lastName": "Lee", "suspended": True, "Ort": 7}
    path.write_bytes(orjson.dumps(record))
    table = {"suspended": OTHER_WAY["connect"], "Ort": {"to": "location", "values": {"7": "Paris"}}}
    (user,) = users(path, table)
    assert (user["active"], user["location"]) == (False, "Paris")
    record = dict(zip(POD.split(","), ["ann", "a@b.com", "Ann", "Ann", "Lee"], strict=True))
    path.write_bytes(orjson.dumps({**record, "Rollen": ["Händler", "X"]}))
    (user,) = users(path, {"Rollen": {"to": "roles", "values": {"Händler": "INDIVIDUAL"}}}, "pod")
    assert user["roles"] == ["INDIVIDUAL", "X"]


def test_a_constant_stands_in_every_row_and_beats_the_file(tmp_path: Path) -> None:
    path = as_csv(tmp_path, [*POD.split(","), "companyName"], ["ann", "a@b.com", "Ann", "Ann", "Lee", "Other"])
    desired = Desired.read(path, "pod", columns={"constants": {"accountType": "NORMAL", "companyName": "Acme"}})
    (row,) = desired.rows()
    assert (row.user.to_dict()["accountType"], row.user.to_dict()["companyName"]) == ("NORMAL", "Acme")
    assert desired.notes == ["the column 'companyName' is left out: the map makes companyName of a constant"]


# Names of people.


@FORMATS
def test_columns_are_joined(write: Any, tmp_path: Path) -> None:
    names = ["email", "Vorname", "Nachname"]
    people = write(tmp_path, names, ["a@b.com", "Ann", "Lee"], ["b@b.com", " Bob ", "Ray"])
    table = {
        "columns": {"Vorname": "firstName", "Nachname": "lastName"},
        "join": {"displayName": "{Vorname} {Nachname}", "title": "{{{Nachname}}}, {Vorname}"},
    }
    assert [(user["displayName"], user["title"]) for user in users(people, table)] == [
        ("Ann Lee", "{Lee}, Ann"),
        ("Bob Ray", "{Ray}, Bob"),
    ]


def test_a_join_leaves_blanks_away_and_makes_no_half_address(tmp_path: Path) -> None:
    path = as_csv(
        tmp_path, ["nick", "town", "firstName", "lastName", "mail"],
        ["ann", "", "Ann", "Lee", "a@b.com"], ["", "", "Bob", "Ray", "b@b.com"], ["", "x", "Cat", "Day", "c@b.com"],
    )  # fmt: skip
    table = {"columns": {"mail": "email"}, "join": {"displayName": "{nick} {town}", "title": "{nick}@{town}"}}
    desired = Desired.read(path, "connect", columns=table)
    assert [str(problem) for problem in desired.problems()] == [
        "line 2: title cannot be joined, because 'town' is empty",
        "line 4: title cannot be joined, because 'nick' is empty",
    ]
    assert [row.user.to_dict().get("displayName") for row in desired.rows()] == [None]
    del table["join"]["title"]
    assert [user.get("displayName") for user in users(path, table)] == ["ann", None, "x"]


@pytest.mark.parametrize(
    ("cell", "how", "first", "last"),
    [
        ("Lee, Ann", {"by": ", ", "to": ["lastName", "firstName"]}, "Ann", "Lee"),
        ("Lee,Ann", {"by": ", ", "to": ["lastName", "firstName"]}, "Ann", "Lee"),
        ("Ann  Lee", {"by": " ", "to": ["firstName", "lastName"]}, "Ann", "Lee"),
        ("Ann Mary Lee", {"by": " ", "to": ["firstName", "lastName"], "cut": "last"}, "Ann Mary", "Lee"),
        ("Ann van Lee", {"by": " ", "to": ["firstName", "lastName"], "cut": "first"}, "Ann", "van Lee"),
        ("Dr. Ann Lee", {"by": " ", "to": ["", "firstName", "lastName"]}, "Ann", "Lee"),
    ],
)
def test_a_name_is_split(tmp_path: Path, cell: str, how: dict[str, Any], first: str, last: str) -> None:
    path = as_csv(tmp_path, ["email", "Name"], ["ann@acme.com", cell])
    (user,) = users(path, {"split": {"Name": how}})
    assert (user["firstName"], user["lastName"]) == (first, last)


@pytest.mark.parametrize("cell", ["Cher", "Ann Mary Lee", "Lee,"])
def test_a_name_that_does_not_split_is_a_problem_of_its_row(tmp_path: Path, cell: str) -> None:
    path = as_csv(tmp_path, ["email", "Name"], ["ann@acme.com", cell], ["bob@acme.com", "Bob Ray"])
    by = "," if "," in cell else " "
    table = {"split": {"Name": {"by": by, "to": ["firstName", "lastName"]}}}
    told = problems(path, table)
    assert told[:2] == [
        f"line 2: {column} cannot be split from 'Name': {cell!r} is not 2 parts divided by {by!r}"
        for column in ("firstName", "lastName")
    ]


def test_an_empty_name_is_left_alone(tmp_path: Path) -> None:
    path = as_csv(tmp_path, ["email", "Name"], ["ann@acme.com", ""])
    table = {"split": {"Name": {"by": " ", "to": ["firstName", "lastName"]}}}
    assert problems(path, table) == []
    assert [row.user.to_dict() for row in Desired.read(path, "connect", columns=table).rows()] == [
        {"email": "ann@acme.com"}
    ]


def test_a_column_that_is_read_may_also_be_taken(tmp_path: Path) -> None:
    path = as_csv(tmp_path, ["email", "Name"], ["ann@acme.com", "Ann Lee"])
    table = {
        "columns": {"Name": "displayName"},
        "split": {"Name": {"by": " ", "to": ["firstName", "lastName"]}},
        "join": {"title": "{Name}"},
    }
    assert users(path, table) == [
        {"email": "ann@acme.com", "firstName": "Ann", "lastName": "Lee", "displayName": "Ann Lee", "title": "Ann Lee"}
    ]


# What is emptied.


@pytest.mark.parametrize("marker", ["-", "", "(leer)"])
def test_a_map_says_which_cell_empties_a_field(tmp_path: Path, marker: str) -> None:
    path = as_csv(
        tmp_path, [*POD.split(","), "Titel", "Klassen"], ["ann", "a@b.com", "Ann", "Ann", "Lee", marker, marker]
    )
    table = {"Titel": {"to": "title", "clear": marker}, "Klassen": {"to": "assetClasses", "clear": marker}}
    (user,) = users(path, table, "pod")
    assert (user["title"], user["assetClasses"]) == ("", [])


def test_without_a_map_a_cell_says_so_itself(tmp_path: Path) -> None:
    path = as_csv(
        tmp_path, [*POD.split(","), "title", "department"], ["ann", "a@b.com", "A", "Ann", "Lee", "<clear>", ""]
    )
    (user,) = users(path, None, "pod")
    assert user["title"] == ""
    assert "department" not in user


@pytest.mark.parametrize("column", ["userName", "emailAddress", "displayName", "firstName", "accountType", "roles"])
def test_what_a_user_must_have_is_never_emptied(tmp_path: Path, column: str) -> None:
    names = list(dict.fromkeys([*POD.split(","), column]))
    row = ["<clear>" if name == column else "a@b.com" for name in names]
    assert f"line 2: {column} cannot be emptied" in problems(as_csv(tmp_path, names, row), {}, "pod")


def test_connect_empties_nothing(tmp_path: Path) -> None:
    path = as_csv(tmp_path, [*NAMES, "title"], ["ann@acme.com", "Ann", "Lee", "<clear>"])
    assert problems(path, {}) == ["line 2: title cannot be emptied"]


def test_roles_are_given_and_taken(tmp_path: Path) -> None:
    names = [*POD.split(","), "roles"]
    rows = [["ann", "a@b.com", "A", "A", "L", "INDIVIDUAL|-ADMINISTRATOR"], ["bob", "b@b.com", "B", "B", "R", "X|-X"]]
    path = as_csv(tmp_path, names, *rows)
    assert problems(path, {}, "pod") == ["line 3: roles both gives and takes away X"]
    (row,) = Desired.read(path, "pod").rows()
    assert row.user.to_dict()["roles"] == ["INDIVIDUAL", "-ADMINISTRATOR"]


def test_what_cannot_be_made_is_kept_and_a_switch_is_never_taken_for_its_opposite() -> None:
    table = {
        "columns": {"suspended": OTHER_WAY["connect"], "mail": "email"},
        "split": {"Name": {"by": ",", "to": ["lastName", "firstName"]}},
    }
    binding = ColumnMap.of(table, "connect").bind(["mail", "Name", "suspended"], "the file")
    made, wrong = binding.apply({"mail": "a@b.com", "Name": "Cher", "suspended": "on leave"})
    assert made == {"email": "a@b.com", "lastName": "Cher", "active": "? on leave"}
    assert [column for column, _ in wrong] == ["active", "lastName", "firstName"]
    # Such a cell is refused wherever it comes back.
    assert [column for column, _ in user_class("connect").check({**made, "firstName": "C"})[1]] == ["active"]
