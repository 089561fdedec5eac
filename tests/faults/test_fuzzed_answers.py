"""Damaged answers by the thousand; ``make fuzz`` feeds a million."""

from __future__ import annotations

import asyncio

import pytest

from .fuzz import fuzz


@pytest.mark.parametrize("seed", [11, 12])
def test_damaged_answers_reach_nobody_else_and_leave_no_request_without_an_outcome(seed: int) -> None:
    fuzzer = asyncio.run(fuzz(4000, seed))
    assert not fuzzer.wrong
    assert min(fuzzer.seen[name] for name in ("answer", "kept", "protocol", "disconnected")) > 100
