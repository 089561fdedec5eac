"""What the fast transport has of its own: its pool, its buffer, how it is chosen, and what it leaves unloaded."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
import threading

import pytest
import trustme

from aiosymphony import ConnectClient, Limits, PodClient
from aiosymphony.cli import main
from aiosymphony.errors import ConfigError, TransportError
from aiosymphony.transport.aiohttp import AiohttpTransport
from aiosymphony.transport.choice import new_transport
from aiosymphony.transport.fast import FastTransport
from aiosymphony.transport.fast_connection import receive_buffer
from tests.faults.server import FaultServer, hang, reply, wait_for

POD = {"SYMPHONY_POD_URL": "https://acme.symphony.test", "SYMPHONY_SESSION_TOKEN": "a-token-of-nobody"}


async def get(transport: FastTransport, server: FaultServer, path: str = "/x") -> int:
    return (await transport.send("GET", server.url + path, {}, None, timeout=5.0)).status


def test_one_receive_buffer_for_each_loop() -> None:
    found: list[memoryview] = []

    async def look() -> None:
        loop = asyncio.get_running_loop()
        assert receive_buffer(loop) is receive_buffer(loop)
        found.append(receive_buffer(loop))

    asyncio.run(look())
    other = threading.Thread(target=asyncio.run, args=(look(),))
    other.start()
    other.join()
    assert found[0] is not found[1]


async def test_connections_to_one_server_and_in_all_are_bounded() -> None:
    async with FaultServer() as one, FaultServer() as another:
        go = asyncio.Event()
        for server in (one, another):
            server.on("GET", "/x", then=wait_for(go, reply(200, {})))
        transport = FastTransport(limit=5, limit_per_host=3)
        calls = [asyncio.ensure_future(get(transport, server)) for server in (one, another) for _ in range(6)]
        while one.in_flight + another.in_flight < 5:
            await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)
        assert (one.in_flight, another.in_flight) == (3, 2)
        go.set()
        assert await asyncio.gather(*calls) == [200] * 12
        assert max(one.connections, another.connections) <= 4
        await transport.close()


async def test_an_idle_connection_to_one_server_makes_room_for_another() -> None:
    async with FaultServer() as one, FaultServer() as another:
        for server in (one, another):
            server.on("GET", "/x", then=reply(200, {}))
        transport = FastTransport(limit=1)
        assert [await get(transport, server) for server in (one, another, one)] == [200] * 3
        assert (one.connections, another.connections) == (2, 1)
        await transport.close()


@pytest.mark.parametrize("cancelled", [0, 1, 2])
async def test_whoever_leaves_the_line_gives_its_turn_to_the_next(cancelled: int) -> None:
    async with FaultServer() as server:
        go = asyncio.Event()
        server.on("GET", "/x", then=wait_for(go, reply(200, {})))
        transport = FastTransport(limit=1)
        calls = [asyncio.ensure_future(get(transport, server)) for _ in range(4)]
        while not server.in_flight:
            await asyncio.sleep(0)
        go.set()
        while not calls[0].done():
            await asyncio.sleep(0)
        calls[1 + cancelled].cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [outcome for outcome in outcomes if not isinstance(outcome, asyncio.CancelledError)] == [200] * 3
        await transport.close()


@pytest.mark.parametrize("turns", range(0, 30, 2))
async def test_cancelled_at_any_await_it_leaves_no_connection(turns: int) -> None:
    async with FaultServer() as server:
        server.on("GET", "/x", then=hang())
        transport = FastTransport()
        call = asyncio.ensure_future(get(transport, server))
        for _ in range(turns):
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert transport._pool is None or not transport._pool.in_use
        await transport.close()


async def test_closing_ends_the_requests_under_way() -> None:
    async with FaultServer() as server:
        server.on("GET", "/x", then=hang())
        transport = FastTransport()
        call = asyncio.ensure_future(get(transport, server))
        while not server.in_flight:
            await asyncio.sleep(0)
        await transport.close()
        with pytest.raises(TransportError, match="the connection was lost"):
            await call


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop")
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_over_uvloop(tls: bool) -> None:
    authority = trustme.CA()
    context, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(trusting)

    async def calls() -> None:
        async with FaultServer(tls=context if tls else None) as server:
            server.on("GET", "/x", then=reply(200, {}))
            transport = FastTransport(ssl_context=trusting)
            for _ in range(3):
                assert await asyncio.gather(*(get(transport, server) for _ in range(5))) == [200] * 5
            assert server.connections == 5
            with pytest.raises(TransportError, match=r"connecting to 127\.0\.0\.1:1 failed"):
                await transport.send("GET", "http://127.0.0.1:1/x", {}, None, timeout=5.0)
            await transport.close()

    import uvloop

    uvloop.run(calls())


@pytest.mark.parametrize("url", ["ftp://a.b/x", "http://a.b", "http:///x", "http://u:p@a.b/x", "http://a.b:99999/x"])
async def test_a_url_that_cannot_be_used_is_not_sent(url: str) -> None:
    with pytest.raises(TransportError, match="URL cannot be used") as caught:
        await FastTransport().send("GET", url, {}, None, timeout=1.0)
    assert (caught.value.sent, caught.value.permanent) == (False, True)


KINDS = {"": AiohttpTransport, "aiohttp": AiohttpTransport, "fast": FastTransport}


def kind_of(client: PodClient | ConnectClient) -> type:
    return type(client._session._router.transport)


@pytest.mark.parametrize(("named", "kind"), KINDS.items())
def test_the_environment_chooses(named: str, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOSYMPHONY_TRANSPORT", named)
    assert isinstance(new_transport(), kind)
    assert kind_of(PodClient.from_env(POD)) is kind
    monkeypatch.delenv("AIOSYMPHONY_TRANSPORT")
    given = {**POD, "AIOSYMPHONY_TRANSPORT": named, "SYMPHONY_PROXY": "http://proxy.test:3128"}
    client = PodClient.from_env(given, limits=Limits(concurrency=500))
    transport = client._session._router.transport
    assert isinstance(transport, kind)
    assert transport._limit == 508  # type: ignore[attr-defined]
    connect = {"SYMPHONY_CLIENT_ID": "id", "SYMPHONY_CLIENT_SECRET": "a-secret-of-nobody"}
    assert kind_of(ConnectClient.from_env({**connect, "AIOSYMPHONY_TRANSPORT": named})) is kind


def test_the_command_line_chooses(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("AIOSYMPHONY_TRANSPORT", "")
    for name, value in POD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SYMPHONY_SESSION_TOKEN", "a-token-of-nobody")
    assert main(["--transport", "quick", "call", "pod", "v2_user_get", "--param", "uid=1"]) != 0
    assert "AIOSYMPHONY_TRANSPORT must be aiohttp or fast, not 'quick'" in capsys.readouterr().err
    assert main(["--transport", "fast", "call", "--help"]) == 0
    assert isinstance(new_transport(), FastTransport)


def test_another_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOSYMPHONY_TRANSPORT", "quick")
    with pytest.raises(ConfigError, match="AIOSYMPHONY_TRANSPORT must be aiohttp or fast, not 'quick'"):
        PodClient.from_env(POD)


def test_over_the_fast_transport_aiohttp_is_not_loaded() -> None:
    program = """
import sys
from aiosymphony import PodClient, StaticToken
PodClient("https://acme.symphony.test", StaticToken("t"))
assert "aiosymphony.transport.fast" in sys.modules
assert "aiohttp" not in sys.modules
"""
    run(program)


@pytest.mark.parametrize("missing", ["httptools", "aiohappyeyeballs"])
def test_without_the_extra_the_error_names_it(missing: str) -> None:
    program = f"""
import sys
sys.modules["{missing}"] = None
from aiosymphony import PodClient, StaticToken
from aiosymphony.cli import main
from aiosymphony.errors import ConfigError
try:
    PodClient("https://acme.symphony.test", StaticToken("t"))
except ConfigError as error:
    assert "pip install 'aiosymphony[fast]'" in str(error), error
else:
    raise AssertionError
"""
    run(program)


def run(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"AIOSYMPHONY_TRANSPORT": "fast"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
