"""Each benchmark works, for a few calls; what bench-check takes for a regression. No time is asserted."""

import asyncio
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import calls, instructions, performance, rate, sides, starting
from benchmarks.canned import canned_server
from benchmarks.pairs import Quartiles, compare
from benchmarks.plots import bars


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_every_side_makes_its_calls(tls: bool) -> None:
    found = asyncio.run(calls.measured(2, tls=tls, seconds=0.001, rounds=2))
    assert set(found) == set(sides.installed()) >= {"aiosymphony", "hand-written aiohttp", "raw sockets", "httpx"}
    assert found[calls.BASE].wall == found[calls.BASE].cpu == Quartiles(1.0, 1.0, 1.0)


@pytest.mark.parametrize("side", sides.installed())
def test_every_side_gets_the_user(side: str) -> None:
    async def ask(url: str) -> object:
        async with sides.SIDES[side](url, 2, None) as call:
            return await call(7)

    with canned_server() as url:
        found = asyncio.run(ask(url))
    assert "ada.lovelace@example.com" in repr(found)


def test_a_fixed_rate() -> None:
    found = rate.measured(rate=400, count=4)
    assert {"aiosymphony", "hand-written aiohttp"} <= set(found)
    assert all(one.p50 >= 20 for one in found.values())  # the server's delay


def test_starting() -> None:
    assert set(starting.measured(1)) == set(starting.PROGRAMS)


@pytest.mark.skipif(instructions.counter() is None, reason="instructions cannot be counted here")
def test_instructions_are_counted_by_call() -> None:
    found = instructions.measured(["raw sockets"], few=20, many=60)
    assert 10_000 < found["raw sockets"] < 10_000_000


async def test_a_ratio_is_of_calls_per_second_and_of_the_same_round() -> None:
    async def quick(_: int) -> None:
        await asyncio.sleep(0)

    async def slow(_: int) -> None:
        for _ in range(50):
            await asyncio.sleep(0)

    found = await compare({"quick": quick, "slow": slow}, "quick", concurrency=1, seconds=0.002, rounds=3)
    assert found["slow"].wall.median < 1


@pytest.mark.parametrize(("more", "fails"), [(1.04, False), (1.05, True), (0.5, False)])
def test_five_hundredths_more_are_a_regression(
    more: float, fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "instructions.json"
    kept.write_text(json.dumps({"here": {"aiosymphony": 200_000}}))
    monkeypatch.setattr(instructions, "KEPT", kept)
    monkeypatch.setattr(instructions, "version", lambda: "here")
    monkeypatch.setattr(instructions, "counter", lambda: "perf")
    monkeypatch.setattr(instructions, "measured", lambda names: dict.fromkeys(names, 200000 * more))
    assert instructions.check() == fails
    assert ("slower: aiosymphony" in capsys.readouterr().err) == fails


@pytest.mark.parametrize("missing", ["counter", "figures"])
def test_it_says_when_it_cannot_compare(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(instructions, "counter", lambda: None if missing == "counter" else "perf")
    monkeypatch.setattr(instructions, "version", lambda: "an interpreter without figures")
    assert instructions.check() == 0
    assert capsys.readouterr().out.startswith("skipped: ")


def test_a_page_is_written_between_its_markers(tmp_path: Path) -> None:
    found = asyncio.run(calls.measured(2, seconds=0.001, rounds=2))
    steady = {"aiosymphony": rate.Steady(20.1, 22.0, 0.1)}
    started = {"a first client": (Quartiles(1.0, 1.1, 1.2), None)}
    figures = performance.Figures({"50 at once": found}, {}, steady, started, {"decode": "a user: 5 µs"})
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{performance.BEGIN}\nold\n{performance.END}\nafter\n")
    performance.write([figures, figures], page, tmp_path / "plots")
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "\nold\n" not in text
    assert "| calls beside hand-written aiohttp | run 1 | run 2 |" in text
    assert "| aiosymphony | 20.1 | 22.0 | 0.100 |" in text
    for plot in (tmp_path / "plots").iterdir():
        ET.parse(plot)
        assert f"({plot.parent.name}/{plot.name})" in text


def test_a_plot_escapes_what_it_shows() -> None:
    assert "<b>" not in bars("a <b>", {"x & y": Quartiles(1, 2, 3)})
