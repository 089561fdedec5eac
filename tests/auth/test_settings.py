"""Clients from the environment and from files."""

import json
import traceback
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from aiosymphony import ConfigError, ConnectClient, PodClient, StaticToken
from aiosymphony.sandbox import Sandbox

BDK = """
scheme: http
host: 127.0.0.1
port: {port}

pod:
  context:

keyManager:
  host: 127.0.0.1
  port: {port}

bot:
  username: {username}
  privateKey:
    path: keys/bot.pem

retry:
  maxAttempts: 6
"""


async def test_a_config_file_of_the_bdk_works_as_it_is(tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        (tmp_path / "keys").mkdir()
        (tmp_path / "keys" / "bot.pem").write_text(sandbox.bot.private_key)
        file = tmp_path / "config.yaml"
        file.write_text(BDK.format(port=sandbox.url.rsplit(":", 1)[1], username=sandbox.bot.username))
        async with PodClient.from_config(file) as pod:
            assert (await pod.session.info()).username == sandbox.bot.username


async def test_the_environment(tmp_path: Path) -> None:
    async with Sandbox(companies=1) as sandbox:
        key = tmp_path / "bot.pem"
        key.write_text(sandbox.bot.private_key)
        given = sandbox.client_credentials
        environment = {
            "SYMPHONY_POD_URL": sandbox.url,
            "SYMPHONY_BOT_USERNAME": sandbox.bot.username,
            "SYMPHONY_PRIVATE_KEY": str(key),
            "SYMPHONY_CONNECT_URL": sandbox.url,
            "SYMPHONY_CLIENT_ID": given.client_id,
            "SYMPHONY_CLIENT_SECRET": given.client_secret,
            "SYMPHONY_TOKEN_URL": f"{sandbox.url}/oauth/token",
        }
        async with PodClient.from_env(environment) as pod, ConnectClient.from_env(environment) as connect:
            assert isinstance(pod, PodClient)
            assert isinstance(connect, ConnectClient)
            assert (await pod.session.info()).username == sandbox.bot.username
            assert len(await connect.companies.list()) == 1


async def test_a_file_may_name_the_pod_alone(tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        file = tmp_path / "config.json"
        host, port = sandbox.url.removeprefix("http://").split(":")
        bot = {"username": sandbox.bot.username, "privateKey": {"content": sandbox.bot.private_key}}
        file.write_text(json.dumps({"pod": {"scheme": "http", "host": host, "port": port}, "bot": bot}))
        async with PodClient.from_config(file) as pod:
            assert (await pod.session.info()).username == sandbox.bot.username


class OurPod(PodClient):
    """A client with something of its own."""


class OurConnect(ConnectClient):
    """As above."""


def test_a_subclass_makes_clients_of_its_own_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("POD_URL", "https://a.b"), ("SESSION_TOKEN", "t"), ("AGENT_URL", "https://agent.b"),
                        ("CLIENT_ID", "i"), ("CLIENT_SECRET", "s"), ("CONNECT_URL", "https://c.d")):  # fmt: skip
        monkeypatch.setenv(f"SYMPHONY_{name}", value)
    pod, connect = OurPod.from_env(), OurConnect.from_env()
    assert (type(pod), repr(pod)) == (OurPod, "OurPod('https://a.b')")
    assert (type(connect), repr(connect)) == (OurConnect, "OurConnect('https://c.d')")
    file = tmp_path / "config.json"
    key = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_text(json.dumps({"host": "e.f", "app": {"appId": "app", "privateKey": {"content": key.decode()}}}))
    from_file = OurPod.from_config(file)
    assert (type(from_file), from_file.base_url) == (OurPod, "https://e.f")
    assert type(from_file.on_behalf_of(7)) is OurPod


def test_a_client_that_cannot_be_made_leaves_no_variable_in_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMPHONY_POD_URL", "https://a.b")
    monkeypatch.setenv("SYMPHONY_BOT_USERNAME", "bot")
    monkeypatch.setenv("SYMPHONY_PRIVATE_KEY", "-----BEGIN canary")
    with pytest.raises(ConfigError) as caught:
        OurPod.from_env()
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)][1:]  # all but this one
    assert frames
    assert "canary" not in repr([frame.f_locals for frame in frames])


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, "SYMPHONY_POD_URL"),
        ({"SYMPHONY_POD_URL": "https://acme.symphony.com"}, "SYMPHONY_BOT_USERNAME"),
        ({"SYMPHONY_POD_URL": "https://a.b", "SYMPHONY_BOT_USERNAME": "bot"}, "SYMPHONY_PRIVATE_KEY"),
        ({"SYMPHONY_POD_URL": "http://acme.symphony.com", "SYMPHONY_SESSION_TOKEN": "t"}, "plain http"),
    ],
)
def test_what_is_missing_in_the_environment_is_named(environment: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        PodClient.from_env(environment)


@pytest.mark.parametrize(
    "url", ["https://u:hunter2@acme.example:99999", "ftp://u:hunter2@a.b", "https://u:hunter2@a.b"]
)
def test_a_password_in_a_url_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="base_url") as caught:
        PodClient(url, StaticToken("t"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({}, "host is missing"),
        ({"host": "a.b"}, "bot is missing"),
        ({"host": "a.b", "bot": {"privateKey": {"path": "x"}}}, "bot.username is missing"),
        ({"host": "a.b", "bot": {"username": "bot"}}, "neither path nor content"),
        ({"host": "a.b", "bot": []}, "bot is not a mapping"),
        ({"host": ["a"]}, "host is not a text"),
        ({"host": "a.b", "port": "x", "bot": {"username": "b"}}, "port 'x' is not a number"),
        ([], "not a mapping"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, content: object, named: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=named):
        PodClient.from_config(file)


@pytest.mark.parametrize(("name", "content"), [("config.yaml", "a: [1"), ("config.json", "{"), ("none.yaml", None)])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: str | None) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=name):
        PodClient.from_config(file)


@pytest.mark.parametrize(
    "url",
    ["", "acme", "ftp://a.b", "http://acme.symphony.com", "https://user:pass@a.b", "https://a.b?x=1", "https://a.b#f",
     "http://127.0.0.1.evil.com", "http://10.0.0.1"],
)  # fmt: skip
def test_urls_that_no_token_is_sent_to(url: str) -> None:
    from aiosymphony import StaticToken

    with pytest.raises(ConfigError, match="base_url"):
        PodClient(url, StaticToken("t"))


@pytest.mark.parametrize(
    "url", ["https://acme.symphony.com/", "http://localhost:8080", "http://127.0.0.2", "http://[::1]:1"]
)
def test_urls_that_are_fine(url: str) -> None:
    from aiosymphony import StaticToken

    assert url.rstrip("/") in repr(PodClient(url, StaticToken("t")))


def test_what_is_no_authentication_is_told_at_once_and_not_shown() -> None:
    with pytest.raises(ConfigError, match=r"auth must be one of .*, not str") as caught:
        PodClient("https://acme.symphony.com", "a-token")  # type: ignore[arg-type]
    assert "a-token" not in str(caught.value)
