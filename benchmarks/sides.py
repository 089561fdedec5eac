"""The ways to get a user that are compared: this client over each of its transports, and others' clients.

Each side is an async context manager that takes the server's URL, the calls under way at once, and the authority of its
certificate if it speaks TLS; it gives a function that makes one call. A side that is not installed is left out.
"""

from __future__ import annotations

import asyncio
import importlib.util
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

Call = Callable[[int], Awaitable[object]]
Side = Callable[[str, int, str | None], AbstractAsyncContextManager[Call]]

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"


@asynccontextmanager
async def _facade(url: str, concurrency: int, transport: Any) -> AsyncIterator[Call]:
    from aiosymphony import Limits, PodClient, StaticToken

    limits = Limits(concurrency=concurrency, rate=1_000_000)
    async with PodClient(url, StaticToken("token"), limits=limits, transport=transport) as pod:

        async def call(number: int) -> object:
            return await pod.users.get(uid=number)

        yield call


def over_aiohttp(url: str, concurrency: int, ca_file: str | None) -> AbstractAsyncContextManager[Call]:
    from aiosymphony.transport.aiohttp import AiohttpTransport

    return _facade(url, concurrency, AiohttpTransport(limit=concurrency + 8, ca_file=ca_file))


def over_fast(url: str, concurrency: int, ca_file: str | None) -> AbstractAsyncContextManager[Call]:
    transport = importlib.import_module("aiosymphony.transport.fast").FastTransport
    return _facade(url, concurrency, transport(limit=concurrency + 8, ca_file=ca_file))


@asynccontextmanager
async def over_httpx(url: str, concurrency: int, ca_file: str | None) -> AsyncIterator[Call]:
    import httpx

    from aiosymphony.transport.httpx import HttpxTransport

    limits = httpx.Limits(max_connections=concurrency + 8, max_keepalive_connections=concurrency + 8)
    async with (
        httpx.AsyncClient(limits=limits, verify=_context(ca_file) or True, timeout=60) as client,
        _facade(url, concurrency, HttpxTransport(client)) as call,
    ):
        yield call


@asynccontextmanager
async def handwritten(url: str, concurrency: int, ca_file: str | None) -> AsyncIterator[Call]:
    """Aiohttp and orjson: no retry, no limit, no model."""
    import aiohttp
    import orjson

    connector = aiohttp.TCPConnector(limit=concurrency + 8, ssl=_context(ca_file) or True)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def call(number: int) -> object:
            address = f"{url}/pod/v2/user?uid={number}"
            async with session.get(address, headers={"sessionToken": "token"}) as response:
                response.raise_for_status()
                return orjson.loads(await response.read())

        yield call


@asynccontextmanager
async def raw(url: str, _concurrency: int, ca_file: str | None) -> AsyncIterator[Call]:
    """Asyncio's streams and orjson: what no client can go below by much, and none should be written like."""
    import orjson

    host, _, port = url.partition("://")[2].partition(":")
    context = _context(ca_file)
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def call(number: int) -> object:
        reader, writer = idle.pop() if idle else await asyncio.open_connection(host, int(port), ssl=context)
        request = f"GET /pod/v2/user?uid={number} HTTP/1.1\r\nHost: {host}\r\nsessionToken: token\r\n\r\n"
        writer.write(request.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        idle.append((reader, writer))
        return orjson.loads(body)

    yield call
    for _, writer in idle:
        writer.transport.abort()


@asynccontextmanager
async def httpx_by_hand(url: str, concurrency: int, ca_file: str | None) -> AsyncIterator[Call]:
    import httpx

    limits = httpx.Limits(max_connections=concurrency + 8, max_keepalive_connections=concurrency + 8)
    async with httpx.AsyncClient(limits=limits, verify=_context(ca_file) or True, timeout=60) as client:

        async def call(number: int) -> object:
            response = await client.get(f"{url}/pod/v2/user?uid={number}", headers={"sessionToken": "token"})
            return response.raise_for_status().json()

        yield call


@asynccontextmanager
async def stock(url: str, concurrency: int, ca_file: str | None) -> AsyncIterator[Call]:
    """What openapi-python-client makes of the same document, with its own client."""
    import httpx

    generate_stock()
    sys.path.insert(0, str(BUILD))
    operation = importlib.import_module("stock_pod.api.users.v2_user_get")
    client_class = importlib.import_module("stock_pod.client").AuthenticatedClient
    limits = httpx.Limits(max_connections=concurrency + 8, max_keepalive_connections=concurrency + 8)
    client = client_class(
        base_url=url, token="token", prefix="", auth_header_name="sessionToken", timeout=httpx.Timeout(60),
        verify_ssl=_context(ca_file) or True, httpx_args={"limits": limits},
    )  # fmt: skip
    async with client:

        async def call(number: int) -> object:
            return await operation.asyncio(client=client, uid=number)

        yield call


@asynccontextmanager
async def peer(url: str, concurrency: int, ca_file: str | None) -> AsyncIterator[Call]:
    """The generated client within symphony-bdk-python, with a token that was given."""
    from symphony.bdk.gen.api_client import ApiClient
    from symphony.bdk.gen.configuration import Configuration
    from symphony.bdk.gen.pod_api.users_api import UsersApi

    configuration = Configuration(host=f"{url}/pod", ssl_ca_cert=ca_file)
    configuration.connection_pool_maxsize = concurrency + 8
    async with ApiClient(configuration) as client:
        api = UsersApi(client)

        async def call(number: int) -> object:
            return await api.v2_user_get(session_token="token", uid=number)

        yield call


SIDES: dict[str, Side] = {
    "aiosymphony": over_aiohttp,
    "aiosymphony, fast": over_fast,
    "aiosymphony, httpx": over_httpx,
    "hand-written aiohttp": handwritten,
    "raw sockets": raw,
    "httpx": httpx_by_hand,
    "stock generated": stock,
    "symphony-bdk-python": peer,
}
_NEEDS = {
    "aiosymphony, fast": ("aiosymphony.transport.fast", "httptools"),
    "aiosymphony, httpx": ("httpx",),
    "httpx": ("httpx",),
    "stock generated": ("httpx", "openapi_python_client"),
    "symphony-bdk-python": ("symphony",),
}


def installed() -> list[str]:
    """The sides whose packages are there."""
    return [name for name in SIDES if all(importlib.util.find_spec(need) for need in _NEEDS.get(name, ()))]


def generate_stock() -> None:
    """Generate the stock client into build/, once."""
    if not (BUILD / "stock_pod" / "client.py").exists():
        document = max((ROOT / "specs" / "pod").glob("*.yaml"), key=lambda path: int(path.name.split(".")[0]))
        command = [Path(sys.executable).with_name("openapi-python-client"), "generate", "--path", document]
        command += ["--meta", "none", "--output-path", BUILD / "stock_pod", "--overwrite"]
        BUILD.mkdir(exist_ok=True)
        # It warns of what it leaves out, and of a formatter that it does not find.
        subprocess.run(command, check=False, capture_output=True)


def _context(ca_file: str | None) -> ssl.SSLContext | None:
    return None if ca_file is None else ssl.create_default_context(cafile=ca_file)
