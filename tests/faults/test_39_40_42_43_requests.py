"""Cases 39, 40, 42 and 43: what goes out. Values that break out of their place, proxies, plain http."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from aiosymphony import ClientCredentials, ConnectClient, PodClient, StaticToken
from aiosymphony.errors import ConfigError, NotFound, SymphonyError, TransportError
from aiosymphony.retry import RetryPolicy
from aiosymphony.wire.encoding import header_fields
from aiosymphony.wire.operation import Request
from aiosymphony_api.pod.api.file_extension.file_ext_v1_allowed_extensions_extension_delete import OPERATION as FORBID

from .canary import CANARY, Trail
from .clients import OPEN_READ, READ, THING, Clients
from .server import FaultServer, reply

BREAKERS = ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "\r\n", "a\u2028b", "\x7f"]


@pytest.mark.parametrize("breaker", [*BREAKERS, " ", "\t", "\u00e4"])
def test_case_39_a_token_that_would_break_out_of_its_header_is_refused_at_construction(
    breaker: str, trail: Trail
) -> None:
    with pytest.raises(ConfigError, match="token") as caught:
        StaticToken(CANARY + breaker)
    assert CANARY not in f"{caught.value} {caught.value!r}"
    trail.errors.clear()  # the frame of the call holds what its caller passed, as any frame does


@pytest.mark.parametrize("breaker", BREAKERS)
async def test_case_39_a_token_from_a_login_that_would_break_out_is_never_sent(
    breaker: str, server: FaultServer, clients: Clients
) -> None:
    server.on("POST", "/oauth/token", then=reply(200, {"access_token": CANARY + breaker}))
    with pytest.raises(SymphonyError):
        await clients.session(retry=RetryPolicy(attempts=1)).execute(READ.build())
    assert server.counts["GET", THING] == 0


@pytest.mark.parametrize("breaker", BREAKERS)
async def test_case_39_a_header_value_that_would_break_out_is_never_sent(
    breaker: str, server: FaultServer, clients: Clients
) -> None:
    with pytest.raises(ConfigError, match="X-Thing"):
        header_fields(("X-Thing", breaker))
    # and if a request is made without the builders, the transport refuses it
    request: Request[Any] = Request(OPEN_READ, THING, headers={"X-Thing": breaker})
    if breaker.isascii() and breaker != "\x7f":
        with pytest.raises(TransportError) as caught:
            await clients.session().execute(request)
        assert (caught.value.sent, caught.value.permanent) == (False, True)
        assert server.total == 0


VALUES = [
    "a/b",
    "a?b",
    "a#b",
    "%2f",
    "%2e%2e",
    "a b",
    "ä",
    "a;b",
    "a&b=c",
    "a:b@c",
    "..a",
    "...",
    "\\..\\",
    "a\r\nb",
    "😀",
]


@pytest.mark.parametrize("value", VALUES)
async def test_case_40_a_path_value_stays_one_segment_on_the_wire(
    value: str, server: FaultServer, clients: Clients
) -> None:
    session = clients.session(auth=StaticToken("t"))
    with pytest.raises(NotFound):
        await session.execute(FORBID.build(value))
    (seen,) = server.requests
    prefix, _, segment = seen.target.rpartition("/")
    assert prefix == "/pod/file_ext/v1/allowed_extensions"
    assert bytes.fromhex(_hex(segment)).decode() == value
    assert seen.query == ""


def _hex(segment: str) -> str:
    """The percent-encoded segment as hex, read by hand."""
    out, rest = "", segment
    while rest:
        if rest[0] == "%":
            out, rest = out + rest[1:3], rest[3:]
        else:
            out, rest = out + f"{ord(rest[0]):02x}", rest[1:]
    return out


@pytest.mark.parametrize("value", ["", ".", "..", "\ud800"])
def test_case_40_a_path_value_that_names_another_resource_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match=r"extension.*Nothing was sent"):
        FORBID.build(value)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
async def test_case_42_proxy_variables_are_ignored(
    name: str, server: FaultServer, other: FaultServer, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv(name, other.url)
    server.on("GET", THING, then=reply(200, {"id": 1}))
    assert await clients.session().execute(READ.build()) == {"id": 1}
    assert other.connections == 0


async def test_case_42_netrc_is_ignored(
    server: FaultServer, clients: Clients, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    await asyncio.to_thread(netrc.write_text, f"machine 127.0.0.1 login user password {CANARY}\n")
    await asyncio.to_thread(netrc.chmod, 0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server.on("GET", THING, then=reply(200, {"id": 1}))
    assert await clients.session().execute(OPEN_READ.build()) == {"id": 1}
    assert "authorization" not in server.requests[0].headers


async def test_case_42_a_proxy_is_used_when_asked_for(
    server: FaultServer, other: FaultServer, clients: Clients
) -> None:
    other.on("GET", THING, then=reply(200, {"id": "through the proxy"}))
    session = clients.session(transport=clients.transport(proxy=other.url))
    assert await session.execute(OPEN_READ.build()) == {"id": "through the proxy"}
    assert other.requests[0].headers["host"] == server.url.removeprefix("http://")
    assert server.connections == 0


REFUSED = [
    "http://acme.symphony.com",
    "HTTP://acme.symphony.com",
    "http://127.0.0.1.evil.example",
    "http://localhost.evil.example",
    "http://127.0.0.1@evil.example",
    "http://0.0.0.0",
    "http://10.0.0.1",
    "http://[::ffff:10.0.0.1]",
    "ftp://127.0.0.1",
    "acme.symphony.com",
    "",
    "//acme.symphony.com",
    "https://",
    "https://user:hush@acme.symphony.com",
]


@pytest.mark.parametrize("url", REFUSED)
def test_case_43_plain_http_is_refused_except_on_loopback(url: str) -> None:
    token = StaticToken("t")
    with pytest.raises(ConfigError, match="base_url") as caught:
        PodClient(url, token)
    assert "hush" not in str(caught.value)
    good = "https://acme.symphony.com"
    for name in ("session_auth_url", "key_manager_url", "agent_url"):
        with pytest.raises(ConfigError, match=name):
            PodClient(good, token, **{name: url})
    with pytest.raises(ConfigError, match="base_url"):
        ConnectClient(token, base_url=url)
    with pytest.raises(ConfigError, match="token_url"):
        ClientCredentials("id", "hush", token_url=url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1", "https://acme.example"])
def test_case_43_loopback_and_https_are_accepted(url: str) -> None:
    assert url in repr(PodClient(url, StaticToken("t")))
    assert url in repr(ConnectClient(StaticToken("t"), base_url=url))
