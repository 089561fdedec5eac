"""A process that shares a rate or a login with others: reads one order as JSON from its arguments."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from aiosymphony import Limits, PodClient, RetryPolicy, RsaAuth, StaticToken
from aiosymphony.postgres import PostgresRate, PostgresTokenStore


async def send(order: dict[str, Any]) -> None:
    """Call as fast as the shared rate allows, for so many seconds."""
    shared = PostgresRate(order["store"], egress=order.get("egress", ""), share=order.get("share", 0.25))
    limits = Limits(rate=order["rate"], shared=shared)
    loop = asyncio.get_running_loop()
    async with PodClient(order["url"], StaticToken("token"), limits=limits, retry=RetryPolicy(attempts=1)) as pod:
        print("ready", flush=True)
        until = loop.time() + order["seconds"]

        async def call() -> None:
            while loop.time() < until:
                try:
                    await pod.session.info()
                except Exception as error:  # noqa: BLE001 - what is counted is what arrives
                    if "--loud" in sys.argv:
                        print(error, file=sys.stderr)

        await asyncio.gather(*(call() for _ in range(order.get("callers", 20))))


async def log_in(order: dict[str, Any]) -> None:
    """Many callers at once, twice: before and after the tokens were revoked."""
    store = PostgresTokenStore(order["store"])
    auth = RsaAuth(order["username"], order["private_key"])
    async with PodClient(order["url"], auth, token_store=store) as pod:
        await asyncio.gather(*(pod.session.info() for _ in range(50)))
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        await asyncio.gather(*(pod.session.info() for _ in range(50)))


def main() -> None:
    order = json.loads(sys.argv[1])
    asyncio.run(send(order) if "rate" in order else log_in(order))


if __name__ == "__main__":
    main()
