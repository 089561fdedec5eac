"""The page over real servers: what it shows, to whom, and that nothing of a file becomes markup."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from aiosymphony import ConfigError
from aiosymphony.dashboard.reading import reading_of
from aiosymphony.dashboard.server import Dashboard
from aiosymphony.provisioning.journal.postgres.jobs import set_wish

from .browser import BROWSER, browser
from .test_28_crashes import FAULTS, ROWS, SLOW, case, jobs  # noqa: F401 - two of them are fixtures
from .test_workers import SHARDS, Handed, handed  # noqa: F401 - one is a fixture


@asynccontextmanager
async def page(where: str, *, host: str = "127.0.0.1", token: str | None = None) -> AsyncIterator[Dashboard]:
    dashboard = Dashboard(reading_of(where), host=host, port=0, token=token, every=0.1)
    await dashboard.start()
    try:
        yield dashboard
    finally:
        await dashboard.close()


async def state(url: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{url}api/state") as response:
        assert response.status == 200
        return dict(orjson.loads(await response.read()))


async def test_its_figures_are_those_of_the_database(handed: Handed) -> None:  # noqa: F811
    await handed.hand_over()
    async with page(handed.cluster.url()) as dashboard:
        shown = await state(dashboard.url)
        (job,) = shown["jobs"]
        assert (job["name"], job["state"], job["total"], job["done"]) == (handed.name, "waiting", ROWS, 0)
        assert [shard["left"] for shard in job["shard_list"]] == [ROWS // SHARDS] * SHARDS
        assert (shown["workers"], shown["takeovers"]) == ([], [])
        handed.case.sandbox.faults = SLOW
        pid = await handed.start()
        await handed.until(100)
        shown = await state(dashboard.url)
        assert shown["jobs"][0]["state"] == "running"
        assert [worker["pid"] for worker in shown["workers"]] == [pid]
        handed.case.sandbox.faults = FAULTS
        await handed.ended()
        (job,) = (await state(dashboard.url))["jobs"]
        rows = handed.ask("SELECT state, count(*) FROM entry GROUP BY state")
        assert (job["rows"], job["done"], job["state"]) == (dict(rows), ROWS, "finished")
        assert handed.cluster.password not in repr(shown)


async def test_events_come_as_long_as_somebody_looks(handed: Handed) -> None:  # noqa: F811
    await handed.hand_over()
    async with page(handed.cluster.url()) as dashboard, aiohttp.ClientSession() as session:
        async with session.get(f"{dashboard.url}api/events") as response:
            assert response.content_type == "text/event-stream"
            seen = []
            while len(seen) < 3:
                line = await response.content.readline()
                if line.startswith(b"data: "):
                    seen.append(orjson.loads(line[6:]))
        assert [each["jobs"][0]["total"] for each in seen] == [ROWS] * 3
        while dashboard._task is not None:
            await asyncio.sleep(0.05)


async def test_a_database_that_goes_is_told_and_comes_back(handed: Handed) -> None:  # noqa: F811
    await handed.hand_over()
    async with page(handed.cluster.url()) as dashboard:
        assert (await state(dashboard.url))["error"] is None
        handed.cluster.stop("immediate")
        shown = await state(dashboard.url)
        assert "cannot be" in shown["error"]
        assert shown["jobs"][0]["total"] == ROWS, "what was read last stays"
        handed.cluster.start()
        assert (await state(dashboard.url))["error"] is None


async def test_visitors_of_other_machines_need_the_token(handed: Handed) -> None:  # noqa: F811
    with pytest.raises(ConfigError, match="a token is needed"):
        Dashboard(reading_of(handed.cluster.url()), host="0.0.0.0", port=0, token=None)
    token = "a token of enough characters"
    async with page(handed.cluster.url(), token=token) as dashboard:
        async with aiohttp.ClientSession() as session:
            for path in ("", "page.js", "api/state", "api/events", "?token=wrong"):
                async with session.get(dashboard.url + path, allow_redirects=False) as response:
                    assert response.status == 401, path
            async with session.get(f"{dashboard.url}healthz") as response:
                assert (response.status, await response.text()) == (200, "ok\n")
            async with session.get(dashboard.url, params={"token": token}, allow_redirects=False) as response:
                assert (response.status, response.headers["Location"]) == (303, "/")
                cookie = response.headers["Set-Cookie"]
                assert "HttpOnly" in cookie
                assert "SameSite=Strict" in cookie
                assert token not in cookie
        name, _, value = cookie.partition(";")[0].partition("=")
        for headers in ({"Cookie": f"{name}={value}"}, {"Authorization": f"Bearer {token}"}):
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{dashboard.url}api/state", headers=headers) as response,
            ):
                assert response.status == 200


async def test_a_name_of_elsewhere_does_not_lead_to_loopback(handed: Handed) -> None:  # noqa: F811
    async with page(handed.cluster.url()) as dashboard, aiohttp.ClientSession() as session:
        for host, status in (("evil.example", 421), ("localhost:8765", 200), ("127.0.0.1", 200)):
            async with session.get(f"{dashboard.url}api/state", headers={"Host": host}) as response:
                assert response.status == status, host


async def test_the_page_asks_nobody_else(handed: Handed) -> None:  # noqa: F811
    async with page(handed.cluster.url()) as dashboard, aiohttp.ClientSession() as session:
        for path in ("", "page.js", "page.css"):
            async with session.get(dashboard.url + path) as response:
                text = await response.text()
                assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            assert "://" not in text
            assert "innerHTML" not in text


async def test_a_journal_in_a_file_is_shown_too(case: Any, jobs: Any, tmp_path: Path) -> None:  # noqa: F811
    assert await jobs.run(case.order) == 0
    async with page(case.order["journal"]) as dashboard:
        shown = await state(dashboard.url)
    (job,) = shown["jobs"]
    assert (job["state"], job["rows"], shown["workers"]) == ("finished", {"DONE": ROWS}, None)
    with pytest.raises(ConfigError, match="is no file, and no address"):
        reading_of(str(tmp_path / "none"))


@pytest.mark.skipif(BROWSER is None, reason="no browser is installed")
async def test_a_browser_shows_it_without_an_error(handed: Handed, tmp_path: Path) -> None:  # noqa: F811
    handed.name = "<img src=x onerror=alert(1)>"
    await handed.hand_over()
    await handed.start()
    await handed.ended()
    async with page(handed.cluster.url()) as dashboard, browser(dashboard.url, tmp_path) as shown:
        text = await shown.shows(f"{ROWS:,} of {ROWS:,} rows")
        assert handed.name in text, "it is text"
        assert await shown.value("document.querySelectorAll('img').length") == 0
        assert shown.complaints == []


@pytest.mark.skipif(BROWSER is None, reason="no browser is installed")
async def test_a_browser_shows_how_a_worker_is_killed_and_replaced(handed: Handed, tmp_path: Path) -> None:  # noqa: F811
    await handed.hand_over()
    async with page(handed.cluster.url()) as dashboard, browser(dashboard.url, tmp_path) as shown:
        await shown.shows("waiting", f"0 of {ROWS:,} rows")
        first = await handed.half_way()
        await shown.shows("running", f"process {first} on ")
        os.kill(first, signal.SIGKILL)
        second = await handed.start()
        # The figures of the moment, while nothing moves: those of the database.
        while not handed.ask("SELECT 1 FROM takeover"):
            await asyncio.sleep(0.05)
        await handed.until(sum(handed.case.there().values()) + 100)
        set_wish(handed.cluster.url(), handed.name, "pause")
        while handed.ask("SELECT 1 FROM shard WHERE owner IS NOT NULL AND lease_until > aiosymphony.clock()"):
            await asyncio.sleep(0.05)
        counts = dict(handed.ask("SELECT state, count(*) FROM entry GROUP BY state"))
        assert 200 <= counts["DONE"] < ROWS
        ((takeovers,),) = handed.ask("SELECT count(*) FROM takeover")
        assert takeovers > 0
        in_flight = [f"{counts['IN_FLIGHT']:,} in flight"] if counts.get("IN_FLIGHT") else []
        await shown.shows("paused", f"{counts['DONE']:,} of {ROWS:,} rows", f"process {second} on ", *in_flight)
        assert await shown.value("document.querySelectorAll('#takeovers tr').length") == takeovers
        set_wish(handed.cluster.url(), handed.name, "run")
        handed.case.sandbox.faults = FAULTS
        await handed.ends_well()
        await shown.shows("finished", f"{ROWS:,} of {ROWS:,} rows")
        assert shown.complaints == []
