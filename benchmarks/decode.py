"""Typed decoding of users, beside parsing alone and symphony-bdk-python; what the garbage collector adds; and a pager.

All are times of the processor, of the best of some rounds: ``python -m benchmarks.decode``.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import time
from collections.abc import Callable
from typing import Any

import orjson

from aiosymphony.paging import Page, Pager, Query, SkipLimit
from aiosymphony.wire.decoding import read
from aiosymphony_api.pod.api.users import v2_user_get
from aiosymphony_api.pod.models.user_v2 import decode_user_v2
from aiosymphony_api.pod.models.v2_user_detail import decode_v2_user_detail

from .canned import USER

COUNT = 2_000
ROUNDS = 7
PAGE = 1000
ITEMS = 50_000
ATTRIBUTES = {
    "emailAddress": "ada.lovelace@example.com",
    "firstName": "Ada",
    "lastName": "Lovelace",
    "userName": "ada.lovelace",
    "displayName": "Ada Lovelace",
    "companyName": "Example Engines",
    "department": "Calculation",
    "division": "Engines",
    "title": "Analyst",
    "workPhoneNumber": "+44 20 7946 0018",
    "mobilePhoneNumber": "+44 7700 900123",
    "accountType": "NORMAL",
    "location": "London",
    "jobFunction": "Research",
    "assetClasses": ["Commodities"],
    "industries": ["Technology"],
}
ADMIN_USER = orjson.dumps(
    {
        "userAttributes": ATTRIBUTES,
        "userSystemInfo": {
            "id": 7696581411197,
            "status": "ENABLED",
            "createdDate": 1470779710000,
            "createdBy": "7078106103809",
            "lastUpdatedDate": 1470779710000,
            "lastLoginDate": 1504839044527,
            "suspended": False,
        },
        "features": [1, 2, 3],
        "apps": [4],
        "groups": [5],
        "roles": ["INDIVIDUAL", "ENTITLEMENT_MANAGEMENT"],
        "disclaimers": [6],
        "avatar": {"size": "600", "url": "../avatars/default.png"},
    }
)
WITH_A_NULL = orjson.dumps({**orjson.loads(ADMIN_USER), "userAttributes": {**ATTRIBUTES, "division": None}})


def parsed(content: bytes) -> tuple[float, float]:
    """Microseconds that one user takes as a model, and that its JSON alone takes."""
    decode: Callable[[Any], Any] = decode_user_v2 if content is USER else decode_v2_user_detail
    typed = _best(lambda: read(v2_user_get.OPERATION, 200, content, decode))
    return typed, _best(lambda: orjson.loads(content))


def by_peer(content: bytes) -> float | None:
    """Microseconds that one user takes in symphony-bdk-python; None if that is not installed."""
    if importlib.util.find_spec("symphony") is None:
        return None
    from symphony.bdk.gen.api_client import ApiClient

    client, text = ApiClient.__new__(ApiClient), content.decode()  # what it decodes with needs no connection
    model = "UserV2" if content is USER else "V2UserDetail"
    return _best(lambda: client.deserialize(text, model, "application/json"))


def kept(content: bytes) -> tuple[float, float, float]:
    """Microseconds a user, if a caller keeps all of a long listing: as models, with the garbage collector turned off,
    and as the dicts of the parser.
    """
    decode: Callable[[Any], Any] = decode_user_v2 if content is USER else decode_v2_user_detail
    page = b"[" + b",".join([content] * PAGE) + b"]"

    def models() -> list[Any]:
        return read(v2_user_get.OPERATION, 200, page, lambda users: [decode(user) for user in users])

    def listing(get: Callable[[], list[Any]]) -> float:
        found: list[Any] = []
        gc.collect()
        began = time.process_time()
        for _ in range(ITEMS // PAGE):
            found += get()
        return (time.process_time() - began) / ITEMS * 1e6

    collected, dicts = (min(listing(get) for _ in range(3)) for get in (models, lambda: orjson.loads(page)))
    gc.disable()
    try:
        return collected, min(listing(models) for _ in range(3)), dicts
    finally:
        gc.enable()


async def paged() -> tuple[float, float]:
    """Microseconds an item that a pager takes, and that a loop over the same pages takes."""

    async def fetch(query: Query) -> Page[int]:
        skip = int(query["skip"])
        return Page(range(skip, min(skip + PAGE, ITEMS)))

    async def by_pager() -> None:
        async for _ in Pager(fetch, lambda: SkipLimit(PAGE), key=int):
            pass

    async def by_hand() -> None:
        for skip in range(0, ITEMS + PAGE, PAGE):
            for _ in (await fetch({"skip": skip})).items:
                pass

    costs = []
    for reading in (by_pager, by_hand):
        rounds = []
        for _ in range(ROUNDS):
            began = time.process_time()
            await reading()
            rounds.append((time.process_time() - began) / ITEMS * 1e6)
        costs.append(min(rounds))
    return costs[0], costs[1]


async def run() -> None:
    for name, content in (("a user", USER), ("an admin user", ADMIN_USER), ("the same with a null", WITH_A_NULL)):
        typed, parsing = parsed(content)
        peer = by_peer(content)
        beside = "" if peer is None else f"; {peer:.1f} µs by symphony-bdk-python, {peer / typed:.1f} times as much"
        print(f"{name} of {len(content)} bytes: {typed:.1f} µs typed, of which {parsing:.1f} µs is parsing{beside}")
    for name, content in (("a user", USER), ("an admin user", ADMIN_USER)):
        collected, free, dicts = kept(content)
        print(
            f"{name} of a listing that is kept: {collected:.1f} µs, without the garbage collector {free:.1f} µs, "
            f"as the parser's dicts {dicts:.1f} µs"
        )
    pager, loop = await paged()
    print(f"a pager: {pager:.2f} µs an item, a loop over its pages {loop:.2f} µs")


def _best(function: Callable[[], object]) -> float:
    costs = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(COUNT):
            function()
        costs.append((time.process_time() - began) / COUNT * 1e6)
    return min(costs)


if __name__ == "__main__":
    asyncio.run(run())
