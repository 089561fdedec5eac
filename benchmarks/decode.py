"""Typed decoding of users, against what parsing alone costs."""

from __future__ import annotations

import time

import orjson

from aiosymphony_api.pod.models import UserV2

from .canned import USER

COUNT = 20_000


async def run() -> None:
    def parse() -> None:
        orjson.loads(USER)

    def decode() -> None:
        UserV2.from_dict(orjson.loads(USER))

    costs = {}
    for name, function in (("parse", parse), ("decode", decode), ("parse", parse), ("decode", decode)):
        began = time.perf_counter()
        for _ in range(COUNT):
            function()
        costs[name] = (time.perf_counter() - began) / COUNT * 1e6
    print(f"a user of {len(USER)} bytes: {costs['decode']:.1f} µs typed, of which {costs['parse']:.1f} µs is parsing")
