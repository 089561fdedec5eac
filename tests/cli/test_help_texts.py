"""The help of every command on a terminal of 80 columns, and what is said of wrong use."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import pytest

from aiosymphony.cli.app import command_tree, leaves
from aiosymphony.cli.operations import APIS, describe, operations

from .conftest import Run

TREE = command_tree()
COMMANDS = dict(leaves(TREE))
GROUPS = ["", *(name for name in TREE.commands if name not in COMMANDS)]


async def help_of(run: Run, path: str) -> str:
    done = await run(*path.split(), "--help")
    assert (done.code, done.err) == (0, "")
    return done.out


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("path", [*GROUPS, *COMMANDS])
async def test_no_name_is_cut_at_80_columns(run: Run, path: str) -> None:
    command: Any = COMMANDS[path] if path in COMMANDS else TREE.commands[path] if path else TREE
    told = await help_of(run, path)
    names = [
        name
        for parameter in command.params
        if not getattr(parameter, "hidden", False)
        for name in (
            [parameter.metavar or parameter.name.upper()]
            if parameter.param_type_name == "argument"
            else [*parameter.opts, *parameter.secondary_opts]
        )
    ] + [*getattr(command, "commands", ())]
    assert names or path == "sandbox"
    assert [
        name for name in names if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", told, re.IGNORECASE) is None
    ] == []
    assert max(map(len, told.splitlines())) <= 80
    words = {word for parameter in command.params for word in (parameter.help or "").split()}
    assert words - {*told.split()} == set()


@pytest.mark.parametrize("path", [*GROUPS, *COMMANDS])
async def test_no_markup_is_left_in_a_help(run: Run, path: str) -> None:
    told = await help_of(run, path)
    assert "``" not in told
    assert "\\n" not in told


def test_no_markup_is_left_in_the_help_of_an_operation() -> None:
    for api in APIS:
        for operation in operations(api).values():
            told = "\n".join(describe(operation))
            assert "``" not in told, operation.id
            assert "\\n" not in told, operation.id


@pytest.mark.parametrize("path", [path for path in COMMANDS if path != "sandbox"])
async def test_the_lines_of_a_help_end_where_the_terminal_does(run: Run, path: str) -> None:
    lines = [line.strip() for line in (await help_of(run, path)).splitlines()]
    for paragraph in COMMANDS[path].help.split("\n\n"):
        assert "\n".join(textwrap.wrap(paragraph, 78)) in "\n".join(lines)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("provision", "plan"), "; aiosymphony provision plan --help lists the arguments and options"),
        (
            ("provision", "apply", "a.csv", "--targte", "pod"),
            "; aiosymphony provision apply --help lists the arguments and options",
        ),
        (("provision", "aply"), " aiosymphony provision --help lists the commands"),
        (("provison",), " aiosymphony --help lists the commands"),
    ],
)
async def test_wrong_use_names_the_help(run: Run, arguments: tuple[str, ...], told: str) -> None:
    done = await run(*arguments)
    assert (done.code, done.out) == (64, "")
    assert done.err.startswith("aiosymphony: ")
    assert done.err.count("\n") == 1
    assert done.err.endswith(f"{told}\n")
    assert (await run(*told.partition("aiosymphony")[2].partition(" lists ")[0].split())).code == 0
