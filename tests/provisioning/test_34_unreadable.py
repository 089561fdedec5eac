"""Case 34: what is no file of people is refused in one sentence, and nothing waits for it."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from pathlib import Path

import pytest

from aiosymphony.errors import JobRefused
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.sources.content import file_digest
from tests.provisioning.people_files import archive, ods, ods_row, write, xlsx, xlsx_row

HEADER = ["email", "firstName", "lastName"]
BOOK = xlsx({"A": xlsx_row(1, HEADER) + xlsx_row(2, ["ann@acme.com", "Ann", "Lee"])})


def encrypted(content: bytes) -> bytes:
    """An archive that says that its members are encrypted."""
    data = bytearray(content)
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + place] |= 1
            at = data.find(mark, at + 4)
    return bytes(data)


def told(place: object) -> str:
    with pytest.raises(JobRefused) as caught:
        Desired.read(place, "connect")  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty: it has no header"),
        (b"\xef\xbb\xbf", "is empty: it has no header"),
        (gzip.compress(b""), "is empty"),
        (b"email,firstName,lastName\n", "has no rows"),
        (b'"email,firstName', "line 1, which must name the columns, is not CSV: unexpected end of data"),
        (b"%PDF-1.7\n", "is a PDF: export the table as XLSX or CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "is an old workbook, or has a password"),
        (b"<html><table><tr><td>email", "is HTML or XML, whatever its name says"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "is a picture"),
        (b"SQLite format 3\0" + bytes(50), "is a database"),
        (gzip.compress(gzip.compress(b"email")), "is packed twice: unpack it once"),
        (gzip.compress(b"email" * 99)[:-9], "is cut short: it cannot be unpacked to its end"),
        (b"\x1f\x8b" + b"x" * 99, "is damaged: it cannot be unpacked"),
        (gzip.compress(bytes(70 << 20)), "unpacks to more than 64 MiB: unpack it, and look at it first"),
        (BOOK[:-30], "is a damaged workbook: it cannot be unpacked"),
        (BOOK[:300], "is a damaged workbook: it cannot be unpacked"),
        (encrypted(BOOK), "is a damaged workbook: it cannot be unpacked"),
        (archive({"a.txt": "x"}), "is a zip archive and no workbook: unpack it"),
        (archive({"xl/workbook.bin": b"x"}), "is XLSB: save it as XLSX"),
        (archive({"Index/Document.iwa": b"x"}), "is a workbook of Numbers: export it as XLSX or CSV"),
        (xlsx({"A": "<row><c><v>x</c></row>"}), "is a damaged workbook: its XML cannot be read (mismatched tag)"),
        (xlsx({"A": '<row r="9999999"/>'}), "is a damaged workbook: it has a row beyond the last one"),
        (xlsx({"A": '<row><c r="ZZZ1"><v>1</v></c></row>'}), "it has a cell beyond the last column"),
        (xlsx({"A": '<row><c t="s"><v>7</v></c></row>'}), "is a damaged workbook: a part of it is not there"),
        (xlsx({"A": xlsx_row(1, HEADER)}), "has no rows"),
        (ods({"A": ods_row(["x"], 2_000_000)}), "is a damaged workbook: it has a row beyond the last one"),
        (ods({"A": ods_row(HEADER * 400, 1_000_000)}), "is a damaged workbook: it has too many cells"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_34_content_that_is_none(tmp_path: Path, content: bytes, sentence: str) -> None:
    for name in ("people.csv", "people.xlsx"):
        path = write(tmp_path, content, name)
        assert told(path).startswith(str(path))
        assert sentence in told(path)
    assert sentence in told(io.BytesIO(content))


def test_34_an_ods_with_a_password(tmp_path: Path) -> None:
    content = archive(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": b"\x80\x81",
            "META-INF/manifest.xml": "<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>",
        }
    )
    assert told(write(tmp_path, content, "people.ods")).endswith("is a workbook with a password: save it without one")


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml"])
def test_79_a_bomb_is_not_unpacked(tmp_path: Path, part: str) -> None:
    parts = {}
    with zipfile.ZipFile(io.BytesIO(BOOK)) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    parts[part] = b"<a>" + b" " * (80 << 20) + b"</a>"
    assert "its XML unpacks to too much" in told(write(tmp_path, archive(parts)))
    # One tag as long as memory.
    parts[part] = b"<a " + b"x" * (20 << 20)
    assert "its XML" in told(write(tmp_path, archive(parts)))


def test_34_entities_are_not_expanded(tmp_path: Path) -> None:
    lol = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><worksheet>&b;</worksheet>'
    with zipfile.ZipFile(io.BytesIO(BOOK)) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    assert "declares entities" in told(write(tmp_path, archive(parts | {"xl/worksheets/sheet1.xml": lol.encode()})))


def test_34_what_is_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path, sentence in (
        (tmp_path, "is a folder: name a file in it"),
        (tmp_path / "pipe", "is no regular file: name another one, or hand it in as standard input, which is -"),
        (Path("/dev/zero"), "is no regular file"),
        (Path("/dev/null"), "is no regular file"),
        (tmp_path / "loop", "cannot be read: Too many levels of symbolic links"),
        (tmp_path / "nobody.csv", "cannot be read: No such file or directory"),
        (tmp_path / ("x" * 300), "cannot be read: File name too long"),
        (Path("a\0b"), "cannot be read: embedded null byte"),
    ):
        assert sentence in told(path)
        with pytest.raises(JobRefused) as caught:
            file_digest(path)
        assert sentence in str(caught.value)


def test_34_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = write(tmp_path, "x")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    assert "cannot be read: Permission denied" in told(path)


def test_34_no_room_for_what_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> io.BytesIO:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    path = write(tmp_path, gzip.compress(b"email"))
    assert "(No space left on device): make room there, or set TMPDIR to another folder" in told(path)


def test_34_no_room_for_the_rows_that_were_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", Full)
    path = write(tmp_path, b"email\nann@acme.com\n")
    assert "does not fit into" in told(path)
    assert "(No space left on device): make room there, or set TMPDIR to another folder" in told(path)
