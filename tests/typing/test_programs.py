"""The examples and the programs in the documents pass ``mypy --strict`` and pyright, as a user's own would.

Those for symphony-bdk-python are left out: it declares no types.
"""

import re
from collections.abc import Callable
from pathlib import Path

from tests.docs.blocks import PYTHON

ROOT = Path(__file__).parents[2]


def write_programs(folder: Path) -> set[str]:
    """Write every example and every block of Python in the documents as a file of its own."""
    programs = {f"example_{path.name}": path.read_text(encoding="utf-8") for path in ROOT.glob("examples/*.py")}
    for block in (each for each in PYTHON if not each.is_for_bdk):
        page = block.page.removeprefix("docs/").removesuffix(".md").lower()
        programs[f"{re.sub('[^a-z0-9]', '_', page)}_{block.number}.py"] = block.code
    for name, code in programs.items():
        (folder / name).write_text(code, encoding="utf-8")
    return set(programs)


def test_programs_are_typed(check: Callable[[Path], list[tuple[str, int, str]]], tmp_path: Path) -> None:
    assert {"example_users.py", "readme_1.py"} <= write_programs(tmp_path)
    assert check(tmp_path) == []
