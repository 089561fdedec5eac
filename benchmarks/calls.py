"""One call, by every client that is installed, beside aiohttp and orjson written by hand."""

from __future__ import annotations

from contextlib import AsyncExitStack

from .canned import canned_server, certificate
from .pairs import Found, allow_connections, compare
from .sides import SIDES, installed

BASE = "hand-written aiohttp"


async def measured(concurrency: int, *, tls: bool = False, seconds: float = 0.1, rounds: int = 20) -> dict[str, Found]:
    """Compare all sides over one server."""
    allow_connections()
    async with AsyncExitStack() as stack:
        own, ca_file = stack.enter_context(certificate()) if tls else (None, None)
        url = stack.enter_context(canned_server(certificate=own))
        calls = {name: await stack.enter_async_context(SIDES[name](url, concurrency, ca_file)) for name in installed()}
        return await compare(calls, BASE, concurrency=concurrency, seconds=seconds, rounds=rounds)


async def run() -> None:
    for concurrency, tls in ((50, False), (500, False), (50, True)):
        print(f"users.get, {concurrency} at once{', over TLS' if tls else ''}: calls/s of {BASE}, wall and CPU")
        for name, found in (await measured(concurrency, tls=tls)).items():
            print(f"  {name:22} wall {found.wall}  CPU {found.cpu}  {found.per_second:,.0f}/s")
