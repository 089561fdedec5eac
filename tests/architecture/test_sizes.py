"""A file is one idea, and short enough to be read in one go."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST = 500

# Longer files, each with its reason. The only good one: it is one resource of an API, which a reader looks for whole.
LISTED = {
    "src/aiosymphony/pod/users.py": "the resource `pod.users`, whose length is that of its docstrings",
}


def files() -> Iterator[Path]:
    """What is written by hand, code and templates."""
    for folder in ("src", "codegen"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def lengths() -> dict[str, int]:
    return {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files()}


def test_no_file_is_longer_than_500_lines() -> None:
    found = lengths()
    assert len(found) > 150  # it looks where the files are
    assert {name: length for name, length in found.items() if length > MOST and name not in LISTED} == {}


def test_what_is_listed_is_long_and_one_resource() -> None:
    found = lengths()
    for name in LISTED:
        assert found[name] > MOST
        assert Path(name).parent.name in {"pod", "connect"}
