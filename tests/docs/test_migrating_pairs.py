"""The pairs of programs on the page for users of symphony-bdk-python: before and after do the same."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from aiosymphony.sandbox import Sandbox
from aiosymphony.sandbox.state import Connection
from tests.docs.blocks import ROOT
from tests.docs.programs import run_program

PAGE = (ROOT / "docs" / "migrating.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## Before and after\n")[2].partition("\n## ")[0]
PAIRS = {
    section.partition("\n")[0]: re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    for section in SECTION.split("\n### ")[1:]
}
_ID = re.compile(r"(?<=')[\w-]{34}(?=')|(?<='eTag': ')\w{16}")
_MILLISECONDS = re.compile(r"\b\d{13}\b")
_TIMESTAMP = re.compile(r"\b\d{4}-\d\d-\d\dT[\d:.]+Z")


@pytest.mark.parametrize("service", [each for each in PAIRS if each != "Groups"])
async def test_before_and_after_do_the_same(service: str, tmp_path: Path) -> None:
    pytest.importorskip("symphony.bdk", reason="symphony-bdk-python is not installed")
    before, after = PAIRS[service]
    printed, left = await effect_of(before, tmp_path)
    assert printed != ""
    assert await effect_of(after, tmp_path) == (printed, left)


async def test_groups_still_fail_before(tmp_path: Path) -> None:
    """As the page says; once the extension works, it is a pair like the others."""
    pytest.importorskip("symphony.bdk", reason="symphony-bdk-python is not installed")
    with pytest.raises(AssertionError, match=r"RuntimeError: asyncio.run\(\) cannot be called"):
        await effect_of(PAIRS["Groups"][0], tmp_path)


def test_each_service_has_a_pair_or_stays() -> None:
    bdk = pytest.importorskip("symphony.bdk.core.symphony_bdk", reason="symphony-bdk-python is not installed")
    services = {name for name in vars(bdk.SymphonyBdk) if not name.startswith("_")} - {"bot_session", "close_clients"}
    replaced = {name for before, _ in PAIRS.values() for name in re.findall(r"\bbdk\.(\w+)\(", before)}
    staying = set(re.findall(r"`(\w+)\(\)`", PAGE.rpartition("all of ")[2]))
    assert services - replaced == staying


@pytest.mark.parametrize("service", PAIRS)
def test_after_is_no_longer_than_before(service: str) -> None:
    before, after = ([line for line in code.splitlines() if line.strip()] for code in PAIRS[service])
    assert len(after) <= len(before)


async def effect_of(code: str, folder: Path) -> tuple[str, dict[str, list[str]]]:
    """What a program prints, and the pod that it leaves, which was new before."""
    started = time.time_ns() // 1_000_000
    async with Sandbox(users=3, external_users=1) as sandbox:
        [bot, *_, outside] = sandbox.state.db.users
        sandbox.state.db.connections.put(Connection(sender=outside.id, receiver=bot.id, first_requested=1))
        (folder / "program.py").write_text(code, encoding="utf-8")
        printed = await run_program(["program.py"], sandbox, folder)
        return printed, content(sandbox, started)


def content(sandbox: Sandbox, started: int) -> dict[str, list[str]]:
    """The rows of all tables; times since then and random ids, which no two runs have in common, are named alike."""
    ids: dict[str, str] = {}

    def alike(text: str) -> str:
        text = _ID.sub(lambda match: ids.setdefault(match[0], f"id {len(ids)}"), text)
        text = _MILLISECONDS.sub(lambda match: "now" if started <= int(match[0]) else match[0], text)
        return _TIMESTAMP.sub("now", text)

    return {name: [alike(repr(row)) for row in table] for name, table in sandbox.state.db.tables()}
