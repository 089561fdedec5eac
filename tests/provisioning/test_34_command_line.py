"""Case 34: what the command line says of a file, and how it takes one from standard input."""

from __future__ import annotations

import gzip
import io
import os
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.provisioning.people_files import write, xlsx, xlsx_row
from tests.provisioning.test_cli import company, run, sandbox

__all__ = ["company", "sandbox"]  # fixtures

PEOPLE = "email;firstName;lastName\nann@acme.com;Ann;Müller\n"


def people() -> str:
    return PEOPLE.replace("acme.com", os.environ["TEST_DOMAIN"])


def book() -> bytes:
    rows = enumerate(people().split(), 1)
    return xlsx({"A": xlsx_row(1, ["x"]), "B": "".join(xlsx_row(at, row.split(";")) for at, row in rows)})


def read_as(out: str) -> dict[str, Any]:
    return orjson.loads(out)["read_as"]


def hand_in(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_34_a_plan_says_what_its_file_was_taken_for(
    company: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = ("--target", "connect", "--company", company)
    guessed = write(tmp_path, people().encode("cp1252"))
    code, out, _ = run(capsys, "provision", "plan", guessed, *target)
    assert code == 0
    told = "windows-1252 is a guess (it reads 'Müller'): say --encoding if it is wrong"
    assert f"read as CSV, windows-1252, cells divided by semicolons - {told}" in " ".join(out.split())
    code, out, _ = run(capsys, "provision", "plan", guessed, *target, "--json")
    assert read_as(out) == {"format": "CSV", "encoding": "windows-1252", "guess": told, "delimiter": ";"}
    code, out, _ = run(capsys, "provision", "plan", guessed, *target, "--encoding", "cp1252", "--json")
    assert read_as(out) == {"format": "CSV", "encoding": "cp1252", "delimiter": ";"}
    workbook = write(tmp_path, book(), "people.xlsx")
    code, out, _ = run(capsys, "provision", "plan", workbook, *target, "--sheet", "B", "--json")
    assert read_as(out) == {"format": "XLSX", "sheet": "B"}
    code, out, _ = run(capsys, "provision", "apply", workbook, *target, "--sheet", "2", "--no-audit")
    assert code == 0
    assert "read as XLSX, sheet 'B'" in out


def test_34_standard_input_is_read_once_and_needs_names_for_what_is_kept(
    company: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = ("--target", "connect", "--company", company)
    for command, option in (("plan", "--output"), ("apply", "--journal"), ("status", "--journal")):
        code, out, err = run(capsys, "provision", command, "-", *(target if command != "status" else ()))
        assert (code, out) == (64, "")
        assert err == (f"aiosymphony: standard input has no name for what is kept beside it: name a file by {option}\n")
    hand_in(gzip.compress(people().encode()), monkeypatch)
    plan = tmp_path / "people.plan"
    code, out, _ = run(capsys, "provision", "plan", "-", *target, "--output", plan, "--json")
    assert (code, orjson.loads(out)["counts"]["create"]) == (0, 1)
    # The saved plan can be carried out: it needs the file no more.
    code, out, _ = run(capsys, "provision", "apply", plan, "--no-audit", "--json")
    assert (code, orjson.loads(out)["rows"]["done"]) == (0, 1)
    hand_in(people().encode(), monkeypatch)
    code, out, _ = run(capsys, "provision", "apply", "-", *target, "--journal", tmp_path / "j", "--no-audit", "--json")
    assert (code, orjson.loads(out)["rows"]["done"]) == (0, 1)


def test_34_a_terminal_is_not_waited_for(
    company: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    target = ("--target", "connect", "--company", company)
    code, out, err = run(capsys, "provision", "plan", "-", *target, "--output", tmp_path / "p")
    assert (code, out) == (64, "")
    assert err == "aiosymphony: - is standard input, which is a terminal here: hand in a file, such as by < FILE\n"


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_34_what_cannot_be_read_is_one_sentence_and_64(
    company: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    target = ("--target", "connect", "--company", company)
    for place, options in (
        (tmp_path, ()),
        (tmp_path / "pipe", ()),
        (Path("/dev/zero"), ()),
        (write(tmp_path, b"", "empty"), ()),
        (write(tmp_path, b"%PDF-1.7", "pdf"), ()),
        (write(tmp_path, book()[:900], "cut"), ()),
        (write(tmp_path, book(), "several"), ()),
        (write(tmp_path, book(), "several"), ("--sheet", "C")),
        (write(tmp_path, gzip.compress(b"x" * 999)[:20], "gz"), ()),
        (write(tmp_path, "email,firstName,lastName\n", "header"), ()),
        (write(tmp_path, "email,firstName,lastName\na@b.com,A,Lefèvre\n".encode("cp1252"), "guess"), ()),
        (write(tmp_path, PEOPLE, "text"), ("--encoding", "klingon")),
    ):
        code, out, err = run(capsys, "provision", command, place, *target, *options)
        assert (code, out, err.count("\n")) == (64, "", 1), place
        assert err.startswith(f"aiosymphony: {place}") or "there is no encoding 'klingon'" in err
