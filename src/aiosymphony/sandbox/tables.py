"""Tables in memory, with indexes and groups, and replicas that lag behind."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, Generic, TypeVar

__all__ = ["Replication", "Rows", "Table"]

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")


class Rows(Generic[K, R]):
    """Rows by key in the order of their insertion."""

    __slots__ = ("_keys", "_rows")

    def __init__(self) -> None:
        self._rows: dict[K, R] = {}
        # The order again, as a list: a page is a slice of it, while a dict would have to be walked from its start.
        self._keys: list[K] = []

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[R]:
        return iter(self._rows.values())

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def get(self, key: K) -> R | None:
        """The row of a key, or None."""
        return self._rows.get(key)

    def put(self, key: K, row: R) -> None:
        """Insert a row, or replace the one of the same key in its place."""
        if key not in self._rows:
            self._keys.append(key)
        self._rows[key] = row

    def remove(self, key: K) -> None:
        """Remove the row of a key, if there is one."""
        if self._rows.pop(key, None) is not None:
            self._keys.remove(key)

    def slice(self, skip: int, limit: int) -> list[R]:
        """At most `limit` rows after the first `skip`."""
        return [self._rows[key] for key in self._keys[skip : skip + limit]]

    def position(self, key: Any, *, inclusive: bool) -> int:
        """The number of rows up to a key. Keys must have been inserted in ascending order."""
        keys: list[Any] = self._keys
        return bisect_left(keys, key) if inclusive else bisect_right(keys, key)


class Table(Generic[K, R]):
    """Rows by primary key, with indexes (few rows per value) and groups (many). Rows are replaced, never changed."""

    def __init__(
        self,
        key: Callable[[R], K],
        *,
        indexes: Mapping[str, Callable[[R], Hashable | None]] | None = None,
        groups: Mapping[str, Callable[[R], Hashable]] | None = None,
    ) -> None:
        self._key = key
        self._index_keys = dict(indexes or {})
        self._group_keys = dict(groups or {})
        self.rows: Rows[K, R] = Rows()
        self._indexes: dict[str, dict[Hashable, tuple[K, ...]]] = {name: {} for name in self._index_keys}
        self._groups: dict[str, dict[Hashable, Rows[K, R]]] = {name: {} for name in self._group_keys}
        self.log: Callable[[Callable[[Any], None], Any], None] | None = None
        self.replica: Table[K, R] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[R]:
        return iter(self.rows)

    def __contains__(self, key: object) -> bool:
        return key in self.rows

    def get(self, key: K) -> R | None:
        """The row of a key, or None."""
        return self.rows.get(key)

    def find(self, index: str, value: Hashable) -> tuple[R, ...]:
        """All rows with a value of an index."""
        return tuple(row for key in self._indexes[index].get(value, ()) if (row := self.rows.get(key)) is not None)

    def first(self, index: str, value: Hashable) -> R | None:
        """The first row with a value of an index, or None."""
        keys = self._indexes[index].get(value)
        return self.rows.get(keys[0]) if keys else None

    def group(self, name: str, value: Hashable) -> Rows[K, R]:
        """The rows of a group, in the order of their insertion."""
        return self._groups[name].get(value) or Rows()

    def slice(self, skip: int, limit: int) -> list[R]:
        """At most `limit` rows after the first `skip`."""
        return self.rows.slice(skip, limit)

    def put(self, row: R) -> None:
        """Insert a row, or replace the one of the same key."""
        key = self._key(row)
        old = self.rows.get(key)
        self.rows.put(key, row)
        for name, of in self._index_keys.items():
            value = of(row)
            before = None if old is None else of(old)
            if value == before and old is not None:
                continue
            if old is not None:
                self._unindex(name, before, key)
            if value is not None:
                index = self._indexes[name]
                index[value] = (*index.get(value, ()), key)
        for name, of in self._group_keys.items():
            value = of(row)
            if old is not None and (before := of(old)) != value:
                self._ungroup(name, before, key)
            group = self._groups[name].get(value)
            if group is None:
                group = self._groups[name][value] = Rows()
            group.put(key, row)
        if self.log is not None and self.replica is not None:
            self.log(self.replica.put, row)

    def remove(self, key: K) -> None:
        """Remove the row of a key, if there is one."""
        old = self.rows.get(key)
        if old is None:
            return
        self.rows.remove(key)
        for name, of in self._index_keys.items():
            self._unindex(name, of(old), key)
        for name, of in self._group_keys.items():
            self._ungroup(name, of(old), key)
        if self.log is not None and self.replica is not None:
            self.log(self.replica.remove, key)

    def _unindex(self, name: str, value: Hashable | None, key: K) -> None:
        index = self._indexes[name]
        left = tuple(other for other in index.get(value, ()) if other != key)
        if left:
            index[value] = left
        else:
            index.pop(value, None)

    def _ungroup(self, name: str, value: Hashable, key: K) -> None:
        group = self._groups[name][value]
        group.remove(key)
        if not group:
            del self._groups[name][value]

    def copy(self) -> Table[K, R]:
        """A copy of the table."""
        table: Table[K, R] = Table(self._key, indexes=self._index_keys, groups=self._group_keys)
        for row in self.rows:
            table.put(row)
        return table


class Replication:
    """Writes on their way to a replica, which gets each one when it is `lag` seconds old."""

    def __init__(self, lag: float, clock: Callable[[], float]) -> None:
        self.lag = lag
        self._clock = clock
        self._pending: deque[tuple[float, Callable[[Any], None], Any]] = deque()

    def log(self, apply: Callable[[Any], None], value: Any) -> None:
        """Add a write."""
        self._pending.append((self._clock() + self.lag, apply, value))

    def catch_up(self) -> None:
        """Apply all writes that are old enough."""
        now = self._clock()
        while self._pending and self._pending[0][0] <= now:
            _, apply, value = self._pending.popleft()
            apply(value)
