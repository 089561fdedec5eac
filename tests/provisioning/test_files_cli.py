"""``aiosymphony provision map`` and ``template``, and what ``plan`` says of columns."""

from __future__ import annotations

import io
import tomllib
import zipfile
from pathlib import Path

import orjson
import pytest

from aiosymphony.cli import main
from aiosymphony.provisioning import Desired
from aiosymphony.provisioning.rows.registry import KINDS, user_class
from aiosymphony.provisioning.sources.column_map import ColumnMap
from aiosymphony.provisioning.template import template

GAM = "primaryEmail,name.givenName,name.familyName,suspended\nann@acme.com,Ann,Lee,False\nbob@acme.com,Bob,Ray,True\n"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(GAM)
    return path


def provision(*arguments: object) -> int:
    return main(["provision", *map(str, arguments)])


def test_a_map_is_printed_and_does_what_the_columns_mean(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert provision("map", people, "--target", "connect") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    desired = Desired.read(people, "connect", columns=tomllib.loads(printed.out))
    assert [(row.user.label, row.user.enabled) for row in desired.rows()] == [
        ("ann@acme.com", True),
        ("bob@acme.com", False),
    ]


def test_a_map_is_written_once_and_replaced_only_when_asked(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = people.with_name("map.toml")
    assert provision("map", people, "--target", "pod", "--output", out) == 0
    told = capsys.readouterr().out
    assert "To decide: userName is needed, and no column is known to be it." in told
    assert f"Wrote {out}. Look it over, and give it to plan or apply: --map {out}" in told
    ColumnMap.read(out, "pod")
    out.write_text("# mine")
    assert provision("map", people, "--target", "pod", "--output", out) == 64
    assert "map.toml is there already: give another name, or --overwrite" in capsys.readouterr().err
    assert out.read_text() == "# mine"
    assert provision("map", people, "--target", "pod", "--output", out, "--overwrite") == 0
    ColumnMap.read(out, "pod")


def test_a_map_as_json(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert provision("map", people, "--target", "connect", "--json") == 0
    made = orjson.loads(capsys.readouterr().out)
    assert made["map"] == tomllib.loads(made["toml"])
    assert made["map"]["columns"]["suspended"] == {"to": "active", "invert": True}
    assert made["to_decide"] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("map", "nobody.csv", "--target", "pod"),
        ("map", "people.csv", "--target", "podd"),
        ("template", "--target", "podd"),
        ("template", "--target", "pod", "--output", "people.doc"),
        ("template", "--target", "pod", "--output", "nowhere/people.csv"),
    ],
)
def test_wrong_use_is_told_in_a_sentence(
    arguments: tuple[str, ...], people: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(people.parent)
    assert provision(*arguments) == 64
    told = capsys.readouterr().err
    assert told.startswith("aiosymphony: ")
    assert told.count("\n") == 1


def test_a_plan_of_unknown_columns_shows_the_map_to_write(
    people: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SYMPHONY_POD_URL", "http://127.0.0.1:9")
    assert provision("plan", people, "--target", "connect", "--company", "c") == 64
    first, _, rest = capsys.readouterr().err.partition("\n")
    assert "'primaryEmail', 'name.givenName', 'name.familyName', 'suspended'" in first
    assert tomllib.loads(rest)["columns"]["primaryEmail"] == "email"
    assert provision("plan", people, "--target", "connect", "--company", "c", "--json") == 64
    told = orjson.loads(capsys.readouterr().out)
    assert (told["exit_code"], told["advice"]) == (64, rest)


def test_a_name_cannot_put_anything_on_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "people.csv"
    path.write_text("\x1b[31mred,email,firstName,lastName\n")
    assert provision("plan", path, "--target", "connect", "--company", "c") == 64
    assert "\x1b" not in capsys.readouterr().err
    assert provision("map", path, "--target", "connect") == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\x1b[31mred" in tomllib.loads(printed)["columns"]


def filled(kind: str) -> dict[str, str]:
    values = {
        "accountType": "NORMAL",
        "status": "ENABLED",
        "active": "true",
        "email": "a@b.com",
        "emailAddress": "a@b.com",
    }
    return {name: values.get(name, "") for name in user_class(kind).columns()} | {
        name: values.get(name, "Ann") for name in user_class(kind).missing({})
    }


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_empty_file_is_read_once_it_has_rows(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "people.csv"
    assert provision("template", "--target", kind, "--output", out) == 0
    capsys.readouterr()
    content = out.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    row = filled(kind)
    out.write_bytes(content + ",".join(row.values()).encode() + b"\r\n")
    (found,) = Desired.read(out, kind).rows()
    assert found.user.to_dict().keys() == {name for name, value in row.items() if value}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_column_is_explained(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert provision("template", "--target", kind, "--json") == 0
    told = orjson.loads(capsys.readouterr().out)["columns"]
    columns = user_class(kind).columns()
    assert [each["name"] for each in told] == [*columns]
    assert {each["name"] for each in told if each["needed"]} == {*user_class(kind).missing({})}
    assert all(each["about"] and not each["about"].endswith(".") for each in told)
    assert provision("template", "--target", kind) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in columns)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_workbook_explains_each_column_in_a_note(kind: str) -> None:
    pytest.importorskip("xlsxwriter")
    with zipfile.ZipFile(io.BytesIO(template(kind, ".XLSX"))) as book:
        assert [name for name in book.namelist() if name.startswith("xl/worksheets/sheet")] == [
            "xl/worksheets/sheet1.xml"
        ]
        notes = book.read("xl/comments1.xml").decode()
        names = book.read("xl/sharedStrings.xml").decode()
        # As text, a telephone number keeps its plus and its zeros.
        assert 'formatCode="@"' in book.read("xl/styles.xml").decode()
    for name, column in user_class(kind).columns().items():
        assert f"<t>{name}</t>" in names
        assert f">{column.about}." in notes


def test_without_the_library_a_workbook_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "xlsxwriter", None)
    assert provision("template", "--target", "pod", "--output", tmp_path / "p.xlsx") == 64
    assert "pip install 'aiosymphony[xlsx]'" in capsys.readouterr().err
    assert not (tmp_path / "p.xlsx").exists()
