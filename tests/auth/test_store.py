"""Tokens shared by the processes of one bot."""

import asyncio
import stat
import sys
from pathlib import Path

import pytest

from aiosymphony import ConfigError, FileTokenStore, PodClient, RsaAuth
from aiosymphony.auth.secrets import HeaderSecret
from aiosymphony.auth.store import StoredToken
from aiosymphony.sandbox import Sandbox

WORKER = """
import asyncio, sys
from aiosymphony import FileTokenStore, PodClient, RsaAuth

async def main(url, username, key, store):
    async with PodClient(url, RsaAuth(username, key), token_store=FileTokenStore(store)) as pod:
        print((await pod.session.info()).username)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_several_processes_make_one_login(tmp_path: Path) -> None:
    key, store = tmp_path / "bot.pem", tmp_path / "tokens.json"
    async with Sandbox() as sandbox:
        key.write_text(sandbox.bot.private_key)
        arguments = (sandbox.url, sandbox.bot.username, str(key), str(store))
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", WORKER, *arguments, stdout=asyncio.subprocess.PIPE
            )
            for _ in range(4)
        ]
        outputs = await asyncio.gather(*(process.communicate() for process in processes))
        assert [out.decode().strip() for out, _ in outputs] == [sandbox.bot.username] * 4
        assert sandbox.stats.logins == 1
    assert stat.S_IMODE(store.stat().st_mode) == 0o600


async def test_a_token_from_the_store_that_is_refused_is_replaced_for_all(tmp_path: Path) -> None:
    store = FileTokenStore(tmp_path / "tokens.json")
    async with Sandbox() as sandbox:
        auth = RsaAuth(sandbox.bot.username, sandbox.bot.private_key)
        async with PodClient(sandbox.url, auth, token_store=store) as first:
            await first.session.info()
            sandbox.revoke_tokens()
            async with PodClient(sandbox.url, auth, token_store=store) as second:
                await second.session.info()  # takes the kept token, is refused, logs in
                assert sandbox.stats.logins == 2
                await first.session.info()  # is refused, and finds the second's token in the store
                assert sandbox.stats.logins == 2


async def test_tokens_of_two_pods_stay_apart(tmp_path: Path) -> None:
    store = FileTokenStore(tmp_path / "tokens.json")
    async with Sandbox() as one, Sandbox() as two:
        for sandbox in (one, two, one, two):
            auth = RsaAuth(sandbox.bot.username, sandbox.bot.private_key)
            async with PodClient(sandbox.url, auth, token_store=store) as pod:
                await pod.session.info()
        assert (one.stats.logins, two.stats.logins) == (1, 1)
        assert one.stats.by_status.get(401, 0) == two.stats.by_status.get(401, 0) == 0


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": {"token": "line\\nbreak", "issued_at": 1}}', "\x00"])
async def test_a_file_that_cannot_be_read_is_taken_for_empty(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(content)
    store = FileTokenStore(path)
    assert await store.load("key") is None
    async with store.exclusive("key"):
        await store.save("key", StoredToken(HeaderSecret("abc"), 1.0, 2.0))
    assert await store.load("key") == StoredToken(HeaderSecret("abc"), 1.0, 2.0)


def test_a_missing_folder_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="folder"):
        FileTokenStore(tmp_path / "no" / "tokens.json")
