"""The examples and the programs in the documents pass ``mypy --strict`` and pyright, as a user's own would."""

import re
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCED = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

# The models of the documents say of nearly every field that it may be missing, ids too. Until models say better, these
# programs may be told that something is None. Any other error fails, and so does a program that no longer needs this.
MAY_BE_NONE = {
    "example_extension_app.py",
    "example_connections.py",
    "example_presence.py",
    "example_rooms.py",
    "example_sponsored_company.py",
    "example_users.py",
    "readme_2.py",
    "testing_1.py",
}


def write_programs(folder: Path) -> set[str]:
    """Write every example and every block of Python in the documents as a file of its own."""
    programs = {f"example_{path.name}": path.read_text(encoding="utf-8") for path in ROOT.glob("examples/*.py")}
    for document in DOCUMENTS:
        for number, code in enumerate(FENCED.findall(document.read_text(encoding="utf-8")), 1):
            programs[f"{document.stem.lower()}_{number}.py"] = code
    for name, code in programs.items():
        (folder / name).write_text(code, encoding="utf-8")
    return set(programs)


def test_programs_are_typed(check: Callable[[Path], list[tuple[str, int, str]]], tmp_path: Path) -> None:
    assert write_programs(tmp_path) > MAY_BE_NONE
    errors = check(tmp_path)
    # pyright says it of an argument, and in another error that no overload fits.
    none = {(file, line) for file, line, message in errors if file in MAY_BE_NONE and "None" in message}
    assert [error for error in errors if error[:2] not in none] == []
    assert {file for file, _ in none} == MAY_BE_NONE
