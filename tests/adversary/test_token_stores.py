"""Case 55: a token store that fails, hangs or holds something else than tokens fails no call whose login succeeds."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from aiosymphony import ConfigError, FileTokenStore, PodClient, StaticToken
from aiosymphony.auth.rsa import RsaAuth
from aiosymphony.auth.secrets import HeaderSecret
from aiosymphony.auth.store import StoredToken
from tests.faults.canary import CANARY, Trail
from tests.faults.server import FaultServer, reply, token

INFO = "/pod/v2/sessioninfo"
LOGIN = "/login/pubkey/authenticate"


@pytest.fixture
def server(server: FaultServer) -> FaultServer:
    server.check_tokens = True
    server.on("GET", INFO, then=reply(200, {"id": 7}))
    return server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


@pytest.fixture
def login(server: FaultServer, pem: str) -> Callable[[Any], PodClient]:
    return lambda store: PodClient(server.url, RsaAuth("bot", pem), token_store=store)


Open = Callable[[Any], PodClient]


async def opened(path: Path) -> FileTokenStore:
    return await asyncio.to_thread(FileTokenStore, path)


async def works(client: PodClient, calls: int = 1) -> None:
    """The calls succeed, in bounded time; the time is virtual."""
    async with asyncio.timeout(300.0), client:
        answers = await asyncio.gather(*(client.session.info() for _ in range(calls)))
    assert [answer.id for answer in answers] == [7] * calls


class Failing:
    """A store all of whose parts fail as told."""

    def __init__(self, error: Exception, *parts: str) -> None:
        self.error = error
        self.parts = parts

    def __repr__(self) -> str:
        return "Failing()"

    def fail(self, part: str) -> None:
        if part in self.parts:
            raise self.error

    @asynccontextmanager
    async def _exclusive(self) -> AsyncIterator[None]:
        self.fail("enter")
        yield
        self.fail("leave")

    def exclusive(self, key: str) -> AbstractAsyncContextManager[None]:
        self.fail("exclusive")
        return self._exclusive()

    async def load(self, key: str) -> StoredToken | None:
        self.fail("load")
        return None

    async def save(self, key: str, token: StoredToken) -> None:
        self.fail("save")


@pytest.mark.parametrize("part", ["exclusive", "enter", "load", "save", "leave"])
@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), ValueError(f"token {CANARY}"), ConfigError("no"), RuntimeError("odd")],
    ids=["disk full", "value", "config", "runtime"],
)
async def test_case_55_a_store_that_fails_in_any_part_fails_no_call_and_is_told_once(
    part: str, error: Exception, server: FaultServer, login: Open, trail: Trail
) -> None:
    client = login(Failing(error, part))
    async with client:
        assert (await client.session.info()).id == 7
        for _ in range(3):
            server.expire()
            assert (await client.session.info()).id == 7
    assert server.logins[LOGIN] == 4
    assert trail.log.count("going on without it") == 1


async def test_case_55_a_store_that_fails_does_not_hide_why_the_login_failed(server: FaultServer, login: Open) -> None:
    server.on("POST", LOGIN, then=reply(401, {"message": "wrong key"}))
    async with login(Failing(OSError(5, "Input/output error"), "enter", "load", "save", "leave")) as client:
        with pytest.raises(Exception, match="wrong key") as caught:
            await client.session.info()
    assert "Input/output" not in repr([caught.value, caught.value.__cause__, caught.value.__context__])


class Hanging(Failing):
    """A store parts of which never end."""

    async def load(self, key: str) -> StoredToken | None:
        if "load" in self.parts:
            await asyncio.Event().wait()
        return None

    async def save(self, key: str, token: StoredToken) -> None:
        if "save" in self.parts:
            await asyncio.Event().wait()


@pytest.mark.parametrize("part", ["load", "save"])
async def test_case_55_a_store_that_does_not_end_is_waited_for_ten_seconds(
    part: str, server: FaultServer, login: Open, trail: Trail
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await works(login(Hanging(OSError(), part)), calls=20)
    assert 9.9 <= loop.time() - began < 11.0
    assert server.logins[LOGIN] == 1
    assert trail.log.count("(it took too long)") == 1


class Odd(Failing):
    """A store that gives something else than a token."""

    def __init__(self, found: Any) -> None:
        super().__init__(OSError())
        self.found = found

    async def load(self, key: str) -> StoredToken | None:
        return self.found  # type: ignore[no-any-return]


@pytest.mark.parametrize("found", ["text", {"token": "x"}, 7, StoredToken(HeaderSecret("x"), 1.0, float("nan"))])
async def test_case_55_what_a_store_gives_that_is_no_token_is_taken_for_nothing(
    found: Any, server: FaultServer, login: Open
) -> None:
    await works(login(Odd(found)))
    assert server.logins[LOGIN] == 1


async def test_case_55_a_folder_in_place_of_the_file(server: FaultServer, login: Open, path: Path) -> None:
    await asyncio.to_thread(path.mkdir)
    await works(login(await opened(path)))
    assert server.logins[LOGIN] == 1


async def test_case_55_a_folder_that_is_gone(server: FaultServer, login: Open, tmp_path: Path) -> None:
    folder = tmp_path / "soon gone"
    await asyncio.to_thread(folder.mkdir)
    client = login(await opened(folder / "tokens.json"))
    await asyncio.to_thread(folder.rmdir)
    await works(client)
    assert server.logins[LOGIN] == 1


@contextlib.contextmanager
def held(path: Path) -> Any:
    """A lock as a process holds it that has stopped: for ever."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


async def test_case_55_a_lock_that_is_held_for_ever_is_waited_for_a_bounded_time(
    server: FaultServer, login: Open, path: Path
) -> None:
    client = login(await opened(path))
    await works(client, calls=20)
    (lock,) = [each for each in await asyncio.to_thread(lambda: list(path.parent.iterdir())) if len(each.suffixes) > 2]
    server.expire()
    loop = asyncio.get_running_loop()
    began = loop.time()
    with held(lock):
        await works(login(await opened(path)), calls=20)
    assert 29.9 <= loop.time() - began < 31.0  # of virtual time, added up in floats
    assert server.logins[LOGIN] == 2
    await works(login(await opened(path)))  # and the store serves again


async def test_case_55_a_lock_on_the_file_that_is_held_for_ever_is_waited_for_a_bounded_time(
    server: FaultServer, login: Open, path: Path
) -> None:
    with held(path.with_name("tokens.json.lock")):
        await works(login(await opened(path)), calls=20)
    assert server.logins[LOGIN] == 1


async def test_case_55_a_caller_that_waits_for_a_lock_can_be_cancelled_and_the_client_closed(
    server: FaultServer, login: Open, path: Path
) -> None:
    await works(login(await opened(path)))
    (lock,) = [each for each in await asyncio.to_thread(lambda: list(path.parent.iterdir())) if len(each.suffixes) > 2]
    with held(lock):
        async with login(await opened(path)) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.0):
                    await client.session.info()
    assert server.logins[LOGIN] == 1


GOOD: dict[str, Any] = {"token": "t", "issued_at": 1.0, "expires_at": None}
CONTENTS: dict[str, bytes] = {
    "nothing": b"",
    "binary": bytes(range(256)) * 10,
    "a list": b"[1]",
    "text": b'"abc"',
    "a number": b"7",
    "null": b"null",
    "deep": b"[" * 100_000,
    "UTF-16": json.dumps({"KEY": GOOD}).encode("utf-16"),
    **{
        f"{name} is {json.dumps(value)[:20]}": json.dumps({"KEY": GOOD | {name: value}}).encode()
        for name, values in {
            "token": [None, 7, "", "a b", "a\nb", "a\x00b", "\u00e4", ["t"], {"t": 1}, True, "t" * 1_000_000],
            "issued_at": [None, "now", [1], {}, True],
            "expires_at": ["soon", [1], {}, False, "Infinity", "nan"],
        }.items()
        for value in values
    },
    **{
        f"the entry is {json.dumps(value)}": json.dumps({"KEY": value}).encode()
        for value in (None, 7, "t", [], ["token"], {}, {"token": "t"})
    },
    "a huge number": b'{"KEY": {"token": "t", "issued_at": 1' + b"0" * 400 + b', "expires_at": null}}',
    "a huge end": b'{"KEY": {"token": "t", "issued_at": 1, "expires_at": 1' + b"0" * 400 + b"}}",
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=list(CONTENTS))
async def test_case_55_what_is_no_token_is_taken_for_none_and_replaced(
    content: bytes, server: FaultServer, login: Open, path: Path
) -> None:
    key = f"{server.url} rsa:bot sessionToken"
    await asyncio.to_thread(path.write_bytes, content.replace(b"KEY", key.encode()))
    await asyncio.to_thread(path.chmod, 0o600)
    store = await opened(path)
    assert await store.load(key) is None
    await works(login(store))
    assert server.logins[LOGIN] == 1
    assert server.counts["GET", INFO] == 1
    await works(login(await opened(path)))
    assert server.logins[LOGIN] == 1  # the second found the first's


async def test_case_55_a_pipe_in_place_of_the_file_is_not_waited_for(
    server: FaultServer, login: Open, path: Path
) -> None:
    await asyncio.to_thread(os.mkfifo, path)
    await works(login(await opened(path)))
    assert server.logins[LOGIN] == 1


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def saved(store: FileTokenStore, key: str, text: str) -> None:
    async with store.exclusive(key):
        await store.save(key, StoredToken(HeaderSecret(text), 1.0))


async def test_case_65_a_file_with_a_wide_mode_is_closed_to_others_when_it_is_read(path: Path) -> None:
    store = await opened(path)
    await saved(store, "key", "abc")
    files = await asyncio.to_thread(lambda: list(path.parent.iterdir()))
    for each in files:
        await asyncio.to_thread(each.chmod, 0o644)
    found = await store.load("key")
    assert found is not None
    assert found.token.reveal() == "abc"
    assert await asyncio.to_thread(mode, path) == 0o600
    await saved(store, "key", "def")
    assert {await asyncio.to_thread(mode, each) for each in files} == {0o600}


async def test_case_65_a_file_that_others_may_write_is_taken_for_empty(path: Path) -> None:
    store = await opened(path)
    await saved(store, "key", "planted")
    await asyncio.to_thread(path.chmod, 0o666)
    assert await store.load("key") is None
    assert await store.load("key") is None  # the first look did not make it trusted
    await saved(store, "other", "abc")
    assert await store.load("key") is None
    assert await store.load("other") is not None
    assert await asyncio.to_thread(mode, path) == 0o600


async def test_case_65_a_file_of_somebody_else_is_taken_for_empty(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await opened(path)
    await saved(store, "key", "planted")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert await store.load("key") is None


async def test_case_65_a_link_in_place_of_the_file_is_not_followed(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    await saved(await opened(target), "key", "planted")
    content = await asyncio.to_thread(target.read_bytes)
    await asyncio.to_thread(path.symlink_to, target)
    store = await opened(path)
    assert await store.load("key") is None
    await saved(store, "key", "abc")
    assert await asyncio.to_thread(target.read_bytes) == content
    assert not await asyncio.to_thread(path.is_symlink)
    assert await asyncio.to_thread(mode, path) == 0o600


async def test_case_65_a_link_in_place_of_a_lock_makes_no_file_elsewhere(
    server: FaultServer, login: Open, path: Path, tmp_path: Path
) -> None:
    await asyncio.to_thread(path.with_name("tokens.json.lock").symlink_to, tmp_path / "elsewhere")
    await works(login(await opened(path)))
    assert not await asyncio.to_thread((tmp_path / "elsewhere").exists)
    assert server.logins[LOGIN] == 1


async def test_case_55_a_loaded_token_that_is_refused_is_renewed_for_all_of_50_calls(
    server: FaultServer, login: Open, path: Path
) -> None:
    await works(login(await opened(path)))
    server.expire()
    await works(login(await opened(path)), calls=50)
    assert server.logins[LOGIN] == 2


async def test_case_55_a_refused_token_and_then_a_refused_one_from_the_store_fail_none_of_50_calls(
    server: FaultServer, login: Open, path: Path
) -> None:
    """Another process has stored a newer token, which has expired as well."""
    first = login(await opened(path))
    async with first:
        assert (await first.session.info()).id == 7
        server.expire()
        await works(login(await opened(path)))
        server.expire()
        answers = await asyncio.gather(*(first.session.info() for _ in range(50)))
    assert [answer.id for answer in answers] == [7] * 50
    assert server.logins[LOGIN] == 3
    assert {seen.token for seen in server.seen("GET", INFO)} == {server.token(number) for number in (1, 2, 3)}


class Endless(Odd):
    """A store where others put a new token each time, none of which is good."""

    count = 0

    async def load(self, key: str) -> StoredToken | None:
        self.count += 1
        return StoredToken(HeaderSecret(f"bad-{self.count}"), 1.0)


async def test_case_55_bad_tokens_without_end_in_a_store_end_a_call(server: FaultServer, login: Open) -> None:
    async with login(Endless(None)) as client:
        with pytest.raises(Exception, match="one token after another from the store was refused"):
            await client.session.info()
    assert server.counts["GET", INFO] == 4


async def test_case_55_a_given_token_is_neither_kept_nor_taken_from_a_store(server: FaultServer, path: Path) -> None:
    server.check_tokens = False
    for text in ("the-first-one", "the-second-one"):
        async with PodClient(server.url, StaticToken(text), token_store=await opened(path)) as client:
            await client.session.info()
    assert [seen.token for seen in server.seen("GET", INFO)] == ["the-first-one", "the-second-one"]
    assert not await asyncio.to_thread(path.exists)


async def test_case_55_the_authorization_token_is_kept_with_the_session(
    server: FaultServer, login: Open, path: Path
) -> None:
    server.on("POST", LOGIN, then=token(authorizationToken=f"Bearer {CANARY}"))
    for _ in range(2):
        async with login(await opened(path)) as client:
            found = await client.authorization_token()
            assert found is not None
            assert found.reveal() == CANARY
    assert server.logins[LOGIN] == 1
