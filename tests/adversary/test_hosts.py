"""Hosts that are no ASCII name: IPv6 addresses, and names in other scripts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from aiosymphony import ClientCredentials, ConnectClient, PodClient, StaticToken
from aiosymphony.transport.aiohttp import AiohttpTransport
from aiosymphony.transport.fast import FastTransport
from aiosymphony.transport.httpx import HttpxTransport
from tests.faults.server import FaultServer, reply

TRANSPORTS: dict[str, Callable[[], Any]] = {"aiohttp": AiohttpTransport, "fast": FastTransport, "httpx": HttpxTransport}


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.fixture
async def server6(server: FaultServer) -> AsyncIterator[FaultServer]:
    """The server, on the loopback address of IPv6 too."""
    listener = await asyncio.start_server(server._connected, "::1", 0)
    port = listener.sockets[0].getsockname()[1]
    server.url = f"http://[::1]:{port}"
    yield server
    listener.close()


@pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_case_53_a_host_may_be_an_ipv6_address(transport: str, server6: FaultServer) -> None:
    server6.on("GET", "/pod/v2/sessioninfo", then=reply(200, {"id": 7}))
    async with PodClient(server6.url, StaticToken("x"), transport=TRANSPORTS[transport]()) as pod:
        assert (await pod.session.info()).id == 7
        assert pod.base_url == server6.url
    assert server6.requests[-1].headers["host"] == server6.url.removeprefix("http://")


@pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_case_53_token_url_and_base_url_of_connect_may_be_ipv6(transport: str, server6: FaultServer) -> None:
    server6.on("GET", "/api/v2/companies/c1", then=reply(200, {"id": "c1"}))
    auth = ClientCredentials("partner", "secret", token_url=f"{server6.url}/oauth/token")
    async with ConnectClient(auth, base_url=server6.url, transport=TRANSPORTS[transport]()) as connect:
        assert (await connect.companies.get("c1")).id == "c1"
    host = server6.url.removeprefix("http://")
    assert [seen.headers["host"] for seen in server6.requests] == [host, host]


@pytest.mark.parametrize("kind", ["aiohttp", "fast"])
async def test_case_53_a_name_in_another_script_is_sent_in_its_ascii_form(kind: Any, server: FaultServer) -> None:
    server.on("GET", "/pod/v2/sessioninfo", then=reply(200, {"id": 7}))
    transport = {"aiohttp": AiohttpTransport, "fast": FastTransport}[kind](proxy=server.url)
    for host in ("bücher.example", "xn--bcher-kva.example"):
        response = await transport.send("GET", f"http://{host}:81/pod/v2/sessioninfo", {}, None, timeout=5.0)
        assert response.status == 200
    await transport.close()
    assert [seen.headers["host"] for seen in server.requests] == ["xn--bcher-kva.example:81"] * 2


def test_case_53_a_base_url_keeps_its_ascii_form() -> None:
    client = PodClient("https://bücher.example:8443/", StaticToken("x"))
    assert client.base_url == "https://xn--bcher-kva.example:8443"
