"""The reference and the man page are those of the command line as it is."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from aiosymphony.cli.app import command_tree, leaves
from aiosymphony.cli.examples import EXAMPLES
from aiosymphony.cli.exit_codes import EXIT_CODES
from aiosymphony.cli.reference import man, markdown

from .conftest import Run

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
COMMANDS = [path for path, _ in leaves(command_tree())]


def test_the_page_is_current() -> None:
    start = PAGE.index("## Global options\n")
    assert PAGE[start:] == markdown(), "make reference"


def test_every_variable_that_is_read_is_on_the_page() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    read = set(re.findall(r"\b(?:AIO)?SYMPHONY_[A-Z_]+[A-Z]\b", sources)) - {"SYMPHONY_ADMIN"}  # a role of the sandbox
    assert len(read) > 20
    assert {name for name in read if f"`{name}`" not in PAGE} == set()


def test_every_command_has_examples() -> None:
    assert sorted(EXAMPLES) == sorted(COMMANDS)
    assert all(example.startswith(f"aiosymphony {path}") for path, each in EXAMPLES.items() for example in each)


@pytest.mark.parametrize("path", COMMANDS)
@pytest.mark.parametrize("option", ["-h", "--help"])
async def test_help_is_everywhere(run: Run, monkeypatch: pytest.MonkeyPatch, path: str, option: str) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    done = await run(*path.split(), option)
    assert (done.code, done.err) == (0, "")
    assert f"aiosymphony {path}" in done.out
    if path != "sandbox":
        assert all(example in done.out for example in EXAMPLES[path])


async def test_the_help_has_the_exit_codes_and_keeps_to_the_width(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    narrow = await run("--help")
    assert max(map(len, narrow.out.splitlines())) <= 60
    told = " ".join(narrow.out.split())
    assert all(f"{code} {meaning}" in told for code, meaning in EXIT_CODES.items())


async def test_colours_are_left_out_and_forced(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in (await run("--help")).out
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in (await run("--help")).out


def test_the_man_page_names_every_command_option_and_code() -> None:
    page = man()
    assert all(f'.SS "aiosymphony {path}"' in page for path in COMMANDS)
    assert r"\fB\-\-detailed\-exitcode\fR" in page
    assert all(f"\n{meaning}\n".replace("-", r"\-") in page for meaning in EXIT_CODES.values())


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_man_page_is_good_roff() -> None:
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=man(), capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "aiosymphony" in done.stdout
