"""All pages of an operation that ``aiosymphony call`` sends, and whether there are more than one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from ..errors import ConfigError
from ..paging import CurrentPage, Cursor, Page, Pager, Query, SkipLimit, Strategy
from ..wire.models import Model, or_none
from ..wire.operation import Operation, Request

__all__ = ["MORE", "check_all", "has_more", "items_of", "read_all"]

MORE: Final = "this is one page, and there may be more: --all reads every page"
_PAGE_SIZE: Final = 100
_BESIDE: Final = frozenset({"faceted_match_count", "download_receipt_counts"})
"""Lists beside the one whose items an operation lists."""


class _Paging:
    """How a strategy's parameters are called: the one that says how many, and the one that says where."""

    def __init__(self, size: str, position: str, make: Callable[[int], Strategy]) -> None:
        self.size, self.position, self.make = size, position, make


_PAGINGS: Final[Mapping[str, _Paging]] = {
    "skip_limit": _Paging("limit", "skip", SkipLimit),
    "cursor": _Paging("limit", "after", Cursor),
    "current_page": _Paging("page_size", "current_page", CurrentPage),
    "spring_page": _Paging("size", "page", lambda size: CurrentPage(size, argument="page", size="size")),
    "page": _Paging("page_size", "page", lambda size: CurrentPage(size, argument="page", counts_from=1)),
}


def items_of(answer: Any) -> list[Any]:
    """The items of a page: the answer itself if it is an array, or the one array in it."""
    if answer is None:
        return []
    if isinstance(answer, list):
        return answer
    names = (name for name in type(answer).__slots__ if name not in _BESIDE) if isinstance(answer, Model) else ()
    found = (getattr(answer, name, None) for name in names)
    return next((value for value in found if isinstance(value, list)), [])


def has_more(operation: Operation[..., Any], arguments: Mapping[str, Any], answer: Any) -> bool:
    """Whether more pages may follow an answer, as far as it tells."""
    if operation.paging is None or not (items := items_of(answer)):
        return False
    if operation.paging == "cursor":
        return _next(answer) is not None
    total = getattr(answer, "total", None)
    if operation.paging == "current_page" and total is not None:
        return len(items) < int(total)
    paging = _PAGINGS.get(operation.paging)
    asked = arguments.get("limit" if paging is None else paging.size)
    return asked is None or len(items) >= asked


def check_all(operation: Operation[..., Any], arguments: Mapping[str, Any]) -> None:
    """Refuse ``--all`` where it cannot be done.

    Raises:
        ConfigError: The operation has no pages, or pages that only the facade can follow, or the place to begin at was
            given.
    """
    if operation.paging is None:
        raise ConfigError(f"{operation.id} answers in one piece: leave out --all")
    if (paging := _PAGINGS.get(operation.paging)) is None:
        raise ConfigError(f"--all cannot follow the pages of {operation.id} ({operation.paging}): give its parameters")
    if given := {paging.position, "before"} & arguments.keys():
        raise ConfigError(f"--all begins at the first page: leave out --param {min(given)}")


async def read_all(
    execute: Callable[[Request[Any]], Awaitable[Any]], operation: Operation[..., Any], arguments: Mapping[str, Any]
) -> list[Any]:
    """The items of every page.

    Raises:
        PaginationError: The server repeats pages.
        SymphonyError: A page could not be read.
    """
    paging = _PAGINGS[str(operation.paging)]
    size = arguments.get(paging.size, _PAGE_SIZE)

    async def fetch(query: Query) -> Page[Any]:
        taken = {name: value for name, value in query.items() if name != paging.size or _takes(operation, name)}
        answer = await execute(operation.build(**{**arguments, **taken}))
        total = getattr(answer, "total", None) if operation.paging == "current_page" else None
        return Page(items_of(answer), total=total, number=getattr(answer, "current_page", None), next=_next(answer))

    return await Pager(fetch, lambda: paging.make(size)).collect()


def _takes(operation: Operation[..., Any], name: str) -> bool:
    return name in operation.build.__code__.co_varnames


def _next(answer: Any) -> str | None:
    found: str | None = or_none(lambda: answer.pagination.cursors.after) if hasattr(answer, "pagination") else None
    return found or None
