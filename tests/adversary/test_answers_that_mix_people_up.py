"""Creates answered in another order without addresses, with one id twice, too few or too many rows, others' ids.

Whoever is disabled afterwards was asked to be: an id is only believed where the answer says whose it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.server import FaultServer, reply

from .company import Company, Row, people, provision

COUNT = 60


@pytest.fixture
def may_block() -> bool:
    return True


def without(row: Row, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}


def permuted_without_addresses(rows: list[Row]) -> list[Row]:
    return [without(row, "email") for row in (*rows[1:], rows[0])]


def permuted_with_null_addresses(rows: list[Row]) -> list[Row]:
    return [{**row, "email": None} for row in reversed(rows)]


def in_order_without_addresses(rows: list[Row]) -> list[Row]:
    return [without(row, "email") for row in rows]


def some_without_addresses(rows: list[Row]) -> list[Row]:
    return [without(row, "email") if n % 3 else row for n, row in enumerate(rows[::-1])]


def one_id_twice(rows: list[Row]) -> list[Row]:
    return [*rows[:-1], {**rows[-1], "id": rows[0]["id"]}]


def one_id_for_all(rows: list[Row]) -> list[Row]:
    return [{**row, "id": rows[0]["id"]} for row in rows]


def one_user_twice(rows: list[Row]) -> list[Row]:
    return [rows[0], *rows[:-1]]


def too_few(rows: list[Row]) -> list[Row]:
    return rows[:-3]


def too_many(rows: list[Row]) -> list[Row]:
    return [*rows, without(rows[0], "email")]


def ids_of_neighbours(rows: list[Row]) -> list[Row]:
    return [{**row, "id": other["id"]} for row, other in zip(rows, (*rows[1:], rows[0]), strict=True)]


def no_ids(rows: list[Row]) -> list[Row]:
    return [{**row, "id": None} for row in rows]


ANSWERS = [
    permuted_without_addresses,
    permuted_with_null_addresses,
    in_order_without_addresses,
    some_without_addresses,
    one_id_twice,
    one_id_for_all,
    one_user_twice,
    too_few,
    too_many,
    ids_of_neighbours,
    no_ids,
]


@pytest.mark.parametrize("status", [201, 207])
@pytest.mark.parametrize("mixed", ANSWERS)
async def test_63_whoever_is_disabled_was_to_be(
    server: FaultServer, tmp_path: Path, mixed: Callable[[list[Row]], list[Row]], status: int
) -> None:
    company = Company(server)
    records = [{**row, "active": n % 2 == 0} for n, row in enumerate(people(COUNT))]
    company.answers = [lambda asked: reply(status, mixed(company.act(asked)))] * 2
    found = await provision(server, tmp_path / "job.journal", records)
    assert Counter(row.state for row in found) == {"DONE": COUNT}
    assert company.there() == Counter(row["email"] for row in records)
    assert company.active() == {row["email"]: row["active"] for row in records}
    wanted = {(row["email"], False) for row in records if not row["active"]}
    assert set(company.patches) == wanted, "nobody else was disabled, not even for a moment"
    ids = {user["email"]: user_id for user_id, user in company.users.items()}
    if mixed is not ids_of_neighbours:  # where nothing is changed by an id, the audit names it
        assert {row.label: row.id for row in found} == ids
