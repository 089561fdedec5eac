"""The examples and the programs in the documents pass ``mypy --strict`` and pyright, as a user's own would."""

import re
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCED = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
# tests/docs/test_generating.py checks that page: its program needs a package that is made of the page.
DOCUMENTS = (ROOT / "README.md", *sorted({*(ROOT / "docs").glob("*.md")} - {ROOT / "docs" / "generating.md"}))


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
    assert {"example_users.py", "readme_1.py"} <= write_programs(tmp_path)
    assert check(tmp_path) == []
