"""The transport over httpx: what httpx would do by itself, and must not."""

import httpx
import respx

from aiosymphony.transport.httpx import HttpxTransport


@respx.mock
async def test_cookies_are_not_kept() -> None:
    route = respx.get("https://acme.example/x").mock(
        return_value=httpx.Response(200, headers={"Set-Cookie": "session=1; Path=/"}, json={})
    )
    transport = HttpxTransport()
    for _ in range(2):
        response = await transport.send("GET", "https://acme.example/x", {}, None, timeout=5.0)
        assert response.status == 200
    await transport.close()
    assert [call.request.headers.get("Cookie") for call in route.calls] == [None, None]
