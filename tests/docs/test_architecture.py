"""What docs/architecture.md and CONTRIBUTING.md say of modules, floors and states is so."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path
from typing import get_args

import pytest

from aiosymphony.provisioning.journal.states import State
from tests.architecture.test_imports import LAYERS

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "aiosymphony"
PLACES = (SOURCE, SOURCE / "provisioning", ROOT)
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("document", "least"), [("docs/architecture.md", 50), ("CONTRIBUTING.md", 30)])
def test_every_path_that_is_named_exists(document: str, least: int) -> None:
    quoted = re.findall(r"`([^`\s]+)`", (ROOT / document).read_text(encoding="utf-8"))
    paths = {each for each in quoted if not each.startswith("./") and re.search(r"/|\.(py|toml|json|md)$", each)}
    assert len(paths) >= least
    # `targets/<kind>.py` is to be written: there are others of its like.
    patterns = {path: re.sub(r"<\w+>", "*", path) for path in paths}
    assert sorted(path for path in paths if not any(any(place.glob(patterns[path])) for place in PLACES)) == []


def test_the_floors_are_those_of_the_imports() -> None:
    table = PAGE[PAGE.index("| floor | modules |") :].splitlines()[2:]
    rows = [row.split("|") for row in takewhile(str.strip, table)]
    assert [int(row[1]) for row in rows] == [*range(1, len(LAYERS) + 1)]
    assert [{*re.findall(r"`(\w+)`", row[2])} for row in rows] == [*LAYERS]


def test_the_states_are_those_of_the_journal() -> None:
    diagram = PAGE[PAGE.index("stateDiagram-v2") :].split("```", maxsplit=1)[0]
    arrows = re.findall(r"(\S+) --> (\w+)", diagram)
    assert {name for arrow in arrows for name in arrow} - {"[*]"} == {*get_args(State)}
