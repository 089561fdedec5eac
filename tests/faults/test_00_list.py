"""That no case lost its tests. The cases of jobs and journals, 25 to 37, are with the provisioning tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CASES = [*range(1, 25), *range(38, 47)]
NAMED = re.compile(r"^(?:async )?def test_case_((?:\d\d_)+(?:to_\d\d_)?)\w+", re.MULTILINE)


@pytest.fixture(scope="module")
def tested() -> set[int]:
    found: set[int] = set()
    for file in Path(__file__).parent.glob("test_*.py"):
        for numbers in NAMED.findall(file.read_text(encoding="utf-8")):
            named = [int(number) for number in re.findall(r"\d\d", numbers)]
            found.update(range(named[0], named[-1] + 1) if "to" in numbers else named)
    return found


@pytest.mark.parametrize("case", CASES)
def test_each_case_has_a_test_by_its_number(case: int, tested: set[int]) -> None:
    assert case in tested
