"""Case 34: whatever is written in any of the formats is read as it was, and whatever is broken is told."""

from __future__ import annotations

import csv
import gzip
import io
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from aiosymphony.provisioning.cells import plain
from aiosymphony.provisioning.sources.base import Options
from aiosymphony.provisioning.sources.detect import open_source
from tests.provisioning import mutations
from tests.provisioning.people_files import ods, ods_row

# Letters of all kinds, and what dialects are made of.
TEXT = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs", "Cc", "Cn"], exclude_characters="\ufeff\ufffe\uffff"),
        st.sampled_from(",;\t|\"'\n =<>&_x[]{}\\"),
    ),
    max_size=12,
)
WESTERN = st.text(st.sampled_from("abcXYZ äöüßéèñøÅ€–’,;\t|\"'\n="), max_size=12)


def tables(cell: st.SearchStrategy[str]) -> st.SearchStrategy[list[list[str]]]:
    return st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1, max_size=6)
    )


def read(content: bytes, options: Options | None = None) -> list[dict[str, object]]:
    contents = open_source(io.BytesIO(content), options).scan()
    found = [*contents.records]
    assert [broken for _, _, broken in found if broken] == []
    assert contents.names is None or [*contents.names] == [f"c{at}" for at in range(len(contents.names))]
    return [dict(cells) for _, cells, _ in found]


def named(table: list[list[str]]) -> list[dict[str, str]]:
    """What a table is read as: blank rows are none, and an apostrophe before a formula is taken off."""
    return [
        {f"c{at}": plain(cell) for at, cell in enumerate(row)} for row in table if any(cell.strip() for cell in row)
    ]


def with_header(table: list[list[str]]) -> list[list[str]]:
    return [[f"c{at}" for at in range(len(table[0]))], *table]


def delimited(table: list[list[str]], delimiter: str, end: str, quoting: int) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(with_header(table))
    return text.getvalue()


@settings(max_examples=150, deadline=None)
@given(
    tables(TEXT),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    st.booleans(),
)
def test_34_any_table_in_any_csv(
    table: list[list[str]], delimiter: str, end: str, quoting: int, encoding: str, packed: bool
) -> None:
    if len(table[0]) == 1 or end == "\r":  # nothing tells what would divide the cells; the writer quotes no LF
        quoting = csv.QUOTE_ALL
    content = delimited(table, delimiter, end, quoting).encode(encoding)
    assert read(gzip.compress(content) if packed else content) == named(table)


@settings(max_examples=50, deadline=None)
@given(tables(WESTERN), st.sampled_from(["windows-1252", "utf-8", "utf-16-le"]))
def test_34_any_table_in_an_encoding_that_is_said(table: list[list[str]], encoding: str) -> None:
    content = delimited(table, ";", "\r\n", csv.QUOTE_ALL).encode(encoding)
    assert read(content, Options(encoding=encoding)) == named(table)


@settings(max_examples=60, deadline=None)
@given(tables(TEXT))
def test_34_any_table_in_xlsx(table: list[list[str]]) -> None:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for line, row in enumerate(with_header(table)):
            for column, cell in enumerate(row):
                sheet.write_string(line, column, cell)
    # A cell that is empty is not there, so that a row may end before it.
    assert [{name: cell for name, cell in row.items() if cell} for row in read(file.getvalue())] == [
        {name: cell for name, cell in row.items() if cell} for row in named(table)
    ]


@settings(max_examples=100, deadline=None)
@given(tables(TEXT))
def test_34_any_table_in_ods(table: list[list[str]]) -> None:
    content = ods({"A": "".join(map(ods_row, with_header(table)))})
    assert [{name: cell for name, cell in row.items() if cell} for row in read(content)] == [
        {name: cell for name, cell in row.items() if cell} for row in named(table)
    ]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.dictionaries(TEXT, st.one_of(TEXT, st.none(), st.booleans(), st.lists(TEXT, max_size=3)), max_size=4)),
    st.booleans(),
    st.sampled_from(["array", "within", "lines", "objects"]),
)
def test_34_any_records_in_json(records: list[dict[str, object]], pretty: bool, form: str) -> None:
    option = orjson.OPT_INDENT_2 if pretty or form == "objects" else None
    if form == "array":
        content = orjson.dumps(records, option=option)
    elif form == "within":
        content = orjson.dumps({"n": [1, "["], "value": [*records, {"x": 1}], "y": {"z": "]"}}, option=option)
        records = [*records, {"x": 1}]
    else:
        # An empty object is one line even where others are several.
        records = [*filter(None, records), {"x": 1}, {"x": 2}]
        content = b"\n".join(orjson.dumps(each, option=option if form == "objects" else None) for each in records)
    assert read(content) == records


@pytest.mark.parametrize("thousand", range(10))
def test_34_no_broken_file_ends_in_anything_but_rows_problems_or_a_sentence(thousand: int) -> None:
    told = [mutations.check(seed) for seed in range(thousand * 1000, (thousand + 1) * 1000)]
    # Some are still read, and some are not: so the mutations are neither too weak nor too strong.
    assert 200 < sum("rows, " in each for each in told) < 800


MEASURE = """
import sys
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.sources.detect import open_source
def peak():  # of this process alone; getrusage begins with what its parent had
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0]) >> 10
Desired.read(sys.argv[1], "connect")  # all modules are there
before = peak()
count = 0
for _ in open_source(sys.argv[2]).scan().records:
    count += 1
print(count, peak() - before)
"""


@pytest.mark.parametrize("form", ["csv", "xlsx", "json"])
def test_34_memory_does_not_grow_with_the_file(tmp_path: Path, form: str) -> None:
    def people(count: int) -> Path:
        path = tmp_path / f"{count}.{form}"
        names = ["email", "firstName", "lastName", "displayName", "title"]
        rows = [[f"p{at}@acme.com", f"First{at}", f"Last{at}", f"First{at} Last{at}", "Analyst"] for at in range(count)]
        if form == "csv":
            path.write_text("\n".join(map(",".join, [names, *rows])))
        elif form == "json":
            path.write_bytes(orjson.dumps([dict(zip(names, row, strict=True)) for row in rows]))
        else:
            with xlsxwriter.Workbook(path) as book:
                sheet = book.add_worksheet()
                for line, row in enumerate([names, *rows]):
                    sheet.write_row(line, 0, row)
        return path

    small, large = people(10), people(20_000)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(small), str(large)], capture_output=True, text=True, check=True, timeout=300
    )
    count, grown = map(int, done.stdout.split())
    assert count == 20_000
    assert grown < 8  # MiB; the rows alone would be 15
