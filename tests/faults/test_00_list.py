"""That no case of docs/faults.md lost its tests, wherever they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "faults.md"
FOLDERS = ("faults", "adversary", "provisioning", "unit")
CASES = range(1, 87)
NAMED = re.compile(r"^(?:async )?def test_(?:case_)?((?:\d\d_)+(?:to_\d\d_)?)\w+", re.MULTILINE)


def numbers(names: str) -> set[int]:
    """The cases in ``05_06_`` or ``20_to_24_``."""
    named = [int(number) for number in re.findall(r"\d\d", names)]
    return set(range(named[0], named[-1] + 1)) if "to" in names else set(named)


@pytest.fixture(scope="module")
def tested() -> set[int]:
    files = (file for folder in FOLDERS for file in (TESTS / folder).rglob("test_*.py"))
    found = (NAMED.findall(file.read_text(encoding="utf-8")) for file in files)
    return {number for names in found for name in names for number in numbers(name)}


@pytest.mark.parametrize("case", CASES)
def test_each_case_has_a_test_by_its_number(case: int, tested: set[int]) -> None:
    assert case in tested


def test_the_page_lists_these_cases() -> None:
    listed = re.findall(r"^(\d+)\. ", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(number) for number in listed] == [*CASES]
