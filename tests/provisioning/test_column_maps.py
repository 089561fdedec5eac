"""The column map itself: how it is written, what is wrong with it, and what it makes of names with dots."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from aiosymphony.errors import JobRefused
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.rows.registry import KINDS, user_class
from aiosymphony.provisioning.sources.column_map import ColumnMap

from .test_columns import NAMES, POD, as_csv, refusal, users


def test_everything_that_is_wrong_with_a_map_is_told_at_once() -> None:
    table = {
        "columns": {
            "a": "emial",
            "b": {"to": "title", "valeus": {}},
            "c": {"to": "title", "invert": True},
            "d": {"to": "active", "values": {"x": "maybe"}},
            "e": {"to": "title", "clear": "-"},
            "f": 7,
            "g": ["title", "nix"],
        },
        "constants": {"department": "=1+1", "dept": "x"},
        "join": {"displayName": "{Vorname", "title": "text"},
        "split": {"Name": {"to": ["firstName", "lastName"]}, "N": {"by": "", "to": ["x"]}},
        "colums": {},
    }
    with pytest.raises(JobRefused) as caught:
        ColumnMap.of(table, "connect")
    keys = "'to', 'values', 'invert', 'clear', 'by'"
    switch = "true or false, or ENABLED or DISABLED"
    assert str(caught.value).removeprefix("the column map is wrong: ").split("; ") == [
        "the column 'a' goes to 'emial', which is no column of connect users (did you mean 'email'?)",
        f"the column 'b' has the key 'valeus' (did you mean 'values'?): there are {keys}",
        f"'invert' of the column 'c' must be true, without 'values', and for a column that is {switch}",
        "the column 'd': active 'maybe' is neither true nor false",
        "the column 'e' cannot clear title",
        "the column 'f' needs a name, a list of names or a table, not 7",
        "the column 'g' goes to 'nix', which is no column of connect users",
        "the constant: department starts with '=', which a spreadsheet would run as a formula",
        "the constant goes to 'dept', which is no column of connect users",
        "the join of 'displayName' has a brace alone: write it as '{Vorname} {Nachname}'",
        "the join of 'title' names no column in braces: write it as '{Vorname} {Nachname}'",
        "'by' of the split of 'Name' must be the text that divides the parts",
        "'to' of the split of 'N' must be a list of two columns or more",
        "there is no section 'colums' (did you mean 'columns'?): they are 'columns', 'constants', 'join', 'split'",
    ]


def test_a_section_that_is_misspelt_is_told_in_the_short_form_too() -> None:
    with pytest.raises(JobRefused, match=r"no section 'colums' \(did you mean 'columns'\?\)"):
        ColumnMap.of({"colums": {"E-Mail": "email"}}, "connect")


def test_a_name_with_dots_may_go_without_quotes_in_toml_and_be_an_object_in_json(tmp_path: Path) -> None:
    table = tomllib.loads('primaryEmail = "email"\nname.givenName = "firstName"\n"name.familyName" = "lastName"')
    assert ColumnMap.of(table, "connect") == ColumnMap.of(
        {"primaryEmail": "email", "name.givenName": "firstName", "name.familyName": "lastName"}, "connect"
    )
    path = tmp_path / "people.jsonl"
    path.write_text('{"primaryEmail": "a@b.com", "name": {"givenName": "Ann", "familyName": "Lee"}, "id": {}}\n')
    assert users(path, table) == [{"email": "a@b.com", "firstName": "Ann", "lastName": "Lee"}]
    assert tomllib.loads(refusal(path).advice)["columns"] == {
        "primaryEmail": "email", "name.givenName": "firstName", "name.familyName": "lastName"
    }  # fmt: skip


def test_features_stay_one_cell(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    record = dict(zip(POD.split(","), ["ann", "a@b.com", "Ann", "Ann", "Lee"], strict=True))
    path.write_bytes(orjson.dumps({**record, "features": {"postReadEnabled": False}}))
    assert users(path, None, "pod")[0]["features"] == {"postReadEnabled": False}
    path.write_bytes(orjson.dumps({**record, "Rechte": {"postReadEnabled": False}}))
    assert users(path, {"Rechte": "features"}, "pod")[0]["features"] == {"postReadEnabled": False}


def test_a_map_for_other_users_is_refused(tmp_path: Path) -> None:
    path = as_csv(tmp_path, NAMES, ["a@b.com", "A", "B"])
    with pytest.raises(JobRefused, match="is for pod users"):
        Desired.read(path, "connect", columns=ColumnMap.of({}, "pod"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[columns\n", "is not readable"),
        (b"[1, 2]", "must be a table"),
        (b'{"a": ', "is not readable"),
        (b"\xff\xfe", "is not readable"),
    ],
)
@pytest.mark.parametrize("name", ["m.json", "m.map"])
def test_a_map_that_cannot_be_read_is_refused_in_a_sentence(
    tmp_path: Path, content: bytes, said: str, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(JobRefused, match=said) as caught:
        ColumnMap.read(path, "connect")
    assert "\n" not in str(caught.value)


WORDS = st.sampled_from(
    ["", "a", "b", "email", "title", "active", "split", "{a} {b}", "{", ", ", "<clear>", "lastName", "true", "=1"]
)  # fmt: skip
COLUMN = st.sampled_from(["email", "userName", "title", "active", "status", "roles", "features", "displayName", "nix"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
TAKEN = st.fixed_dictionaries(
    {"to": COLUMN | st.lists(COLUMN, max_size=2)},
    optional={"values": st.dictionaries(WORDS, WORDS), "invert": st.booleans(), "clear": WORDS, "by": WORDS},
)
SPLIT = st.fixed_dictionaries(
    {"by": WORDS, "to": st.lists(COLUMN, max_size=3)}, optional={"cut": st.sampled_from(["first", "last", "x"])}
)
TABLES = st.fixed_dictionaries(
    {},
    optional={
        "columns": st.dictionaries(WORDS, COLUMN | TAKEN | VALUES, max_size=3),
        "constants": st.dictionaries(COLUMN, VALUES, max_size=1),
        "join": st.dictionaries(COLUMN, WORDS, max_size=1),
        "split": st.dictionaries(WORDS, SPLIT | VALUES, max_size=1),
    },
)


@settings(max_examples=500)
@given(TABLES | st.dictionaries(WORDS, VALUES | TAKEN, max_size=3), st.dictionaries(WORDS, VALUES, max_size=5))
def test_any_table_is_a_map_or_is_refused_in_a_sentence(table: dict[str, Any], cells: dict[str, object]) -> None:
    for kind in KINDS:
        columns = user_class(kind).columns()
        try:
            column_map = ColumnMap.of(table, kind)
            binding = column_map.bind([*cells, *user_class(kind).missing({})], "the file", header=False)
        except JobRefused as error:
            event("refused")
            said = str(error)
        else:
            event("bound")
            said = ""
            made, wrong = binding.apply(cells)
            assert {*made} | {column for column, _ in wrong} <= columns.keys()
            user_class(kind).check(made)
        assert "\n" not in said


def test_toml_and_json_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_bytes(
        b'\xef\xbb\xbf"E-Mail" = "email"\nNr = ""\nx = { to = "title", values = { 1 = "A" } }\n'
    )
    (tmp_path / "m.json").write_bytes(
        orjson.dumps({"columns": {"E-Mail": "email", "Nr": None, "x": {"to": "title", "values": {"1": "A"}}}})
    )
    assert ColumnMap.read(tmp_path / "m.toml", "connect") == ColumnMap.read(tmp_path / "m.json", "connect")
