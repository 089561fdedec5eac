"""Listings of servers that never come to an end: they answer with their last page for whatever lies beyond it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest

from aiosymphony.errors import JobError, JobInterrupted, PaginationError
from aiosymphony.paging import CurrentPage, Cursor, LastId, Offset, Page, Pager, SkipLimit
from aiosymphony.provisioning.targets.retrying import pages_retrying
from aiosymphony.retry import RetryPolicy
from aiosymphony.wire.encoding import query_string
from tests.faults.clients import OPEN_READ, THING, Clients
from tests.faults.server import Exchange, FaultServer, Step, reply

ITEMS = list(range(100, 123))
SIZE = 5
NAMES = {"current_page": "currentPage", "page_size": "pageSize", "last_user_id": "lastUserId"}

Answer = Callable[[dict[str, str]], dict[str, Any]]


def page(start: int) -> list[dict[str, Any]]:
    """Items change between two looks at them, as a time of the last login does; their ids do not."""
    page.looks += 1  # type: ignore[attr-defined]
    return [{"id": item, "seen": page.looks} for item in ITEMS[start : start + SIZE]]  # type: ignore[attr-defined]


page.looks = 0  # type: ignore[attr-defined]


def by_skip_to_the_last_page(query: dict[str, str]) -> dict[str, Any]:
    return {"items": page(min(int(query["skip"]), 20))}


def by_skip_to_a_full_page(query: dict[str, str]) -> dict[str, Any]:
    return {"items": page(min(int(query["skip"]), len(ITEMS) - SIZE))}


def by_skip_with_a_total_that_is_too_large(query: dict[str, str]) -> dict[str, Any]:
    return {"items": page(min(int(query["skip"]), 20)), "total": 10**6}


def by_skip_round_and_round(query: dict[str, str]) -> dict[str, Any]:
    return {"items": page(int(query["skip"]) % 15)}


def by_page(query: dict[str, str]) -> dict[str, Any]:
    return {"items": page(min(int(query.get("currentPage", 0)), 4) * SIZE)}


def by_page_that_it_numbers(query: dict[str, str]) -> dict[str, Any]:
    return by_page(query) | {"number": int(query.get("currentPage", 0))}


def by_offset(query: dict[str, str]) -> dict[str, Any]:
    return {"items": page(min(int(query["offset"]), 20))}


def by_offset_that_it_names(query: dict[str, str]) -> dict[str, Any]:
    return by_offset(query) | {"next": int(query["offset"]) + SIZE}


def by_cursor(query: dict[str, str]) -> dict[str, Any]:
    number = int(query.get("after", "0"))
    return {"items": page(min(number, 4) * SIZE), "next": str(number + 1)}


def by_last_id(query: dict[str, str]) -> dict[str, Any]:
    after = int(query.get("lastUserId", "0"))
    left = next((n for n, item in enumerate(ITEMS) if item > after), len(ITEMS))
    return {"items": page(min(left, len(ITEMS) - SIZE))}


LISTINGS = [
    (by_skip_to_the_last_page, lambda: SkipLimit(SIZE)),
    (by_skip_to_a_full_page, lambda: SkipLimit(SIZE)),
    (by_skip_with_a_total_that_is_too_large, lambda: SkipLimit(SIZE)),
    (by_skip_round_and_round, lambda: SkipLimit(SIZE)),
    (by_page, lambda: CurrentPage(SIZE)),
    (by_page_that_it_numbers, lambda: CurrentPage(SIZE)),
    (by_offset, lambda: Offset(SIZE)),
    (by_offset_that_it_names, lambda: Offset(SIZE)),
    (by_cursor, Cursor),
    (by_last_id, lambda: LastId(SIZE, last_id=lambda item: item["id"])),
]
MOST = 30
"""Requests that a listing of five pages may take. The server then ends it, so that no test reads for ever."""


def listing(answer: Answer, *, broken: Callable[[int], bool] = lambda _: False) -> Step:
    count = 0

    async def step(exchange: Exchange) -> None:
        nonlocal count
        count += 1
        if count > MOST or broken(count):
            await reply(500 if count <= MOST else 404)(exchange)
        else:
            await reply(200, answer(dict(parse_qsl(exchange.request.query))))(exchange)

    return step


def pager(session: Any, strategy: Callable[[], Any], **options: Any) -> Pager[dict[str, Any]]:
    async def fetch(query: Any) -> Page[dict[str, Any]]:
        pairs = [(NAMES.get(name, name), value) for name, value in query.items()]
        answer = await session.execute(OPEN_READ.build(query=query_string(*pairs)))
        return Page(answer["items"], answer.get("total"), answer.get("number"), answer.get("next"))

    return Pager(fetch, strategy, **{"key": lambda item: item["id"], **options})


@pytest.mark.parametrize(("answer", "strategy"), LISTINGS, ids=lambda value: getattr(value, "__name__", ""))
async def test_a_server_that_answers_its_last_page_for_ever_is_an_error(
    answer: Answer, strategy: Callable[[], Any], server: FaultServer, clients: Clients
) -> None:
    server.on("GET", THING, then=listing(answer))
    listed = pager(clients.session(), strategy)
    found: list[int] = []

    async def read() -> None:
        async for item in listed:
            found.append(item["id"])  # noqa: PERF401 - what came before the error counts

    with pytest.raises(PaginationError) as caught:
        await read()
    assert caught.value.__cause__ is None, "the pager ended it, not the server"
    assert server.counts["GET", THING] <= 12
    if answer is not by_skip_round_and_round:
        assert set(found) == set(ITEMS), "nothing is lost that was there"


async def test_items_without_a_key_are_told_by_what_they_are(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=listing(lambda query: {"items": ITEMS[min(int(query["skip"]), 20) :][:SIZE]}))
    with pytest.raises(PaginationError, match="the server repeats pages"):
        await pager(clients.session(), lambda: SkipLimit(SIZE), key=None).collect()
    assert server.counts["GET", THING] <= 12


async def test_cursors_to_empty_pages_do_not_go_on_for_ever(server: FaultServer, clients: Clients) -> None:
    count = 0

    async def step(exchange: Exchange) -> None:
        nonlocal count
        count += 1
        await reply(200 if count < 5000 else 404, {"items": [], "next": f"c{count}"})(exchange)

    server.on("GET", THING, then=step)
    with pytest.raises(PaginationError, match="empty pages came in a row"):
        await pager(clients.session(), Cursor).collect()
    assert count == 1000


@pytest.mark.parametrize("broken", [lambda _: False, lambda count: count > 1 and count % 2 == 0], ids=["", "failing"])
async def test_a_job_says_so_in_a_sentence_of_its_own(
    broken: Callable[[int], bool], server: FaultServer, clients: Clients
) -> None:
    """Also where each other request fails, so that the listing begins anew each time and remembers nothing."""
    server.on("GET", THING, then=listing(by_skip_to_the_last_page, broken=broken))
    listed = pager(clients.session(retry=RetryPolicy(attempts=1)), lambda: SkipLimit(SIZE))
    with pytest.raises(JobError, match=r"the users cannot be listed to the end: .*the server repeats pages") as caught:
        [page async for page in pages_retrying(listed, clock=clients.clock)]
    assert isinstance(caught.value, JobInterrupted)
    assert "\n" not in str(caught.value)
    assert server.counts["GET", THING] < MOST
