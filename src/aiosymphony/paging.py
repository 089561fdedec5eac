"""Paged listings as one object: read it item by item, page by page, whole, or only the first item.

Operations page in different ways; each way is a strategy here:

==================  ==============================================================================================
SkipLimit           ``skip`` advances by what arrived. Ends at an empty page, a 204 or a stated total, and never at a
                    page that is merely shorter than asked: servers cap the limit.
CurrentPage         The first request has no page number; the next number follows the one in the answer. This works
                    for servers that count from 0 and for those that count from 1.
Cursor              Goes on while the answer names a next cursor, also after an empty page. A repeated cursor is an
                    error; with an empty page it is the end.
LastId              Asks for what follows the last id. Whether the server includes that id is not known: a repeated
                    boundary item is dropped.
TimeWindow          Asks from the time of the last item. The answer repeats items of that time; these are dropped. If
                    only that time comes back, asks from the next millisecond.
Offset              The answer says where the next page starts.
==================  ==============================================================================================

With every strategy, a server that keeps repeating pages is an error: some servers answer with their last page for every
request beyond it.

Lists change while they are read. :meth:`Pager.unique` drops items that come twice. Items that a page skips, because
others were deleted meanwhile, cannot be found.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Generic, Protocol, Self, TypeVar

import attrs

from .errors import ConfigError, MissingField, PaginationError, SymphonyError

__all__ = ["CurrentPage", "Cursor", "LastId", "Offset", "Page", "Pager", "SkipLimit", "Strategy", "TimeWindow"]

T = TypeVar("T")

Query = Mapping[str, Any]


@attrs.frozen
class Page(Generic[T]):
    """One page: what one answer holds.

    Attributes:
        items: The items, in the server's order.
        total: How many there are in all, if the answer says so.
        number: The number of this page, if the answer says so.
        next: The cursor or the offset of the next page, if the answer has one.
        before: How many items of the listing came before this page; the pager fills it in.
        answer: The whole answer, for what a listing leaves out, such as the facets of a search.
    """

    items: Sequence[T]
    total: int | None = None
    number: int | None = None
    next: str | int | None = None
    before: int = 0
    answer: Any = None


class Strategy(Protocol):
    """Says which page comes next. One object serves one reading, from the first page to the last."""

    def first(self) -> Query:
        """The arguments that ask for the first page."""
        ...

    def following(self, query: Query, page: Page[Any]) -> Query | None:
        """The arguments for the page after ``page``, the answer to ``query``; None at the end.

        Raises:
            PaginationError: The server repeats pages, or ignores the arguments.
        """
        ...


def _checked(page_size: int, least: int = 1) -> int:
    if page_size < least:
        raise ConfigError(f"page_size must be {least} or more, not {page_size!r}. Nothing was sent.")
    return page_size


class SkipLimit:
    """``skip`` and ``limit``; see the table of this module."""

    def __init__(self, page_size: int) -> None:
        self._limit = _checked(page_size)
        self._first: Sequence[Any] = ()

    def first(self) -> Query:
        return {"skip": 0, "limit": self._limit}

    def following(self, query: Query, page: Page[Any]) -> Query | None:
        items = page.items
        if not items:
            return None
        if _same(items, self._first):
            raise PaginationError("the server ignores skip: it answered with the first page again")
        self._first = self._first or items
        skip = query["skip"] + len(items)
        # A total that equals a full page may be the count of that page alone: one more request tells.
        if page.total is not None and skip >= page.total and not (page.total == len(items) >= self._limit):
            return None
        return {**query, "skip": skip}


class CurrentPage:
    """``currentPage`` and ``pageSize``, or what else they are called; see the table of this module."""

    def __init__(
        self, page_size: int, *, argument: str = "current_page", size: str = "page_size", counts_from: int = 0
    ) -> None:
        """``argument`` and ``size`` are the builder's names. ``counts_from`` is for answers without a number."""
        self._size = _checked(page_size)
        self._argument, self._size_argument, self._counts_from = argument, size, counts_from
        self._first: Sequence[Any] = ()

    def first(self) -> Query:
        return {self._size_argument: self._size}

    def following(self, query: Query, page: Page[Any]) -> Query | None:
        asked = query.get(self._argument)
        number = page.number if page.number is not None else self._counts_from if asked is None else asked
        if asked is not None and number < asked:
            raise PaginationError(f"the server ignores {self._argument}: it answered page {asked} with page {number}")
        if _same(page.items, self._first):
            raise PaginationError(f"the server ignores {self._argument}: it answered with the first page again")
        self._first = self._first or page.items
        if not page.items or (page.total is not None and page.before + len(page.items) >= page.total):
            return None
        return {**query, self._argument: number + 1}


class Cursor:
    """A cursor from each answer to the next request; see the table of this module."""

    _MOST_EMPTY = 1000
    """Empty pages in a row, each with a new cursor, after which the listing is given up."""

    def __init__(self, page_size: int | None = None, *, argument: str = "after") -> None:
        """``page_size`` None leaves the size to the server; ``argument`` is the builder's name for the cursor."""
        self._size = None if page_size is None else _checked(page_size)
        self._argument = argument
        self._seen: set[str | int] = set()
        self._empty = 0

    def first(self) -> Query:
        return {} if self._size is None else {"limit": self._size}

    def following(self, query: Query, page: Page[Any]) -> Query | None:
        if page.next is None or page.next == "":
            return None
        if page.next in self._seen:
            if not page.items:  # the end of the last page is a place too, and some servers name it
                return None
            raise PaginationError("the server repeats a cursor: the listing would never end")
        self._seen.add(page.next)
        self._empty = 0 if page.items else self._empty + 1
        if self._empty == self._MOST_EMPTY:
            raise PaginationError(f"{self._empty} empty pages came in a row: the listing would never end")
        return {**query, self._argument: page.next}


class LastId:
    """``lastUserId`` and ``limit`` over ascending ids; see the table of this module."""

    def __init__(self, page_size: int, *, last_id: Callable[[Any], int], argument: str = "last_user_id") -> None:
        # Pages of one, from a server that includes the boundary, would hold nothing but that.
        self._limit = _checked(page_size, 2)
        self._last_id = last_id
        self._argument = argument

    def first(self) -> Query:
        return {"limit": self._limit}

    def following(self, query: Query, page: Page[Any]) -> Query | None:
        if not page.items:
            return None
        ids = [self._last_id(item) for item in page.items]
        last, boundary = max(ids), query.get(self._argument)
        if boundary is None or last > boundary:
            return {**query, self._argument: last}
        if min(ids) < boundary:
            raise PaginationError(f"the server ignores {self._argument}: it answered with items before it again")
        return None


class TimeWindow:
    """``since`` and ``limit`` over ascending times, or ``to`` and ``limit`` over descending ones; see the table."""

    def __init__(
        self,
        page_size: int,
        *,
        time_of: Callable[[Any], int | None],
        start: int | None = None,
        descending: bool = False,
    ) -> None:
        """``start`` is the first moment to ask for, which with ``descending`` is the latest."""
        self._limit = _checked(page_size, 2)
        self._time_of = time_of
        self._start = start
        self._argument, self._step = ("to", -1) if descending else ("since", 1)
        self._previous: Sequence[Any] = ()
        self._largest = 0
        self._moment: int | None = None

    def first(self) -> Query:
        return {"limit": self._limit} if self._start is None else {"limit": self._limit, self._argument: self._start}

    def following(self, query: Query, page: Page[Any]) -> Query | None:
        items, start, step = page.items, query.get(self._argument), self._step
        if not items:
            return None
        times = [time for item in items if (time := self._time_of(item)) is not None]
        if not times:
            raise PaginationError("no item of the page has a time, so the next page cannot be asked for")
        first, last = (min(times), max(times)) if step > 0 else (max(times), min(times))
        if start is not None and (first - start) * step < 0:
            raise PaginationError(f"the server ignores {self._argument}: it answered {start} with an item of {first}")
        if self._moment is not None and start == self._moment + step:
            # Something follows that moment, and its page did not show it: look again whether that page was cut.
            return {**query, self._argument: self._moment}
        if last != start:
            self._previous, self._largest, self._moment = items, max(self._largest, len(items)), None
            return {**query, self._argument: last}
        # All of one moment. Unless this is all there is of it, the rest cannot be asked for.
        as_full_as_any = 0 < self._largest <= len(items) and not _same(items, self._previous)
        if len(items) >= self._limit or as_full_as_any or self._moment == last:
            raise PaginationError(f"{len(items)} items or more share the time {last}: ask for larger pages")
        self._moment = last
        return {**query, self._argument: last + step}


class Offset:
    """``offset`` and ``limit``, the answer saying where the next page starts; see the table of this module."""

    def __init__(self, page_size: int) -> None:
        self._limit = _checked(page_size)
        self._first: Sequence[Any] = ()

    def first(self) -> Query:
        return {"offset": 0, "limit": self._limit}

    def following(self, query: Query, page: Page[Any]) -> Query | None:
        if _same(page.items, self._first):
            raise PaginationError("the server ignores offset: it answered with the first page again")
        self._first = self._first or page.items
        start = query["offset"] + len(page.items)
        if not page.items or (page.total is not None and start >= page.total):
            return None
        if isinstance(page.next, int):
            if page.next <= query["offset"]:
                raise PaginationError("the server repeats an offset: the listing would never end")
            start = page.next
        return {**query, "offset": start}


class PageMemory(Generic[T]):
    """Remembers the pages of a listing by the keys of their first and last items, to notice repeated ones."""

    _MOST_REPEATED = 3
    """A page may come again because the list moved: an item was added just before its end was reached."""

    def __init__(self, key: Callable[[T], Hashable] | None) -> None:
        self._key = key
        self._seen: set[Hashable] = set()
        self._last: Sequence[T] = ()
        self._repeated = 0

    def add(self, items: Sequence[T]) -> None:
        """Remember a page.

        Raises:
            PaginationError: It came before, and so did those just before it.
        """
        if not items:
            return
        self._repeated = self._repeated + 1 if self._came_before(items) else 0
        if self._repeated == self._MOST_REPEATED:
            raise PaginationError("the server repeats pages: the listing would never end")

    def _came_before(self, items: Sequence[T]) -> bool:
        last, self._last = self._last, items
        ends = None if self._key is None else (_key_of(self._key, items[0]), _key_of(self._key, items[-1]))
        if ends is None or None in ends:
            return _same(items, last)
        known = (len(items), *ends)
        if known in self._seen:
            return True
        self._seen.add(known)
        return False


class _Resume(dict[str, Any]):
    """The arguments of a page to resume at, with the count of the items before it: some listings end by it."""

    def __init__(self, query: Query, items_seen: int) -> None:
        super().__init__(query)
        self.items_seen = items_seen


class Pager(Generic[T]):
    """A listing. Nothing is sent until it is read; each reading starts from the beginning::

        async for user in pod.users.list(): ...
        async for page in pod.users.list().pages(): ...
        users = await pod.users.list().collect(limit=500)
        user = await pod.users.list().first()

    Errors: the first request raises its own error; a later one raises :class:`PaginationError` with the error as cause.
    ``pager.starting_at(error.resume)`` then resumes the listing.
    """

    def __init__(
        self,
        fetch: Callable[[Query], Awaitable[Page[T]]],
        strategy: Callable[[], Strategy],
        *,
        key: Callable[[T], Hashable] | None = None,
        overlapping: bool = False,
    ) -> None:
        """Make a listing from a function that gets a page and a strategy that picks the next.

        Args:
            fetch: Gets the page for a strategy's arguments.
            strategy: Makes a new strategy for each reading.
            key: Identifies an item; needed by :meth:`unique`.
            overlapping: Neighbouring pages share items by design: always drop repeated ones.
        """
        self._fetch = fetch
        self._strategy = strategy
        self._key = key
        self._unique = overlapping
        self._prefetch = 0
        self._start: Query = {}

    @property
    def memory(self) -> PageMemory[T]:
        """A new memory of pages, for callers that read this listing in parts."""
        return PageMemory(self._key)

    def unique(self) -> Self:
        """The same listing without repeated items, by their key. Keeps all keys in memory.

        Raises:
            ConfigError: The items of this listing have no key.
        """
        if self._key is None:
            raise ConfigError("unique() cannot be used: the items of this listing have no key")
        return self._with(unique=True)

    def prefetch(self, pages: int = 1) -> Self:
        """The same listing, which requests up to ``pages`` pages ahead of the reader.

        Pages are still requested one after the other, as each request depends on the answer before.
        """
        if pages < 0:
            raise ConfigError(f"prefetch takes 0 or more pages, not {pages}")
        return self._with(prefetch=pages)

    def starting_at(self, resume: Query) -> Self:
        """The same listing from ``resume`` of a ``PaginationError`` on. Do not store that value: cursors expire."""
        return self._with(start=resume)

    def __aiter__(self) -> AsyncIterator[T]:
        return self._items()

    async def _items(self) -> AsyncGenerator[T, None]:
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                for item in page:
                    yield item

    async def pages(self) -> AsyncGenerator[Sequence[T], None]:
        """The pages, without empty ones."""
        source = self._ahead(self._prefetch) if self._prefetch else self._raw()
        seen: set[Hashable] = set()
        async with aclosing(source) as raw:
            async for page in raw:
                items = page.items
                if self._unique and self._key is not None:
                    items = _new_only(items, self._key, seen)
                if items:
                    yield items

    async def collect(self, *, limit: int | None = None) -> list[T]:
        """All items, or the first ``limit`` of them, as a list."""
        found: list[T] = []
        if limit is not None and limit <= 0:
            return found
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                found.extend(page)
                if limit is not None and len(found) >= limit:
                    return found[:limit]
        return found

    async def first(self) -> T | None:
        """The first item, or None if there is none."""
        found = await self.collect(limit=1)
        return found[0] if found else None

    async def page(self) -> Page[T]:
        """One page, with what the answer says beside its items: :attr:`Page.total`, :attr:`Page.answer`.

        The first one, or the one that :meth:`starting_at` names: ``pager.starting_at({"skip": 100}).page()``.
        """
        async with aclosing(self._raw()) as raw:
            return await anext(raw)

    async def _raw(self) -> AsyncGenerator[Page[T], None]:
        strategy = self._strategy()
        query: Query | None = {**strategy.first(), **self._start}
        memory = self.memory
        handed_out = self._start.items_seen if isinstance(self._start, _Resume) else 0
        first = True
        while query is not None:
            try:
                page = attrs.evolve(await self._fetch(query), before=handed_out)
                following = strategy.following(query, page)
                if following is not None:
                    memory.add(page.items)
            except PaginationError as error:
                error.resume, error.items_seen = _Resume(query, handed_out), handed_out
                raise
            except SymphonyError as error:
                if first:
                    raise
                resume = _Resume(query, handed_out)
                stopped = PaginationError(f"the listing stopped: {error}", resume=resume, items_seen=handed_out)
                stopped.copy_request_from(error)
                raise stopped from error
            yield page
            handed_out += len(page.items)
            query, first = following, False

    async def _ahead(self, pages: int) -> AsyncGenerator[Page[T], None]:
        """The raw pages, read by a task of its own that stays ahead of the reader by ``pages`` at most."""
        ready: asyncio.Queue[Page[T] | None] = asyncio.Queue(pages)

        async def read() -> None:
            async with aclosing(self._raw()) as raw:
                async for page in raw:
                    await ready.put(page)

        task = asyncio.create_task(read(), name="aiosymphony prefetch")
        # However the reading ends, a reader that waits for the next page looks up.
        task.add_done_callback(lambda _: ready.put_nowait(None) if ready.empty() else None)
        try:
            while not (task.done() and ready.empty()):
                if (page := await ready.get()) is not None:
                    yield page
            task.result()
        finally:
            task.cancel()
            await asyncio.wait([task])

    def _with(self, *, unique: bool | None = None, prefetch: int | None = None, start: Query | None = None) -> Self:
        other = copy.copy(self)
        if unique is not None:
            other._unique = unique
        if prefetch is not None:
            other._prefetch = prefetch
        if start is not None:
            other._start = start
        return other


def _same(items: Sequence[Any], others: Sequence[Any]) -> bool:
    """Whether two pages are the same, told by their length and their ends."""
    return len(items) == len(others) > 0 and items[0] == others[0] and items[-1] == others[-1]


def _key_of(key: Callable[[T], Hashable], item: T) -> Hashable:
    """The key of an item; None if the server has left out what it is made of."""
    try:
        return key(item)
    except MissingField:
        return None


def _new_only(items: Sequence[T], key: Callable[[T], Hashable], seen: set[Hashable]) -> list[T]:
    found = []
    for item in items:
        its_key = _key_of(key, item)
        if its_key is None or its_key not in seen:
            seen.add(its_key)
            found.append(item)
    return found
