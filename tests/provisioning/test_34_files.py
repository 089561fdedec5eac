"""Case 34: what files of people really look like, and what is said about each wrong row."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiosymphony.errors import JobError, JobRefused
from aiosymphony.provisioning.cells import raw
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.rows.connect import ConnectUser
from aiosymphony.provisioning.rows.pod import PodUser
from aiosymphony.provisioning.rows.wanted import WantedRow
from aiosymphony.provisioning.sources.column_map import ColumnMap
from aiosymphony.provisioning.sources.content import Content, file_digest

HEADER = "email,firstName,lastName,displayName,phoneNumber\n"


def write(tmp_path: Path, content: str | bytes, name: str = "people.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def problems(desired: Desired) -> list[str]:
    return [str(problem) for problem in desired.problems()]


def emails(desired: Desired) -> list[str]:
    return [row.user.email for row in desired.rows() if isinstance(row.user, ConnectUser)]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_34_byte_order_mark_and_line_ends(tmp_path: Path, mark: bytes, end: str) -> None:
    text = (HEADER + "ann@acme.com,Ann,Lee,Ann Lee,+33 1 09 75 83 51\n\nzoë@acme.com,Zoë,Ng,,\n").replace("\n", end)
    desired = Desired.read(write(tmp_path, mark + text.encode()), "connect")
    assert [(row.line, row.user.to_dict()) for row in desired.rows()] == [
        (
            2,
            {
                "email": "ann@acme.com",
                "firstName": "Ann",
                "lastName": "Lee",
                "displayName": "Ann Lee",
                "phoneNumber": "+33 1 09 75 83 51",
            },
        ),
        (4, {"email": "zoë@acme.com", "firstName": "Zoë", "lastName": "Ng"}),
    ]
    assert (desired.count, desired.bad) == (2, 0)


def test_34_every_wrong_row_is_told_by_line_and_column_and_stops_no_other(tmp_path: Path) -> None:
    rows = [
        b"ann@acme.com,Ann,Lee,,",
        b"bob,Bob,Ray,,",
        b",Cat,Day,,",
        b"dan@acme.com,Dan\x00,Fox,,",
        b"eve@acme.com,Eve,\xff\xfe,,",
        b"flo@acme.com,Flo,Gray,=HYPERLINK(1),",
        b"gus@acme.com,Gus,Hill,@SUM(A1),",
        b"hal@acme.com,Hal,Ives,,+33=cmd",
        b"ida@acme.com,Ida,Jay,Ida,,x",
        b"jan@acme.com," + b"J" * 65 + b",Kay,,",
        b"kim@acme.com,Kim," + b"x" * 1_000_000 + b",,",
        b"leo@acme.com,Leo,Moon," + b"y" * 3_000_000 + b",",
        b'mia@acme.com,Mia,"No"r,,',
        b"ned@acme.com,Ned,Oak,,",
    ]
    desired = Desired.read(write(tmp_path, HEADER.encode() + b"\n".join(rows) + b"\n"), "connect", encoding="utf-8")
    assert emails(desired) == ["ann@acme.com", "ned@acme.com"]
    assert (desired.count, desired.bad) == (2, 12)
    assert problems(desired) == [
        "line 3: email 'bob' is not an e-mail address",
        "line 4: email is missing",
        "line 5: firstName holds the control character U+0000",
        "line 6: lastName is not UTF-8",
        "line 7: displayName starts with '=', which a spreadsheet would run as a formula",
        "line 8: displayName starts with '@', which a spreadsheet would run as a formula",
        "line 9: phoneNumber '+33=cmd' is not a telephone number",
        "line 10: has 6 cells where the header has 5",
        "line 11: firstName has 65 characters, at most 64 are allowed",
        "line 12: lastName has 1000000 characters, at most 64 are allowed",
        "line 13: is longer than 1048576 characters",
        "line 14: is not CSV: ',' expected after '\"'",
    ]


def test_34_a_quote_that_never_closes_is_told_with_the_lines_that_it_swallowed(tmp_path: Path) -> None:
    text = HEADER + 'ann@acme.com,Ann,"Lee,,\nbob@acme.com,Bob,Ray,,\n'
    desired = Desired.read(write(tmp_path, text), "connect")
    assert problems(desired) == ["line 2: is not CSV: unexpected end of data (lines 2 to 3)"]


def test_34_a_cell_over_several_lines_counts_lines_as_an_editor_does(tmp_path: Path) -> None:
    text = HEADER + 'ann@acme.com,Ann,Lee,"two\nlines",\nbob,Bob,Ray,,\n'
    desired = Desired.read(write(tmp_path, text), "connect")
    assert problems(desired) == [
        "line 2: displayName holds the control character U+000A",
        "line 4: email 'bob' is not an e-mail address",
    ]


def test_34_duplicates_are_errors_of_both_rows_whatever_their_case_or_composition(tmp_path: Path) -> None:
    text = HEADER + (
        "ann@acme.com,Ann,Lee,,\nZO\u00cb@acme.com,Zo,Ng,,\nANN@Acme.com,Ann,Lee,,\nzoe\u0308@acme.com,Zo,Ng,,\n"
        "straße@acme.com,S,S,,\nSTRASSE@acme.com,,S,,\nbob@acme.com,Bob,Ray,,\n"
    )
    desired = Desired.read(write(tmp_path, text), "connect")
    assert emails(desired) == ["bob@acme.com"]
    assert problems(desired) == [
        "line 2: email is also that of line 4",
        "line 3: email is also that of line 5",
        "line 4: email is also that of line 2",
        "line 5: email is also that of line 3",
        "line 6: email is also that of line 7",
        "line 7: email is also that of line 6",
    ]
    assert (desired.count, desired.bad) == (1, 6)


def test_34_pod_rows_are_compared_by_user_name_and_by_email(tmp_path: Path) -> None:
    text = (
        "userName,emailAddress,displayName,firstName,lastName,accountType,roles,features,status,assetClasses\n"
        "ann,ann@acme.com,Ann,Ann,Lee,,INDIVIDUAL|ADMINISTRATOR,canRead|canPost=false,disabled,Equities\n"
        "bob,Ann@acme.com,Bob,Bob,Ray,,,,,\n"
        "bot,bot@acme.com,Bot,,,system,,,,\n"
        "cat,cat@acme.com,Cat,,Day,,,x=maybe,on,\n"
        "dan,dan@acme.com,Dan,Dan,Day,,INDIVIDUAL,canRead|canPost=false,DISABLED,Rates|Rates|FX\n"
    )
    desired = Desired.read(write(tmp_path, text), "pod")
    assert problems(desired) == [
        "line 2: emailAddress is also that of line 3",
        "line 3: emailAddress is also that of line 2",
        "line 5: features 'maybe' is neither true nor false",
        "line 5: status 'on' is none of ENABLED, DISABLED",
    ]
    bot, dan = (row.user for row in desired.rows())
    assert isinstance(dan, PodUser)
    assert (bot.to_dict()["accountType"], dan.enabled) == ("SYSTEM", False)
    assert (dan.roles, dan.features, dan.asset_classes) == (
        ["INDIVIDUAL"],
        {"canRead": True, "canPost": False},
        ["Rates", "FX"],
    )


def test_34_json_lines(tmp_path: Path) -> None:
    lines = [
        b'{"email": "ann@acme.com", "firstName": "Ann", "lastName": "Lee", "active": false, "title": null}',
        b"",
        b'{"email": "bob@acme.com", "firstName": 7, "lastName": "Ray"}',
        b'{"email": "cat@acme.com"',
        b'["dan@acme.com"]',
        b'{"email": "eve@acme.com", "firstName": "Eve", "lastName": "Fox", "_shoeSize": 41}',
    ]
    desired = Desired.read(write(tmp_path, b"\n".join(lines), "people.jsonl"), "connect")
    assert [row.user.active for row in desired.rows()] == [False, None]
    told = problems(desired)
    assert told[0] == "line 3: firstName must be text, not a number"
    assert told[1].startswith("line 4: is not JSON: ")
    assert told[2:] == ["line 5: is not a JSON object"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"email,firstName,lastName\n\n,,\n", "has no rows"),
        (b"\n,,\n", "is empty: it has no header"),
        (b"firstName,lastName\n", "the header lacks email; the first line must name the columns"),
        (b"email,firstName,lastNme\n", "no column of connect users is called 'lastNme' (did you mean 'lastName'?)"),
        (b"email,Email,firstName,lastName\n", "the header has the column 'email' twice"),
        (b"email,firstName,lastName,hPassword\n", "'hPassword' is not taken, because a job keeps no secrets"),
        (b"ann@acme.com,Ann,Lee\n", "no column of connect users is called 'ann@acme.com', 'Ann', 'Lee'"),
    ],
)
def test_34_a_header_that_does_not_fit_is_refused_in_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(JobError) as caught:
        Desired.read(write(tmp_path, content), "connect")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, JobRefused)


def test_34_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"nobody\.csv cannot be read: No such file"):
        Desired.read(tmp_path / "nobody.csv", "connect")


def test_34_strict_takes_no_wrong_row(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + "ann@acme.com,Ann,Lee,,\nbob,Bob,Ray,,\n")
    with pytest.raises(JobError, match=r"1 wrong row, and --strict takes none; the first: line 3: email 'bob'"):
        Desired.read(path, "connect", strict=True)


def test_34_columns_of_other_names_are_mapped(tmp_path: Path) -> None:
    table = write(
        tmp_path, '[columns]\n"E-Mail" = "email"\n"Vorname" = "firstName"\n"Nachname" = "lastName"\nNr = ""\n', "m.toml"
    )
    path = write(tmp_path, "Nr;E-Mail;Vorname;Nachname;_reason\n1;ann@acme.com;Ann;Lee;x\n")
    desired = Desired.read(path, "connect", columns=ColumnMap.read(table, "connect"))
    assert emails(desired) == ["ann@acme.com"]
    as_json = write(tmp_path, orjson.dumps({"E-Mail": "mail"}), "m.json")
    with pytest.raises(
        JobError, match=r"the column 'E-Mail' goes to 'mail', which is no column of connect users.*'email'"
    ):
        Desired.read(path, "connect", columns=ColumnMap.read(as_json, "connect"))


@pytest.mark.parametrize("divider", [",", ";", "\t"])
def test_34_cells_may_be_divided_by_commas_semicolons_or_tabs(tmp_path: Path, divider: str) -> None:
    text = (HEADER + "ann@acme.com,Ann,Lee,,+33 1\n").replace(",", divider)
    (row,) = Desired.read(write(tmp_path, text), "connect").rows()
    assert row.user.to_dict() == {
        "email": "ann@acme.com", "firstName": "Ann", "lastName": "Lee", "phoneNumber": "+33 1"
    }  # fmt: skip


def test_34_names_have_64_characters_at_most_and_other_texts_256() -> None:
    for name, most in (("firstName", 64), ("lastName", 64), ("displayName", 256), ("title", 256), ("location", 256)):
        row = {"email": "ann@acme.com", "firstName": "Ann", "lastName": "Lee"}
        assert Desired.of([row | {name: "x" * most}], "connect").bad == 0
        assert problems(Desired.of([row | {name: "x" * (most + 1)}], "connect")) == [
            f"line 1: {name} has {most + 1} characters, at most {most} are allowed"
        ]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@"])
def test_34_no_cell_may_begin_a_formula_and_an_apostrophe_before_one_is_taken_off(tmp_path: Path, sign: str) -> None:
    desired = Desired.read(write(tmp_path, HEADER + f"ann@acme.com,Ann,{sign}Lee,,\n"), "connect")
    assert problems(desired) == [f"line 2: lastName starts with '{sign}', which a spreadsheet would run as a formula"]
    # As a report writes it.
    desired = Desired.read(write(tmp_path, HEADER + f"ann@acme.com,Ann,'{sign}Lee,,\n"), "connect")
    assert problems(desired) == [f"line 2: lastName starts with '{sign}', which a spreadsheet would run as a formula"]
    desired = Desired.read(write(tmp_path, HEADER + "ann@acme.com,Ann,Lee,,'+33 1\n"), "connect")
    assert [row.user.to_dict()["phoneNumber"] for row in desired.rows()] == ["+33 1"]


def test_34_a_file_is_read_once_and_its_rows_are_those_that_were_checked(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + "ann@acme.com,Ann,Lee,,\nbob,Bob,Ray,,\n")
    digest = file_digest(path)
    desired = Desired.read(path, "connect")
    path.write_text(HEADER + "eve@acme.com,Eve,Ray,,\n")
    assert [row.user.label for row in desired.rows()] == ["ann@acme.com"]
    assert problems(desired) == ["line 3: email 'bob' is not an e-mail address"]
    assert desired.digest == digest


def test_34_a_file_changed_between_two_readings_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path, '[{"email": "ann@acme.com"}]')
    content = Content(path)
    with content.open() as file:
        file.read()
    path.write_text('[{"email": "bob@acme.com"}]')
    with content.open() as file, pytest.raises(JobError, match=r"people\.csv was changed while it was being read"):
        file.read()


def test_34_records_in_memory_are_checked_alike() -> None:
    desired = Desired.of(
        [{"email": "ann@acme.com", "firstName": "Ann", "lastName": "Lee"}, {"email": "bob"}], "connect"
    )
    assert desired.count == 1
    assert problems(desired)[0] == "line 2: email 'bob' is not an e-mail address"


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20)), max_size=5))
def test_34_any_cells_give_rows_or_problems_and_never_a_crash(cells: list[tuple[str, str, str]]) -> None:
    records = [dict(zip(("email", "firstName", "lastName"), row, strict=True)) for row in cells]
    desired = Desired.of(records, "connect")
    assert desired.count + desired.bad == len(records)
    assert {problem.line for problem in desired.problems()} | {row.line for row in desired.rows()} == set(
        range(1, len(records) + 1)
    )


CELLS = st.one_of(
    st.none(),
    st.sampled_from(["ann@acme.com", " Ann@ACME.com", "bob@acme.com", "<clear>", "true", "a|b", "a|-b", "[]", ""]),
    st.text(max_size=8),
    st.booleans(),
    st.lists(st.sampled_from(["INDIVIDUAL", "a", ""]), max_size=2),
    st.dictionaries(st.sampled_from(["a", "b"]), st.booleans(), max_size=2),
)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["userName", "emailAddress", "displayName", "roles", "features", "status", "assetClasses"]),
            CELLS,
        ),
        max_size=6,
    )
)
def test_34_what_is_kept_of_a_file_is_what_stood_there(records: list[dict[str, object]]) -> None:
    desired = Desired.of(records, "pod")
    checked = list(desired.checked_rows())
    for line, (record, item) in enumerate(zip(records, checked, strict=True), 1):
        values, wrong = PodUser.check(record)
        assert item.line == line
        if isinstance(item, WantedRow):
            assert values is not None
            assert item.user == PodUser.from_dict(values)
            continue
        assert [(problem.column, problem.reason) for problem in item.problems[: len(wrong)]] == wrong
        assert all("is also that of line" in problem.reason for problem in item.problems[len(wrong) :])
        assert item.cells == {
            name: text for name, cell in record.items() if name in PodUser.columns() and (text := raw(cell))
        }
    assert list(desired.checked_rows()) == checked
    assert desired.count == sum(isinstance(item, WantedRow) for item in checked)
    assert desired.bad == len(checked) - desired.count
