"""A configuration file in full: proxies, headers, authorities, paths, retries, profiles, and what is not understood."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trustme

from aiosymphony import (
    AuthError,
    ClientCredentials,
    ConfigError,
    ConfigWarning,
    ConnectClient,
    PodClient,
    StaticToken,
    SymphonyError,
)
from aiosymphony.sandbox import Sandbox
from aiosymphony.settings import ConnectSettings, PodSettings
from aiosymphony.transport.aiohttp import AiohttpTransport


@attrs.define
class Proxy:
    """Hands requests on, and remembers their heads."""

    port: int = 0
    heads: list[str] = attrs.field(factory=list)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head.decode())
        host, _, port = head.split(b" ")[1].decode().removeprefix("http://").partition("/")[0].partition(":")
        from_server, to_server = await asyncio.open_connection(host, int(port))
        to_server.write(head)

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                if data.startswith((b"GET", b"POST")):
                    self.heads.append(data.partition(b"\r\n\r\n")[0].decode())
                target.write(data)
            target.close()

        await asyncio.gather(pump(reader, to_server), pump(from_server, writer), return_exceptions=True)


@asynccontextmanager
async def proxy() -> AsyncIterator[Proxy]:
    made = Proxy()
    server = await asyncio.start_server(made.carry, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


def write(folder: Path, content: dict[str, Any], name: str = "config.json") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    return file


def of(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    """What a file for a sandbox has at least."""
    host, _, port = sandbox.url.removeprefix("http://").partition(":")
    bot = {"username": sandbox.bot.username, "privateKey": {"content": sandbox.bot.private_key}}
    return {"scheme": "http", "host": host, "port": int(port), "bot": bot, **more}


async def test_each_server_has_its_proxy_its_password_and_its_headers(tmp_path: Path) -> None:
    async with Sandbox() as pod_host, Sandbox() as agent_host, proxy() as one, proxy() as two:
        agent = {"host": "127.0.0.1", "port": int(agent_host.url.rpartition(":")[2])}
        content = of(
            pod_host,
            proxy={"host": "127.0.0.1", "port": one.port, "username": "us er", "password": "p@ss:word"},
            defaultHeaders={"X-Gateway": "yes"},
            agent={
                **agent,
                "proxy": {"host": "127.0.0.1", "port": two.port},
                "defaultHeaders": {"X-Gateway": "agent", "X-Also": "1"},
            },
        )
        async with PodClient.from_config(write(tmp_path, content)) as pod:
            await pod.session.info()
            with pytest.raises(SymphonyError):  # the sandboxes do not know each other's tokens
                await pod.audit_trail.list(0).first()
        assert "p@ss" not in repr(PodSettings.from_config(tmp_path / "config.json"))
        pod_url, agent_url = pod_host.url, agent_host.url
    login = base64.b64encode(b"us er:p@ss:word").decode()
    assert one.heads
    for head in one.heads:
        assert head.startswith((f"POST {pod_url}/", f"GET {pod_url}/"))
        assert f"Proxy-Authorization: Basic {login}" in head
        assert "X-Gateway: yes" in head
    assert two.heads
    for head in two.heads:
        assert head.startswith(f"GET {agent_url}/agent/")
        assert "Proxy-Authorization" not in head
        assert "X-Gateway: agent" in head
        assert "X-Also: 1" in head


async def test_connect_is_reached_by_a_proxy_too(tmp_path: Path) -> None:
    async with Sandbox(companies=1) as sandbox, proxy() as way:
        given = sandbox.client_credentials
        connect = {
            "clientId": given.client_id,
            "clientSecret": given.client_secret,
            "url": sandbox.url,
            "tokenUrl": f"{sandbox.url}/oauth/token",
        }
        content = {"proxy": {"host": "127.0.0.1", "port": way.port}, "connect": connect}
        async with ConnectClient.from_config(write(tmp_path, content)) as client:
            assert len(await client.companies.list()) == 1
        assert len(way.heads) == 2
        environment = {
            "SYMPHONY_CLIENT_ID": given.client_id,
            "SYMPHONY_CLIENT_SECRET": given.client_secret,
            "SYMPHONY_CONNECT_URL": sandbox.url,
            "SYMPHONY_TOKEN_URL": f"{sandbox.url}/oauth/token",
            "SYMPHONY_PROXY": f"http://user:pass@127.0.0.1:{way.port}",
        }
        async with ConnectClient.from_env(environment) as client:
            assert len(await client.companies.list()) == 1
        assert len(way.heads) == 4
        assert "pass" not in repr(ConnectSettings.from_env(environment))


async def test_a_trust_store_is_for_certificate_logins_too(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with Sandbox() as pod_host, Sandbox(ssl_context=context) as logins:
        issued = authority.issue_cert("bot@example.com", common_name=logins.bot.username)
        issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "bot.pem"))
        content = of(
            pod_host,
            bot={"certificate": {"path": "bot.pem"}},
            ssl={"trustStore": {"path": "ca.pem"}},
            sessionAuth={"scheme": "https", "port": int(logins.url.rpartition(":")[2])},
        )
        environment = {
            "SYMPHONY_POD_URL": pod_host.url,
            "SYMPHONY_SESSION_AUTH_URL": logins.url,
            "SYMPHONY_CERTIFICATE": str(tmp_path / "bot.pem"),
            "SYMPHONY_CA_FILE": str(tmp_path / "ca.pem"),
        }
        for made in (PodClient.from_config(write(tmp_path, content)), PodClient.from_env(environment)):
            async with made as pod:
                with pytest.raises(AuthError):  # the two sandboxes do not know each other's tokens
                    await pod.session.info()
        assert logins.stats.by_operation["sessionauth_v1_authenticate_post"] == 4
        assert logins.stats.by_status[200] == 4


async def test_a_context_says_whom_to_trust() -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with Sandbox(ssl_context=context) as sandbox:
        async with PodClient(sandbox.url, StaticToken("t"), ssl_context=trusting) as pod:
            with pytest.raises(AuthError):
                await pod.session.info()
        given = sandbox.client_credentials
        auth = ClientCredentials(given.client_id, given.client_secret, token_url=f"{sandbox.url}/oauth/token")
        async with ConnectClient(auth, base_url=sandbox.url, ssl_context=trusting) as connect:
            assert await connect.companies.list() == []
    with pytest.raises(ConfigError, match="ssl_context"):
        PodClient("https://a.b", StaticToken("t"), ssl_context=trusting, transport=AiohttpTransport())
    with pytest.raises(ConfigError, match="leave out ca_file"):
        AiohttpTransport(ssl_context=trusting, ca_file="ca.pem")


async def test_paths_are_relative_to_the_file_or_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Sandbox() as sandbox:
        here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
        for folder in (here, elsewhere):
            folder.mkdir()
        content = of(sandbox, bot={"username": sandbox.bot.username, "privateKey": {"path": "keys/bot.pem"}})
        file = write(elsewhere, content)
        monkeypatch.chdir(here)
        with pytest.raises(ConfigError, match=str(elsewhere / "keys" / "bot.pem")):
            PodClient.from_config(file)
        (here / "keys").mkdir()
        (here / "keys" / "bot.pem").write_text(sandbox.bot.private_key)
        async with PodClient.from_config(file) as pod:
            await pod.session.info()
        # What lies beside the file comes first.
        (elsewhere / "keys").mkdir()
        (elsewhere / "keys" / "bot.pem").write_text("no key")
        with pytest.raises(ConfigError, match=r"bot\.pem"):
            PodClient.from_config(file)


async def test_profiles_and_the_usual_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    async with Sandbox() as sandbox:
        write(tmp_path / ".symphony", of(sandbox))
        async with PodClient.from_config() as pod:
            await pod.session.info()
        write(tmp_path / ".symphony", of(sandbox), "uat.json")
        async with PodClient.from_env({"SYMPHONY_PROFILE": "uat"}) as pod:
            await pod.session.info()
        for wrong in ("production", "../uat", ".uat", "a/b"):
            with pytest.raises(ConfigError, match="profile"):
                PodClient.from_env({"SYMPHONY_PROFILE": wrong})


def test_what_is_not_understood_is_named_with_what_may_have_been_meant(tmp_path: Path) -> None:
    pem = {"content": "x"}
    content = {
        "host": "a.b",
        "prot": 443,
        "sessionauth": {"host": "c.d"},
        "bot": {"username": "bot", "privatekey": pem, "privateKey": {"path": "no.pem", "passwort": "p"}},
        "proxy": {"host": "p", "port": 1, "user": "u"},
        "datafeed": {"version": "v2"},
        "retry": {"maxAttempts": 3, "backoff": 2},
        "entirely": 1,
    }
    content["bot"] = {"username": "bot", "privateKey": _key(), "privatekey": pem}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        PodSettings.from_config(write(tmp_path, content))
    told = {str(each.message).partition(": ")[2] for each in caught}
    assert told == {
        "prot is not understood, and ignored; did you mean port?",
        "sessionauth is not understood, and ignored; did you mean sessionAuth?",
        "bot.privatekey is not understood, and ignored; did you mean privateKey?",
        "proxy.user is not understood, and ignored; did you mean username?",
        "retry.backoff is not understood, and ignored",
        "entirely is not understood, and ignored",
    }
    assert {each.category for each in caught} == {ConfigWarning}


def test_a_file_that_is_understood_whole_warns_of_nothing(tmp_path: Path) -> None:
    content = {"host": "a.b", "bot": {"username": "bot", "privateKey": _key()}, "datafeed": {"version": "v2"}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settings = PodSettings.from_config(write(tmp_path, content | {"retry": {"maxAttempts": -1}}))
    assert settings.retry is not None
    assert settings.retry.attempts > 10**6


def test_retries_are_those_of_the_file(tmp_path: Path) -> None:
    retry = {"maxAttempts": 6, "initialIntervalMillis": 200, "maxIntervalMillis": 5000, "multiplier": 2}
    content = {"host": "a.b", "bot": {"username": "bot", "privateKey": _key()}, "retry": retry}
    made = PodSettings.from_config(write(tmp_path, content)).retry
    assert made is not None
    assert (made.attempts, made.base, made.cap) == (6, 0.2, 5.0)


@pytest.mark.parametrize("name", ["sessionToken", "Authorization", "Host", "content-length", "X Y", "a:b", ""])
def test_headers_that_are_the_clients_own_are_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        AiohttpTransport(headers={name: "x"})
    with pytest.raises(ConfigError, match="value"):
        AiohttpTransport(headers={"X-Good": "a\r\nb"})


def _key() -> dict[str, str]:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {"content": key.decode()}


def test_the_command_line_takes_a_profile_a_proxy_and_authorities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from aiosymphony.cli.app import run

    monkeypatch.setattr(os, "environ", {**os.environ, "HOME": str(tmp_path)})
    assert run(["--profile", "none", "call", "pod", "v2_sessioninfo_get"]) == 64
    assert "there is no profile none" in capsys.readouterr().err
    write(tmp_path / ".symphony", {"hots": "a.b", "host": "a.b", "bot": {"username": "b", "privateKey": _key()}})
    os.environ.pop("SYMPHONY_PROFILE")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert run(["--profile", "config", "--ca-file", "no.pem", "call", "pod", "v2_sessioninfo_get"]) != 0
    assert "hots is not understood, and ignored; did you mean host?" in capsys.readouterr().err
