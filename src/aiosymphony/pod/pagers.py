"""Pagers that several operations share."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from aiosymphony_api.agent.models import Pagination as AgentPagination
from aiosymphony_api.pod.models import Pagination

from ..paging import Page, Pager, Query, SkipLimit
from ..session import Session
from ..wire.models import or_none
from ..wire.operation import Request

T = TypeVar("T")


def array_pager(
    session: Session,
    build: Callable[..., Request[list[T]]],
    page_size: int,
    *,
    key: Callable[[T], Hashable],
) -> Pager[T]:
    """A listing by ``skip`` and ``limit`` whose answers are bare arrays.

    Args:
        session: Sends the requests.
        build: The operation's builder, with all its arguments except these two.
        page_size: Items per request.
        key: Identifies an item.
    """

    async def fetch(query: Query) -> Page[T]:
        items = await session.execute(build(**query))
        return Page(items)

    return Pager(fetch, lambda: SkipLimit(page_size), key=key)


def next_cursor(pagination: Pagination | AgentPagination | None) -> str | None:
    """The cursor of the next page; None on the last one. No part of ``pagination`` need be there."""
    # The documents require cursors, and answers have been known to lack what documents require.
    return None if pagination is None else or_none(lambda: pagination.cursors.after)
