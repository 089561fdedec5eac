"""Case 38: listings of a server that ignores, repeats, caps and moves. Over the wire, through a whole session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest

from aiosymphony.errors import PaginationError, ServerError
from aiosymphony.paging import CurrentPage, Cursor, LastId, Offset, Page, Pager, SkipLimit
from aiosymphony.retry import RetryPolicy
from aiosymphony.wire.encoding import query_string

from .clients import OPEN_READ, THING, Clients
from .server import Exchange, FaultServer, Step, close, reply

NAMES = {"current_page": "currentPage", "page_size": "pageSize", "last_user_id": "lastUserId"}


def listing(answer: Callable[[dict[str, str]], Any]) -> Step:
    """A page computed from the query."""

    async def step(exchange: Exchange) -> None:
        await reply(200, answer(dict(parse_qsl(exchange.request.query))))(exchange)

    return step


def pager(session: Any, strategy: Callable[[], Any], **options: Any) -> Pager[int]:
    """Pages of integers: ``items``, and whatever of ``total``, ``number`` and ``next`` the answer has."""

    async def fetch(query: Any) -> Page[int]:
        pairs = [(NAMES.get(name, name), value) for name, value in query.items()]
        answer = await session.execute(OPEN_READ.build(query=query_string(*pairs)))
        if answer is None:
            return Page(())
        return Page(answer["items"], answer.get("total"), answer.get("number"), answer.get("next"))

    return Pager(fetch, strategy, key=lambda item: item, **options)


def skip_limit(items: list[int], *, cap: int = 10**9, total: bool = False) -> Step:
    def answer(query: dict[str, str]) -> Any:
        skip, limit = int(query["skip"]), min(int(query["limit"]), cap)
        found = {"items": items[skip : skip + limit]}
        return found | {"total": len(items)} if total else found

    return listing(answer)


@pytest.mark.parametrize("total", [False, True])
@pytest.mark.parametrize("cap", [100, 7, 1])
async def test_case_38_limit_lowered_by_the_server_loses_nothing(
    cap: int, total: bool, server: FaultServer, clients: Clients
) -> None:
    items = list(range(350 if cap > 1 else 20))
    server.on("GET", THING, then=skip_limit(items, cap=cap, total=total))
    assert await pager(clients.session(), lambda: SkipLimit(200)).collect() == items
    pages = -(-len(items) // cap)
    assert server.counts["GET", THING] == pages + (0 if total else 1)


async def test_case_38_a_short_page_is_not_the_end(server: FaultServer, clients: Clients) -> None:
    pages = {0: [0, 1, 2], 3: [3], 4: [4, 5], 6: []}
    server.on("GET", THING, then=listing(lambda query: {"items": pages[int(query["skip"])]}))
    assert await pager(clients.session(), lambda: SkipLimit(3)).collect() == [0, 1, 2, 3, 4, 5]
    assert server.counts["GET", THING] == 4


async def test_case_38_a_204_is_the_end(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, reply(200, {"items": [1, 2]}), then=reply(204))
    assert await pager(clients.session(), lambda: SkipLimit(2)).collect() == [1, 2]
    assert server.counts["GET", THING] == 2


async def test_case_38_skip_ignored_is_an_error_and_no_endless_loop(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, *[reply(200, {"items": [1, 2, 3]})] * 5, then=reply(404))
    with pytest.raises(PaginationError, match="ignores skip") as caught:
        await pager(clients.session(), lambda: SkipLimit(3)).collect()
    assert caught.value.items_seen == 3
    assert server.counts["GET", THING] == 2


@pytest.mark.parametrize("cursors", [["a", "a"], ["a", "b", "a"], ["a", "b", "c", "b"]])
async def test_case_38_a_repeated_cursor_is_an_error(cursors: list[str], server: FaultServer, clients: Clients) -> None:
    answers = [reply(200, {"items": [n], "next": cursor}) for n, cursor in enumerate(cursors)]
    server.on("GET", THING, *answers)
    with pytest.raises(PaginationError, match="repeats a cursor"):
        await pager(clients.session(), Cursor).collect()
    assert server.counts["GET", THING] == len(cursors)


async def test_case_38_an_empty_page_with_a_cursor_goes_on(server: FaultServer, clients: Clients) -> None:
    answers = [{"items": [1], "next": "a"}, {"items": [], "next": "b"}, {"items": [], "next": "c"}, {"items": [2]}]
    server.on("GET", THING, *(reply(200, answer) for answer in answers))
    assert await pager(clients.session(), Cursor).collect() == [1, 2]
    assert [seen.query for seen in server.seen("GET", THING)] == ["", "after=a", "after=b", "after=c"]


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("total", [False, True])
@pytest.mark.parametrize("cap", [100, 4])
async def test_case_38_current_page_from_0_and_from_1(
    cap: int, total: bool, base: int, server: FaultServer, clients: Clients
) -> None:
    items = list(range(23))

    def answer(query: dict[str, str]) -> Any:
        size = min(int(query["pageSize"]), cap)
        number = int(query.get("currentPage", base))
        start = (number - base) * size
        found = {"items": items[start : start + size], "number": number}
        return found | {"total": len(items)} if total else found

    server.on("GET", THING, then=listing(answer))
    assert await pager(clients.session(), lambda: CurrentPage(10)).collect() == items
    assert "currentPage" not in server.seen("GET", THING)[0].query


@pytest.mark.parametrize("echo", [True, False], ids=["says which page", "does not say"])
@pytest.mark.parametrize("total", [True, False], ids=["total", "no total"])
async def test_case_38_current_page_ignored_is_an_error_and_no_endless_loop(
    total: bool, echo: bool, server: FaultServer, clients: Clients
) -> None:
    def answer(query: dict[str, str]) -> Any:
        found: dict[str, Any] = {"items": [1, 2, 3]}
        if echo:
            found["number"] = int(query.get("currentPage", 0))
        return found | {"total": 9} if total else found

    server.on("GET", THING, *[listing(answer)] * 5, then=reply(404))
    with pytest.raises(PaginationError, match="ignores current_page"):
        await pager(clients.session(), lambda: CurrentPage(3)).collect()
    assert server.counts["GET", THING] == 2


async def test_case_38_offset_ignored_is_an_error_and_no_endless_loop(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, *[reply(200, {"items": [1, 2, 3]})] * 5, then=reply(404))
    with pytest.raises(PaginationError, match="ignores offset"):
        await pager(clients.session(), lambda: Offset(3)).collect()
    assert server.counts["GET", THING] == 2


@pytest.mark.parametrize("inclusive", [False, True])
async def test_case_38_last_id_inclusive_or_not(inclusive: bool, server: FaultServer, clients: Clients) -> None:
    items = list(range(10, 60, 2))

    def answer(query: dict[str, str]) -> Any:
        after = int(query.get("lastUserId", 0))
        return {"items": [n for n in items if n > after or (inclusive and n == after)][: int(query["limit"])]}

    server.on("GET", THING, then=listing(answer))
    found = pager(clients.session(), lambda: LastId(10, last_id=lambda item: item), overlapping=True)
    assert await found.collect() == items


async def test_case_38_last_id_ignored_is_an_error_and_not_the_end(server: FaultServer, clients: Clients) -> None:
    server.on("GET", THING, then=reply(200, {"items": [10, 12, 14]}))
    with pytest.raises(PaginationError, match="ignores last_user_id"):
        await pager(clients.session(), lambda: LastId(3, last_id=lambda item: item), overlapping=True).collect()
    assert server.counts["GET", THING] == 2


async def test_case_38_a_list_that_moves_repeats_and_unique_drops_it(server: FaultServer, clients: Clients) -> None:
    """Somebody adds an item at the front after the first page: skip shows one item twice."""
    items = list(range(6))

    def answer(query: dict[str, str]) -> Any:
        skip = int(query["skip"])
        if skip == 3 and -1 not in items:
            items.insert(0, -1)
        return {"items": items[skip : skip + 3]}

    server.on("GET", THING, then=listing(answer))
    listed = pager(clients.session(), lambda: SkipLimit(3))
    assert await listed.collect() == [0, 1, 2, 2, 3, 4, 5]
    items.remove(-1)
    assert await listed.unique().collect() == [0, 1, 2, 3, 4, 5]


async def test_case_38_a_page_that_fails_says_where_to_go_on(server: FaultServer, clients: Clients) -> None:
    whole = skip_limit(list(range(9)))
    broken = True

    async def step(exchange: Exchange) -> None:
        await (reply(500, "") if broken and "skip=6" in exchange.request.query else whole)(exchange)

    server.on("GET", THING, then=step)
    listed = pager(clients.session(retry=RetryPolicy(attempts=2)), lambda: SkipLimit(3))
    found: list[int] = []

    async def read(pager: Pager[int]) -> None:
        async for item in pager:
            found.append(item)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(PaginationError, match="6 items were handed out before") as caught:
        await read(listed)
    assert isinstance(caught.value.__cause__, ServerError)
    assert caught.value.resume == {"skip": 6, "limit": 3}
    broken = False
    await read(listed.starting_at(caught.value.resume))
    assert found == list(range(9))


async def test_case_38_a_page_that_is_lost_once_is_asked_for_again(server: FaultServer, clients: Clients) -> None:
    whole = skip_limit(list(range(9)))
    server.on("GET", THING, whole, close(), whole, close(), close(), then=whole)
    assert await pager(clients.session(), lambda: SkipLimit(3)).collect() == list(range(9))
    assert server.counts["GET", THING] == 4 + 3


@pytest.mark.parametrize("ahead", [0, 1, 3])
async def test_case_38_a_reader_that_stops_early_leaves_nothing_behind(
    ahead: int, server: FaultServer, clients: Clients
) -> None:
    server.on("GET", THING, then=skip_limit(list(range(100))))
    listed = pager(clients.session(), lambda: SkipLimit(5)).prefetch(ahead)
    assert await listed.first() == 0
    assert await listed.collect(limit=7) == list(range(7))
    assert server.counts["GET", THING] <= 3 + 2 * (ahead + 1)
