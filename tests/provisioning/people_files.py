"""Files of people in every format, written by other code than what reads them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.rows.connect import ConnectUser

HEADER = ["email", "firstName", "lastName", "title", "phoneNumber"]
_ODF = "urn:oasis:names:tc:opendocument:xmlns"
_NAMES = " ".join(
    f'xmlns:{name}="{place}"'
    for name, place in {
        **{name: f"{_ODF}:{name}:1.0" for name in ("office", "table", "text", "style")},
        "calcext": "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0",
    }.items()
)
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def write(folder: Path, content: str | bytes, name: str = "people.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def problems(desired: Desired) -> list[str]:
    return [str(problem) for problem in desired.problems()]


def users(desired: Desired) -> list[tuple[int, dict[str, object]]]:
    return [(row.line, row.user.to_dict()) for row in desired.rows()]


def emails(desired: Desired) -> list[str]:
    return [row.user.email for row in desired.rows() if isinstance(row.user, ConnectUser)]


def xlsx(sheets: Mapping[str, str], *, states: Mapping[str, str] = {}, styles: str = "", strings: str = "") -> bytes:
    """A workbook of sheets, each given as the XML of its rows."""
    parts = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="r1" Type="{_OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        + "".join(
            f'<sheet name={quoteattr(name)} sheetId="{at}" state="{states.get(name, "visible")}" r:id="s{at}"/>'
            for at, name in enumerate(sheets, 1)
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}">'
        + "".join(
            f'<Relationship Id="s{at}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{at}.xml"/>'
            for at in range(1, len(sheets) + 1)
        )
        + f'<Relationship Id="st" Type="{_OFFICE}/styles" Target="styles.xml"/>'
        f'<Relationship Id="ss" Type="{_OFFICE}/sharedStrings" Target="/xl/sharedStrings.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}">{styles}</styleSheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{_MAIN}">{strings}</sst>',
    }
    for at, rows in enumerate(sheets.values(), 1):
        parts[f"xl/worksheets/sheet{at}.xml"] = f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>'
    return archive(parts)


def xlsx_row(line: int, cells: Sequence[str]) -> str:
    """A row of texts; a cell that begins with ``<c`` stands as it is."""
    return (
        f'<row r="{line}">'
        + "".join(
            cell
            if cell.startswith("<c")
            else f'<c t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'
            for cell in cells
        )
        + "</row>"
    )


def ods(tables: Mapping[str, str], *, styles: Mapping[str, str] = {}) -> bytes:
    """A workbook of tables, each given as the XML of its rows."""
    content = (
        f"<office:document-content {_NAMES}><office:automatic-styles>"
        '<style:style style:name="gone" style:family="table"><style:table-properties table:display="false"/>'
        "</style:style></office:automatic-styles><office:body><office:spreadsheet>"
        + "".join(
            f'<table:table table:name={quoteattr(name)} table:style-name="{styles.get(name, "shown")}">'
            f"{rows}</table:table>"
            for name, rows in tables.items()
        )
        + "</office:spreadsheet></office:body></office:document-content>"
    )
    return archive(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": content,
            "META-INF/manifest.xml": "<manifest/>",
        }
    )


def ods_row(cells: Sequence[str], times: int = 1) -> str:
    """A row of texts; a cell that begins with ``<table`` stands as it is."""
    return (
        f'<table:table-row table:number-rows-repeated="{times}">'
        + "".join(
            cell
            if cell.startswith("<table")
            else "<table:table-cell/>"
            if not cell
            else '<table:table-cell office:value-type="string">'
            + "".join(f"<text:p>{_odf_text(line)}</text:p>" for line in cell.split("\n"))
            + "</table:table-cell>"
            for cell in cells
        )
        + "</table:table-row>"
    )


def _odf_text(text: str) -> str:
    return escape(text).replace("\t", "<text:tab/>").replace(" ", "<text:s/>")


def archive(parts: Mapping[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for name, content in parts.items():
            # By its first member, an OpenDocument is told from other archives.
            method = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            packed.writestr(zipfile.ZipInfo(name), content, method)  # no time: the same each time
    return file.getvalue()
