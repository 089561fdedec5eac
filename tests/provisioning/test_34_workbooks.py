"""Case 34: workbooks, and what was meant by what stands in their cells."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import date
from pathlib import Path

import pytest
import xlsxwriter

from aiosymphony.errors import JobRefused
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.sources.detect import open_source
from tests.provisioning.people_files import archive, emails, ods, ods_row, problems, users, write, xlsx, xlsx_row

HEADER = ["email", "firstName", "lastName"]
ANN = ["ann@acme.com", "Ann", "Lee"]
BOB = ["bob@acme.com", "Bob", "Ray"]
PEOPLE = xlsx_row(1, HEADER) + xlsx_row(2, ANN) + xlsx_row(5, BOB)
ODS_PEOPLE = ods_row(HEADER) + ods_row(ANN) + ods_row([""] * 3, 2) + ods_row(BOB)
STYLES = (
    '<numFmts><numFmt numFmtId="170" formatCode="00000"/><numFmt numFmtId="171" formatCode="&quot;+&quot;0"/>'
    '<numFmt numFmtId="172" formatCode="yyyy\\-mm\\-dd"/><numFmt numFmtId="173" formatCode="0&quot; days&quot;"/>'
    '<numFmt numFmtId="174" formatCode="[h]:mm"/><numFmt numFmtId="175" formatCode="[$-409]d/m/yy h:mm;@"/>'
    '<numFmt numFmtId="176" formatCode="[Red]0.00"/></numFmts>'
    '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs>'
    + "".join(f'<xf numFmtId="{number}"/>' for number in (0, 14, 170, 171, 172, 173, 174, 175, 176, 49))
    + "</cellXfs>"
)


def cells(content: bytes, tmp_path: Path, *, name: str = "people.xlsx") -> list[dict[str, object]]:
    contents = open_source(write(tmp_path, content, name)).scan()
    return [dict(record) for _, record, broken in contents.records if not broken]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("<v>1234</v>", "1234"),
        ("<v>1234.0</v>", "1234"),
        ("<v>4479123456</v>", "4479123456"),
        ("<v>4.479123456E9</v>", "4479123456"),
        ("<v>-7</v>", "-7"),
        ("<v>0.30000000000000004</v>", "0.3"),
        ("<v>12345678901234567890</v>", "1.23456789012346E+19"),
        ('s="2"|<v>123</v>', "00123"),
        ('s="2"|<v>1234567</v>', "1234567"),
        ('s="3"|<v>4479123456</v>', "+4479123456"),
        ('s="5"|<v>12</v>', "12"),
        ('s="8"|<v>1.5</v>', "1.5"),
        ('s="1"|<v>46351</v>', "2026-11-25"),
        ('s="4"|<v>46351.5</v>', "2026-11-25T12:00:00"),
        ('s="7"|<v>46351</v>', "2026-11-25"),
        ('s="6"|<v>0.75</v>', "18:00:00"),
        ('s="1"|<v>1</v>', "1900-01-01"),
        ('s="1"|<v>61</v>', "1900-03-01"),
        ('t="b"|<v>1</v>', "true"),
        ('t="b"|<v>0</v>', "false"),
        ('t="e"|<v>#N/A</v>', "#N/A"),
        ('t="str"|<f>A1&amp;B1</f><v>Ann</v>', "Ann"),
        ("<f>1+1</f><v>2</v>", "2"),
        ("<f>A1</f>", "=A1"),
        ("<f>A1</f><v></v>", "=A1"),  # as some libraries write it
        ("<f>A1</f><v/>", "=A1"),
        ('t="str"|<f>A1</f><v></v>', ""),
        ('t="d"|<v>2026-11-25T00:00:00</v>', "2026-11-25T00:00:00"),
        ('t="s"|<v>0</v>', "007"),
        ('t="s"|<v>1</v>', "Jörg Lee"),
        ('t="s"|<v>2</v>', "a\nb"),
        ('t="inlineStr"|<is><r><t>An</t></r><r><t xml:space="preserve">n </t></r></is>', "Ann "),
    ],
)
def test_34_cells_of_xlsx_are_read_as_what_was_meant(tmp_path: Path, cell: str, text: str) -> None:
    attributes, _, inner = cell.rpartition("|")
    strings = (
        "<si><t>007</t></si><si><r><t>Jörg</t></r><r><rPr><b/></rPr><t> Lee</t></r><rPh sb='0' eb='1'><t>x</t></rPh>"
        "</si><si><t>a_x000A_b</t></si>"
    )
    rows = xlsx_row(1, ["x", "y"]) + xlsx_row(2, [f"<c {attributes}>{inner}</c>", "1"])
    assert cells(xlsx({"A": rows}, styles=STYLES, strings=strings), tmp_path) == [{"x": text, "y": "1"}]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('office:value-type="float" office:value="1234"|1.234,00', "1234"),
        ('office:value-type="float" office:value="123"|00123', "00123"),
        ('office:value-type="float" office:value="4479123456"|+4479123456', "+4479123456"),
        ('office:value-type="float" office:value="4479123456"|4,479E+09', "4479123456"),
        ('office:value-type="date" office:date-value="2026-11-25"|25.11.26', "2026-11-25"),
        ('office:value-type="date" office:date-value="2026-11-25T12:00:00"|25.11.', "2026-11-25T12:00:00"),
        ('office:value-type="time" office:time-value="PT09H05M00S"|9:05', "09:05:00"),
        ('office:value-type="boolean" office:boolean-value="true"|WAHR', "true"),
        ('office:value-type="string" office:string-value="" calcext:value-type="error"|#NV', "#NV"),
        ('table:formula="of:=1+1" office:value-type="float" office:value="2"|2', "2"),
        ('table:formula="of:=[.A1]"|', "=[.A1]"),
        ('office:value-type="string"|007', "007"),
    ],
)
def test_34_cells_of_ods_are_read_as_what_was_meant(tmp_path: Path, cell: str, text: str) -> None:
    attributes, shown = cell.split("|")
    inner = f"<text:p>{shown}</text:p>" if shown else ""
    note = "<office:annotation><text:p>a note</text:p></office:annotation>"
    rows = ods_row(["x", "y"]) + ods_row([f"<table:table-cell {attributes}>{note}{inner}</table:table-cell>", "1"])
    assert cells(ods({"A": rows}), tmp_path, name="people.ods") == [{"x": text, "y": "1"}]


def test_34_a_workbook_of_a_library_is_read(tmp_path: Path) -> None:
    path = tmp_path / "people.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("People")
        book.add_worksheet("Empty")
        sheet.write_row(0, 0, [*HEADER, "phoneNumber", "title", "location", "active", "department"])
        sheet.write_row(2, 0, [*ANN])
        sheet.write_number(2, 3, 4479123456)
        sheet.write_datetime(2, 4, date(2026, 11, 25), book.add_format({"num_format": "d mmm yyyy"}))
        sheet.write_number(2, 5, 7, book.add_format({"num_format": "000"}))
        sheet.write_boolean(2, 6, False)
        sheet.write_formula(2, 7, "=1/0", value="#DIV/0!")
        sheet.set_row(2, options={"hidden": True})
        sheet.merge_range(3, 0, 4, 0, "bob@acme.com")
        sheet.write_row(3, 1, ["Bob", "Ray"])
    desired = Desired.read(path, "connect")
    assert str(desired.read_as) == "XLSX, sheet 'People'"
    assert users(desired) == [(4, {"email": "bob@acme.com", "firstName": "Bob", "lastName": "Ray"})]
    assert problems(desired) == ["line 3: department '#DIV/0!' is an error of the spreadsheet: correct the cell there"]
    ((_, record, _), *_) = open_source(path).scan().records
    assert record == {
        "email": "ann@acme.com", "firstName": "Ann", "lastName": "Lee", "phoneNumber": "4479123456",
        "title": "2026-11-25", "location": "007", "active": "false", "department": "#DIV/0!",
    }  # fmt: skip


def test_34_dates_since_1904(tmp_path: Path) -> None:
    path = tmp_path / "people.xlsx"
    with xlsxwriter.Workbook(path, {"date_1904": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["x"])
        sheet.write_datetime(1, 0, date(2026, 11, 25), book.add_format({"num_format": 14}))
    assert [record for _, record, _ in open_source(path).scan().records] == [{"x": "2026-11-25"}]


@pytest.mark.parametrize(
    ("content", "name"), [(xlsx({"P": PEOPLE}), "p.xlsx"), (ods({"P": ODS_PEOPLE}), "p.ods")], ids=["xlsx", "ods"]
)
def test_34_lines_are_the_rows_of_the_sheet(tmp_path: Path, content: bytes, name: str) -> None:
    for named in (name, "people.csv", "people"):
        assert [line for line, _ in users(Desired.read(write(tmp_path, content, named), "connect"))] == [2, 5]


def test_34_cells_without_places_and_with_gaps(tmp_path: Path) -> None:
    rows = (
        '<row><c t="str"><v>email</v></c><c t="str"><v>firstName</v></c><c r="D1" t="str"><v>lastName</v></c></row>'
        '<row r="4"><c r="A4" t="str"><v>ann@acme.com</v></c><c r="D4" t="str"><v>Lee</v></c></row>'
        '<row><c r="B5" t="str"><v>Bob</v></c></row><row/>'
    )
    desired = Desired.read(write(tmp_path, xlsx({"A": rows})), "connect")
    assert [row.user.to_dict() for row in desired.rows()] == [{"email": "ann@acme.com", "lastName": "Lee"}]
    assert problems(desired) == ["line 5: email is missing"]


def test_34_prefixes_of_elements_are_no_matter(tmp_path: Path) -> None:
    parts = {}
    with zipfile.ZipFile(io.BytesIO(xlsx({"A": PEOPLE}))) as packed:
        for name in packed.namelist():
            text = packed.read(name).decode()
            if "sheet1.xml" in name and "rels" not in name:
                text = (
                    text.replace("</", "</x:")
                    .replace("<", "<x:")
                    .replace("<x:/x:", "</x:")
                    .replace("xmlns=", "xmlns:x=")
                )
            parts[name] = text
    assert emails(Desired.read(write(tmp_path, archive(parts)), "connect")) == ["ann@acme.com", "bob@acme.com"]


BOOKS = {
    "xlsx": (
        lambda sheets, hidden: xlsx(sheets, states=dict.fromkeys(hidden, "hidden")),
        PEOPLE,
        xlsx_row(1, ["", " "]),
        xlsx_row(1, ["what", "this is"]),
    ),
    "ods": (
        lambda sheets, hidden: ods(sheets, styles=dict.fromkeys(hidden, "gone")),
        ODS_PEOPLE,
        ods_row([""] * 1000, 1_048_576),
        ods_row(["what", "this is"]),
    ),
}


@pytest.mark.parametrize("format_", BOOKS)
def test_34_which_sheet_is_read(tmp_path: Path, format_: str) -> None:
    book, people, blank, other = BOOKS[format_]

    def read(sheets: dict[str, str], sheet: str | None = None, hidden: tuple[str, ...] = ()) -> str:
        path = write(tmp_path, book(sheets, hidden), f"people.{format_}")
        try:
            desired = Desired.read(path, "connect", sheet=sheet)
        except JobRefused as error:
            return str(error).removeprefix(f"{path} ")
        assert emails(desired) == ["ann@acme.com", "bob@acme.com"]
        return str(desired.read_as)

    told = f"{format_.upper()}, sheet "
    assert read({"A": blank, "B & C": people, "D": ""}) == f"{told}'B & C'"
    assert read({"A": other, "B": people}, hidden=("A",)) == f"{told}'B'"
    assert read({"A": people, "B": other}) == "has several sheets with cells, 'A', 'B': say which one by --sheet"
    assert read({"A": people, "B": other}, "A") == f"{told}'A'"
    assert read({"A": other, "B": people}, "b") == f"{told}'B'"
    assert read({"A": other, "B": people}, "2") == f"{told}'B'"
    assert read({"A": other, "2": other, "1": people}, "1") == f"{told}'1'"
    assert read({"A": other, "B": people}, "B", hidden=("B",)) == f"{told}'B'"
    assert read({"A": other, "B": people}, "3") == "has no sheet '3': its sheets are 'A', 'B'"
    assert read({"A": other, "B": people}, "C") == "has no sheet 'C': its sheets are 'A', 'B'"
    assert read({"A": people}, hidden=("A",)) == "has no cells on a sheet that is shown: name a hidden one by --sheet"
    assert read({"A": blank, "B": ""}) == "is empty: no sheet of it has cells"


def test_34_an_option_that_says_nothing_of_the_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JobRefused, match="is not a workbook, so --sheet says nothing of it"):
        Desired.read(write(tmp_path, ",".join(HEADER)), "connect", sheet="A")
    with pytest.raises(JobRefused, match="is not a text file, so --encoding says nothing of it"):
        Desired.read(write(tmp_path, xlsx({"A": PEOPLE})), "connect", encoding="utf-8")


def test_34_repeated_cells_and_rows_of_ods(tmp_path: Path) -> None:
    rows = (
        ods_row([*HEADER, "title", "location"])
        + '<table:table-row><table:table-cell table:number-columns-repeated="2" office:value-type="string">'
        "<text:p>ann@acme.com</text:p></table:table-cell><table:table-cell office:value-type='string'><text:p>Lee"
        "</text:p></table:table-cell><table:table-cell table:number-columns-repeated='16380'/></table:table-row>"
        + ods_row([""], 1000)
        + ods_row(["bob", "Bob", "Ray"], 2)
        + ods_row([""] * 5, 1_000_000)
    )
    desired = Desired.read(write(tmp_path, ods({"A": rows})), "connect")
    assert users(desired) == [(2, {"email": "ann@acme.com", "firstName": "ann@acme.com", "lastName": "Lee"})]
    assert {each.split(":")[0] for each in problems(desired)} == {"line 1003", "line 1004"}


LOST = "is a number without its last digits: format the column as text, and enter it again"


def test_34_what_a_spreadsheet_lost_is_refused(tmp_path: Path) -> None:
    lost = ["<c><v>12345678901234567890</v></c>", '<c t="str"><f>A1</f></c>', '<c t="e"><f>A1</f><v>#REF!</v></c>']
    rows = "".join(xlsx_row(at, [f"a{at}@acme.com", "Ann", "Lee", cell]) for at, cell in enumerate(lost, 2))
    content = xlsx({"A": xlsx_row(1, [*HEADER, "title"]) + rows})
    assert problems(Desired.read(write(tmp_path, content), "connect")) == [
        f"line 2: title '1.23456789012346E+19' {LOST}",
        "line 3: title starts with '=', which a spreadsheet would run as a formula",
        "line 4: title '#REF!' is an error of the spreadsheet: correct the cell there",
    ]
    # In a column that is left out, nobody minds.
    assert Desired.read(write(tmp_path, content), "connect", columns={"title": None}).count == 3


def test_34_a_packed_workbook(tmp_path: Path) -> None:
    for content, name in ((xlsx({"P": PEOPLE}), "p.xlsx.gz"), (ods({"P": ODS_PEOPLE}), "p.ods.gz")):
        desired = Desired.read(write(tmp_path, gzip.compress(content), name), "connect")
        assert (emails(desired), desired.name) == (["ann@acme.com", "bob@acme.com"], name.removesuffix(".gz"))
