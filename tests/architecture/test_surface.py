"""The public surface: pinned, so that a change of it is seen in review."""

import ast
import inspect
import pickle
from pathlib import Path
from types import ModuleType

import pytest

import aiosymphony
import aiosymphony.provisioning
from aiosymphony import SymphonyError
from tests.architecture.public_names import KEPT, lines

ROOT = Path(__file__).parents[2]


def test_the_names_and_signatures_are_those_that_are_kept() -> None:
    kept = [line for line in KEPT.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert lines() == kept, "if that is meant: python -m tests.architecture.public_names; see docs/versioning.md"


def test_the_names_are_there() -> None:
    for name in aiosymphony.__all__:
        assert getattr(aiosymphony, name) is not None
        assert name in dir(aiosymphony)


@pytest.mark.parametrize("package", [aiosymphony, aiosymphony.provisioning])
def test_what_type_checkers_see_is_what_there_is(package: ModuleType) -> None:
    tree = ast.parse(Path(inspect.getfile(package)).read_text())
    seen = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname is not None
    }
    assert seen == set(package.__all__)


def test_functions_stay_what_they_are_when_their_modules_are_imported() -> None:
    import aiosymphony._bulk
    import aiosymphony._create_once

    assert inspect.isfunction(aiosymphony.bulk)
    assert inspect.isfunction(aiosymphony.create_once)


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(aiosymphony, "nothing_of_the_kind")


def test_every_error_is_a_symphony_error_and_pickles() -> None:
    from aiosymphony import errors

    classes = [getattr(errors, name) for name in errors.__all__]
    for cls in classes:
        assert issubclass(cls, SymphonyError)
        error = cls("what happened")
        error.trace_id = "abc123"
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is cls
        assert (str(copy), copy.__dict__) == (str(error), error.__dict__)


def test_everything_public_says_what_it_is() -> None:
    undocumented = []
    for name in aiosymphony.__all__:
        value = getattr(aiosymphony, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            undocumented += [name] if not inspect.getdoc(value) else []
        if inspect.isclass(value):
            undocumented += [
                f"{name}.{member}"
                for member, found in inspect.getmembers(value)
                if not member.startswith("_") and inspect.isroutine(found) and not inspect.getdoc(found)
            ]
    assert undocumented == []


def test_no_file_speaks_of_where_it_was_made() -> None:
    suspects = ("/" + "work/", "/" + "root/", "/" + "tmp/team", "py" + "pi.org/simple")
    found = []
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        # What Python compiles comes and goes while other tests run.
        if parts[0] in {".git", ".venv", "build", "dist"} or "__pycache__" in parts or not path.is_file():
            continue
        if any(part.startswith(".") and part.endswith("_cache") for part in parts) or parts[0] == ".hypothesis":
            continue
        text = path.read_text(errors="ignore")
        found += [f"{path.relative_to(ROOT)}: {suspect}" for suspect in suspects if suspect in text]
    assert found == []
