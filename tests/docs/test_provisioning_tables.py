"""What docs/provisioning.md lists of columns, options and times is what there is."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main

from aiosymphony.cli.provision import app
from aiosymphony.limits import Limits
from aiosymphony.provisioning import ConnectUser, Job, PodUser
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.rows.base import Kind
from aiosymphony.provisioning.rows.registry import KINDS, user_class
from aiosymphony.provisioning.sources.column_map import ColumnMap
from aiosymphony.provisioning.sources.map_table import SECTIONS, SPLIT_KEYS, TAKE_KEYS

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENT = (DOCS / "provisioning.md").read_text(encoding="utf-8")
COLUMNS = (DOCS / "columns.md").read_text(encoding="utf-8")
PROVISION: Any = typer.main.get_command(app)


def cells(head: str, document: str = DOCUMENT) -> dict[str, list[str]]:
    """The rows of the table under a head, by their first cell."""
    table = document[document.index(head) :].split("\n\n", maxsplit=1)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {first: others for first, *others in rows}


def quoted(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell))


@pytest.mark.parametrize("kind", [*KINDS])
def test_the_columns_are_these(kind: Kind) -> None:
    table = cells("| target | must have | may have |")
    (must, may) = next(row for target, row in table.items() if target.startswith(f"`{kind}`"))
    columns = user_class(kind).columns()
    assert quoted(must) | quoted(may) == {*columns}
    required = {name for name, column in columns.items() if column.required}
    of_people = {*user_class(kind).missing({})}
    assert (quoted(must), quoted(may)) == (of_people, {*columns} - of_people)
    assert required <= of_people


@pytest.mark.parametrize("kind", KINDS)
def test_each_column_is_explained_as_a_template_explains_it(kind: Kind) -> None:
    table = cells(f"| column of `{kind}` | what it holds |", COLUMNS)
    assert table == {f"`{name}`": [known.about] for name, known in user_class(kind).columns().items()}


def test_the_parts_of_a_map_are_these() -> None:
    parts = " ".join(cells("| part | what it does |", COLUMNS))
    assert {*re.findall(r"`\[?(\w+)", parts)} == {*TAKE_KEYS, *SPLIT_KEYS, *SECTIONS} - {"columns"}


@pytest.mark.parametrize(("number", "kind"), [(0, "connect"), (1, "pod")])
def test_the_maps_of_the_document_are_maps(number: int, kind: Kind) -> None:
    blocks = re.findall(r"^```toml\n(.*?)^```", COLUMNS, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    assert ColumnMap.of(tomllib.loads(blocks[number]), kind).rules


def test_accounts_of_services_need_no_names() -> None:
    assert {*PodUser.missing({})} - {*PodUser.missing({"accountType": "SYSTEM"})} == {"firstName", "lastName"}
    assert {*ConnectUser.missing({})} == {"email", "firstName", "lastName"}


def test_the_options_of_apply_have_these_defaults() -> None:
    options = {option: parameter for parameter in PROVISION.commands["apply"].params for option in parameter.opts}
    options |= {
        option: parameter for parameter in PROVISION.commands["apply"].params for option in parameter.secondary_opts
    }
    of_none = {"--rate": Limits().rate, "--journal": "`FILE.journal`", "--max-shards": "all", "--shards": 1}
    for names, (told, _) in cells("| option | default | what it does |").items():
        defaults = []
        for name in re.findall(r"`(--[\w-]+)`", names):
            default = options[name].default
            defaults.append(of_none[name] if default is None else default)
        if names in ("`--new`", "`--telemetry`"):
            assert (told, defaults) == ("", [False])
        elif names != "`--no-audit`":
            assert told == ", ".join(str(each).removesuffix(".0") for each in defaults), names
        else:
            assert defaults == [True], names


def test_every_command_takes_json() -> None:
    of_files = {"plan", "apply", "status", "report", "map", "template"}
    assert of_files | {"jobs", "pause", "resume", "cancel", "schedule", "schedules"} == {*PROVISION.commands}
    for command in PROVISION.commands.values():
        assert "--json" in {option for parameter in command.params for option in parameter.opts}, command.name


def test_the_times_of_a_job_are_these() -> None:
    defaults = {name: parameter.default for name, parameter in inspect.signature(Job).parameters.items()}
    assert (defaults["lease"], defaults["give_up_after"], defaults["settle"]) == (60.0, 300.0, 30.0)
    assert set(re.findall(r"lease \((\d+) s\)", DOCUMENT)) == {"60"}
    assert "five minutes (`give_up_after`)" in DOCUMENT


def test_the_proof_by_kills_is_as_large_as_is_said() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    ((rows, kills),) = re.findall(r"tests\.adversary\.kills --rows (\d+) --kills (\d+)", makefile)
    assert f"with {int(rows):,} rows and {kills} kills of each target" in DOCUMENT


SECRETS = ["password", "hSalt", "hPassword", "khSalt", "khPassword", "currentKey", "previousKey"]


@pytest.mark.parametrize("column", SECRETS)
@pytest.mark.parametrize("kind", [*KINDS])
def test_passwords_and_keys_are_not_taken(kind: Kind, column: str, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(f"{','.join(user_class(kind).missing({}))},{column}\n")
    with pytest.raises(Exception, match=f"'{column}' is not taken, because a job keeps no secrets"):
        Desired.read(file, kind)
