"""What README.md says in numbers is so."""

from __future__ import annotations

import re
from pathlib import Path

from tests.contract.samples import apis, operation_ids
from tests.faults.test_00_list import CASES

README = " ".join((Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").split())


def test_operations_are_counted_and_the_version_is_the_current_one() -> None:
    [version] = [api["version"] for api in apis() if (api["api"], api["current"]) == ("pod", True)]
    assert re.findall(r"All (\d+) operations of the Pod API ([\d.]+\d), all (\d+) of the Connect API", README) == [
        (str(len(operation_ids("pod"))), version, str(len(operation_ids("connect"))))
    ]


def test_cases_are_counted() -> None:
    assert re.findall(r"the (\d+) cases", README) == [str(len(CASES))]
