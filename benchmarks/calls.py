"""`pod.users.get` with token, retry, limits and typed model, against aiohttp and orjson written by hand."""

from __future__ import annotations

import aiohttp
import orjson

from aiosymphony import Limits, PodClient, StaticToken

from .canned import canned_server
from .pairs import compare


async def run() -> None:
    with canned_server() as url:
        for concurrency in (50, 500):
            limits = Limits(concurrency=concurrency, rate=1_000_000)
            async with (
                PodClient(url, StaticToken("token"), limits=limits) as pod,
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency + 8)) as session,
            ):

                async def ours(number: int, pod: PodClient = pod) -> object:
                    return await pod.users.get(uid=number)

                async def theirs(number: int, session: aiohttp.ClientSession = session) -> object:
                    address = f"{url}/pod/v2/user?uid={number}"
                    async with session.get(address, headers={"sessionToken": "token"}) as response:
                        response.raise_for_status()
                        return orjson.loads(await response.read())

                found = await compare(ours, theirs, concurrency=concurrency, batch=4 * concurrency + 300, rounds=40)
                print(f"pod.users.get, {concurrency} at once: {found}")
