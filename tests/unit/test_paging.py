"""Pagers and their strategies against a model of a server that caps, moves, repeats and ignores."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiosymphony.errors import ConfigError, NotFound, PaginationError, ServerError
from aiosymphony.paging import CurrentPage, Cursor, LastId, Offset, Page, Pager, SkipLimit, TimeWindow

Query = Mapping[str, Any]
MOST_REQUESTS = 500


class Model:
    """A listing of distinct items as a server may serve it. Asked too often, it says so: nothing may read for ever."""

    def __init__(self, items: Sequence[int], **habits: Any) -> None:
        self.items = list(items)
        self.cap: int = habits.get("cap", 10**9)
        self.says_total: bool = habits.get("says_total", False)
        self.ignores: bool = habits.get("ignores", False)
        self.base: int = habits.get("base", 0)
        self.echoes: bool = habits.get("echoes", True)
        self.inclusive: bool = habits.get("inclusive", False)
        self.gaps: frozenset[int] = habits.get("gaps", frozenset())
        self.repeats_after: int | None = habits.get("repeats_after")
        self.moves: list[Callable[[list[int]], None]] = habits.get("moves", [])
        self.queries: list[Query] = []
        self.pages: list[Sequence[int]] = []

    async def __call__(self, query: Query) -> Page[int]:
        self.queries.append(query)
        assert len(self.queries) < MOST_REQUESTS, "the pager does not end"
        if len(self.queries) > 1 and self.moves:
            self.moves.pop(0)(self.items)
        page = self.answer({} if self.ignores else query)
        self.pages.append(page.items)
        return page

    def answer(self, query: Query) -> Page[int]:
        raise NotImplementedError

    @property
    def total(self) -> int | None:
        return len(self.items) if self.says_total else None

    def slice(self, start: int, size: int) -> list[int]:
        return self.items[start : start + min(size, self.cap)]


class SkipModel(Model):
    def answer(self, query: Query) -> Page[int]:
        limit = self.queries[-1]["limit"]
        return Page(self.slice(query.get("skip", 0), limit), total=self.total)


class OffsetModel(Model):
    def answer(self, query: Query) -> Page[int]:
        offset = query.get("offset", 0)
        found = self.slice(offset, self.queries[-1]["limit"])
        return Page(found, total=self.total, next=offset + len(found) if self.echoes else None)


class PageModel(Model):
    def answer(self, query: Query) -> Page[int]:
        size = min(self.queries[-1]["page_size"], self.cap)
        number = query.get("current_page", self.base)
        items = self.slice((number - self.base) * size, size)
        said = self.queries[-1].get("current_page", self.base)  # one that ignores it may still repeat what was asked
        return Page(items, total=self.total, number=said if self.echoes else None)


class CursorModel(Model):
    """Cursors number the pages; some pages are empty and still have a next one."""

    def answer(self, query: Query) -> Page[int]:
        at = int(query.get("after", "0"))
        served = at - sum(gap < at for gap in self.gaps)
        items = [] if at in self.gaps else self.slice(served * self.size, self.size)
        more = (served + (at not in self.gaps)) * self.size < len(self.items) or any(gap > at for gap in self.gaps)
        following = str(at + 1) if more else None
        if self.repeats_after is not None and at >= self.repeats_after:
            following = "1"
        return Page(items, next=following)

    @property
    def size(self) -> int:
        return min(self.queries[-1].get("limit", 10), self.cap)


class LastIdModel(Model):
    def answer(self, query: Query) -> Page[int]:
        last = query.get("last_user_id", -1)
        after = [item for item in sorted(self.items) if item > last or (self.inclusive and item == last)]
        return Page(after[: min(self.queries[-1]["limit"], max(2, self.cap))])


class TimeModel(Model):
    """The items are times here; ``since`` includes them."""

    def answer(self, query: Query) -> Page[int]:
        since = query.get("since", 0)
        return Page([item for item in sorted(self.items) if item >= since][: self.queries[-1]["limit"]])


def collect(pager: Pager[int]) -> list[int]:
    return asyncio.run(pager.collect())


def pager(model: Model, strategy: Callable[[], Any], **options: Any) -> Pager[int]:
    return Pager(model, strategy, key=lambda item: item, **options)


LISTS = st.lists(st.integers(0, 10**6), unique=True, max_size=60)
SIZES = st.integers(1, 20)


@given(items=LISTS, size=SIZES, cap=SIZES, says_total=st.booleans())
def test_skip_loses_nothing_however_the_server_caps(items: list[int], size: int, cap: int, says_total: bool) -> None:
    model = SkipModel(items, cap=cap, says_total=says_total)
    assert collect(pager(model, lambda: SkipLimit(size))) == items


@given(items=LISTS, size=SIZES, cap=SIZES, says_total=st.booleans(), echoes=st.booleans())
def test_offset_loses_nothing_however_the_server_caps(
    items: list[int], size: int, cap: int, says_total: bool, echoes: bool
) -> None:
    model = OffsetModel(items, cap=cap, says_total=says_total, echoes=echoes)
    assert collect(pager(model, lambda: Offset(size))) == items


@given(items=LISTS, size=SIZES, cap=SIZES, says_total=st.booleans(), base=st.sampled_from([0, 1]))
def test_current_page_loses_nothing_from_0_or_from_1(
    items: list[int], size: int, cap: int, says_total: bool, base: int
) -> None:
    model = PageModel(items, cap=cap, says_total=says_total, base=base)
    assert collect(pager(model, lambda: CurrentPage(size))) == items
    assert "current_page" not in model.queries[0]


@given(items=LISTS, size=SIZES, cap=SIZES, gaps=st.frozensets(st.integers(0, 20), max_size=6))
def test_cursors_lead_over_empty_pages_to_the_end(items: list[int], size: int, cap: int, gaps: frozenset[int]) -> None:
    model = CursorModel(items, cap=cap, gaps=gaps)
    assert collect(pager(model, lambda: Cursor(size))) == items


@given(items=LISTS, size=st.integers(2, 20), cap=SIZES, inclusive=st.booleans())
def test_last_id_loses_nothing_and_repeats_nothing(items: list[int], size: int, cap: int, inclusive: bool) -> None:
    model = LastIdModel(items, cap=cap, inclusive=inclusive)
    listed = pager(model, lambda: LastId(size, last_id=lambda item: item), overlapping=True)
    assert collect(listed) == sorted(items)


@given(items=LISTS, size=st.integers(2, 20))
def test_time_windows_lose_nothing_and_repeat_nothing(items: list[int], size: int) -> None:
    listed = pager(TimeModel(items), lambda: TimeWindow(size, time_of=lambda item: item), overlapping=True)
    assert collect(listed) == sorted(items)


@given(
    kind=st.sampled_from([SkipModel, OffsetModel, PageModel]),
    items=LISTS,
    size=SIZES,
    says_total=st.booleans(),
    echoes=st.booleans(),
    base=st.sampled_from([0, 1]),
)
def test_a_server_that_ignores_where_to_go_on_is_an_error_or_was_read_whole(
    kind: type[Model], items: list[int], size: int, says_total: bool, echoes: bool, base: int
) -> None:
    model = kind(items, ignores=True, says_total=says_total, echoes=echoes and kind is not OffsetModel, base=base)
    strategy = {SkipModel: SkipLimit, OffsetModel: Offset, PageModel: CurrentPage}[kind]
    try:
        found = collect(pager(model, lambda: strategy(size)))
    except PaginationError:
        assert len(model.queries) <= 3
    else:
        assert found == items


@given(items=st.lists(st.integers(0, 10**6), unique=True, min_size=1, max_size=60), size=st.integers(2, 20))
def test_a_server_that_ignores_the_last_id_is_an_error_or_was_read_whole(items: list[int], size: int) -> None:
    model = LastIdModel(items, ignores=True)
    listed = pager(model, lambda: LastId(size, last_id=lambda item: item), overlapping=True)
    try:
        found = collect(listed)
    except PaginationError:
        assert len(model.queries) <= 3
    else:
        assert found == sorted(items)


@given(items=LISTS, size=SIZES, repeats_after=st.integers(0, 10))
def test_a_cursor_that_comes_back_is_an_error_and_never_an_endless_listing(
    items: list[int], size: int, repeats_after: int
) -> None:
    model = CursorModel(items, repeats_after=repeats_after)
    try:
        found = collect(pager(model, lambda: Cursor(size)))
    except PaginationError as error:
        assert "repeats a cursor" in error.message  # noqa: PT017 - whether it is raised depends on the example
    else:
        assert found == items


@st.composite
def growth(draw: st.DrawFn) -> list[Callable[[list[int]], None]]:
    """Insertions anywhere, between any two pages; new items have numbers of their own."""
    places = draw(st.lists(st.none() | st.floats(0, 1), max_size=30))

    def insertion(number: int, place: float) -> Callable[[list[int]], None]:
        return lambda items: items.insert(int(place * len(items)), -1 - number)

    return [(lambda _: None) if place is None else insertion(n, place) for n, place in enumerate(places)]


@given(items=LISTS, size=SIZES, cap=SIZES, moves=growth())
def test_a_list_that_grows_while_it_is_read_shows_all_that_was_there_and_unique_shows_it_once(
    items: list[int], size: int, cap: int, moves: list[Callable[[list[int]], None]]
) -> None:
    model = SkipModel(items, cap=cap, moves=moves)
    try:
        found = collect(pager(model, lambda: SkipLimit(size)).unique())
    except PaginationError:
        # With one item on the last page, one insertion a page looks as if the server did not move on.
        assert min(size, cap, len(items)) == 1 or model.pages[-1] == model.pages[-2] == model.pages[-3]
    else:
        assert len(found) == len(set(found))
        assert set(items) <= set(found)


@given(items=LISTS, size=SIZES, keep=st.integers(0, 3))
def test_a_list_that_shrinks_while_it_is_read_ends_and_repeats_nothing(items: list[int], size: int, keep: int) -> None:
    moves: list[Callable[[list[int]], None]] = [lambda items: items.__delitem__(slice(keep, keep + 2))] * 30
    found = collect(pager(SkipModel(items, moves=moves), lambda: SkipLimit(size)))
    assert len(found) == len(set(found))
    assert set(found) <= set(items)


def test_a_total_that_counts_the_page_alone_does_not_end_the_listing() -> None:
    class Confused(SkipModel):
        def answer(self, query: Query) -> Page[int]:
            page = super().answer(query)
            return Page(page.items, total=len(page.items))

    items = list(range(25))
    assert collect(pager(Confused(items), lambda: SkipLimit(10))) == items


def test_more_items_of_one_time_than_a_page_holds_is_an_error_and_no_loss() -> None:
    class SameTime(TimeModel):
        def answer(self, query: Query) -> Page[int]:
            return Page(list(range(self.queries[-1]["limit"])))

    listed = Pager(SameTime([]), lambda: TimeWindow(5, time_of=lambda _: 1000), key=lambda item: item, overlapping=True)
    with pytest.raises(PaginationError, match="share the time 1000"):
        collect(listed)


def test_a_server_that_ignores_since_is_an_error() -> None:
    listed = pager(TimeModel(range(9), ignores=True), lambda: TimeWindow(3, time_of=lambda item: item))
    with pytest.raises(PaginationError, match="ignores since"):
        collect(listed)


def test_pages_items_first_and_collect_show_the_same_listing() -> None:
    async def main() -> None:
        model = SkipModel(range(7))
        listed = pager(model, lambda: SkipLimit(3))
        assert model.queries == []  # nothing is sent until it is read
        assert [list(page) async for page in listed.pages()] == [[0, 1, 2], [3, 4, 5], [6]]
        assert [item async for item in listed] == list(range(7))  # each reading begins anew
        assert await listed.first() == 0
        assert await listed.collect(limit=5) == [0, 1, 2, 3, 4]
        model.queries.clear()
        assert await listed.collect(limit=0) == []
        assert await listed.collect(limit=-1) == []
        assert model.queries == []
        assert await pager(SkipModel([]), lambda: SkipLimit(3)).first() is None

    asyncio.run(main())


@pytest.mark.parametrize("ahead", [1, 2, 10])
def test_prefetching_shows_the_same_and_stays_ahead_by_so_many_pages_at_most(ahead: int) -> None:
    async def main() -> None:
        model = SkipModel(range(100))
        read = 0
        async for _ in pager(model, lambda: SkipLimit(5)).prefetch(ahead).pages():
            read += 1
            for _ in range(50):
                await asyncio.sleep(0)
            # one more page than asked for waits in the hands of the reading task
            assert len(model.queries) <= read + ahead + 1
        assert read == 20
        assert await pager(model, lambda: SkipLimit(5)).prefetch(ahead).collect() == list(range(100))
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


@pytest.mark.parametrize("ahead", [0, 3])
def test_an_error_of_the_first_page_comes_as_it_is_and_a_later_one_says_where(ahead: int) -> None:
    def failing(at: int) -> Pager[int]:
        model = SkipModel(range(9))

        async def fetch(query: Query) -> Page[int]:
            if query["skip"] == at:
                raise NotFound("gone", status=404, trace_id="t1")
            return await model(query)

        return Pager(fetch, lambda: SkipLimit(3)).prefetch(ahead)

    with pytest.raises(NotFound):
        collect(failing(0))
    with pytest.raises(PaginationError, match="gone") as caught:
        collect(failing(6))
    assert isinstance(caught.value.__cause__, NotFound)
    assert (caught.value.resume, caught.value.items_seen, caught.value.trace_id) == ({"skip": 6, "limit": 3}, 6, "t1")


@pytest.mark.parametrize("ahead", [0, 3])
@pytest.mark.parametrize("failing", [2, 3, 5, 8])
@pytest.mark.parametrize("first_page", [0, 1])
def test_a_listing_that_is_resumed_ends_where_it_would_have_ended(ahead: int, failing: int, first_page: int) -> None:
    """The server gives its last page again for each page beyond it, so that only the total tells the end."""
    items, size, asked = [*range(57)], 7, 0
    last = first_page + (len(items) - 1) // size

    async def fetch(query: Query) -> Page[int]:
        nonlocal asked
        asked += 1
        if asked in (failing, failing + 1):
            raise ServerError("down", status=500)
        number = min(query.get("current_page", first_page), last)
        start = (number - first_page) * size
        return Page(items[start : start + size], total=len(items), number=number)

    pager, found, counted = Pager(fetch, lambda: CurrentPage(size)).prefetch(ahead), [], []

    async def read() -> None:
        nonlocal pager
        while True:
            try:
                async for page in pager.pages():
                    found.extend(page)
            except PaginationError as error:
                counted.append(error.items_seen == len(found))
                pager = pager.starting_at(error.resume)
            except ServerError:
                pass  # the first page of what is left failed again
            else:
                return

    asyncio.run(read())
    assert found == items
    assert all(counted)
    assert asked == 11


class Bang(BaseException):
    """No Exception, as KeyboardInterrupt is none; but one that an event loop lets a task end with."""


@pytest.mark.parametrize("kind", [Bang, asyncio.CancelledError])
@pytest.mark.parametrize("ahead", [0, 1, 5])
def test_what_is_no_exception_reaches_the_reader_too(ahead: int, kind: type[BaseException]) -> None:
    async def fetch(query: Mapping[str, Any]) -> Page[int]:
        await asyncio.sleep(0)
        if query["skip"] >= 6:
            if kind is Bang:
                raise Bang
            inner = asyncio.ensure_future(asyncio.sleep(5.0))
            inner.cancel()
            await inner
        return Page([query["skip"] + n for n in range(3)])

    async def main() -> None:
        seen: list[int] = []

        async def read() -> None:
            async for item in Pager(fetch, lambda: SkipLimit(3)).prefetch(ahead):
                seen.append(item)  # noqa: PERF401 - what came before it counts

        task = asyncio.ensure_future(read())
        for _ in range(1000):
            await asyncio.sleep(0)
        assert task.done(), "it waits for what nobody will do"
        with pytest.raises(kind):
            await task
        assert seen == list(range(6))

    asyncio.run(main())


def test_misuse_is_named() -> None:
    listed = Pager(SkipModel([1]), lambda: SkipLimit(3))
    with pytest.raises(ConfigError, match="no key"):
        listed.unique()
    with pytest.raises(ConfigError, match="prefetch"):
        listed.prefetch(-1)
    for strategy in (SkipLimit, CurrentPage, Cursor, Offset):
        with pytest.raises(ConfigError, match="page_size"):
            strategy(0)
