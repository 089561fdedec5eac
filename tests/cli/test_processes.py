"""The command as a process: signals, pipes, missing extras, and the sandbox."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson
import pytest

from aiosymphony.sandbox import Faults, Sandbox

SPECS = Path(__file__).parents[2] / "specs" / "login"
MAIN = "import sys; from aiosymphony.cli import main; sys.exit(main())"


@asynccontextmanager
async def started(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    # What started the tests may ignore Ctrl-C, as shells do for what they put in the background; children inherit that.
    # Here a person sits at the command.
    attended = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {MAIN}"
    command = [sys.executable, "-c", attended, *arguments]
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


async def test_a_sandbox_until_it_is_told_to_stop() -> None:
    async with started("sandbox", "--port", "0", "--users", "5", "--json") as process:
        assert process.stdout is not None
        facts = orjson.loads(await process.stdout.readline())
        async with aiohttp.ClientSession() as session, session.get(f"{facts['url']}/sandbox/state") as response:
            assert len((await response.json())["pod_users"]) == 6
        key = Path(facts["private_key_file"])
        assert key.exists()
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
        assert not key.exists()


async def test_a_sandbox_with_wrong_options() -> None:
    async with started("sandbox", "--port", "many") as process:
        _, err = await process.communicate()
    said = b"argument --port: 'many' is no whole number; aiosymphony sandbox --help lists the options"
    assert (process.returncode, err) == (64, b"aiosymphony sandbox: " + said + b"\n")


def test_a_failed_login_is_told_once(tmp_path: Path, symphony_sandbox: Sandbox) -> None:
    key = tmp_path / "bot.pem"
    key.write_text(symphony_sandbox.bot.private_key)
    command = ["auth", "check", "--url", "http://127.0.0.1:1", "--username", "bot", "--private-key", str(key)]
    ended = subprocess.run([sys.executable, "-c", MAIN, *command], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.count("connecting to ") == 1
    assert "127.0.0.1:1 " in ended.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_full_disk_under_the_output_is_one_sentence(more: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-c", MAIN, "api", "diff", *[str(next(SPECS.glob("*.yaml")))] * 2, *more]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == "aiosymphony: the output cannot be written: No space left on device\n"


async def test_ctrl_c_ends_a_call(symphony_sandbox: Sandbox, tmp_path: Path) -> None:
    symphony_sandbox.faults = Faults(rate_delay=1, delay_seconds=60, operations={"v2_sessioninfo_get"})
    key = tmp_path / "bot.pem"
    key.write_text(symphony_sandbox.bot.private_key)
    where = ("--url", symphony_sandbox.url, "--username", symphony_sandbox.bot.username, "--private-key", str(key))
    async with started("call", "pod", "v2_sessioninfo_get", *where) as process:
        while not symphony_sandbox.stats.by_operation["v2_sessioninfo_get"]:
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert process.returncode == 130
    assert err == b"aiosymphony: interrupted\n"


@pytest.mark.symphony_sandbox(users=1000)
async def test_a_reader_that_has_seen_enough(symphony_sandbox: Sandbox, tmp_path: Path) -> None:
    key = tmp_path / "bot.pem"
    key.write_text(symphony_sandbox.bot.private_key)
    reading, writing = os.pipe()
    os.close(reading)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MAIN, "call", "pod", "v3_admin_user_list_get", "-p", "limit=1000", "--json",
        "--url", symphony_sandbox.url, "--username", symphony_sandbox.bot.username, "--private-key", str(key),
        stdout=writing, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    os.close(writing)
    _, err = await process.communicate()
    assert (process.returncode, err) == (1, b"")
    assert symphony_sandbox.stats.by_operation["v3_admin_user_list_get"] == 1


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_of_the_command_line(missing: str) -> None:
    code = (
        f"import sys; sys.modules['{missing}'] = None; from aiosymphony.cli import main; sys.exit(main(['--version']))"
    )
    done = run_python(code)
    assert done.returncode == 64
    assert done.stderr == f"aiosymphony: the command line needs {missing}: pip install 'aiosymphony[cli]'\n"


@pytest.mark.parametrize("missing", ["jsonschema_rs", "yaml"])
def test_without_the_extra_of_the_sandbox(missing: str) -> None:
    code = f"import sys; sys.modules['{missing}'] = None; from aiosymphony.cli import main; sys.exit(main(['sandbox']))"
    done = run_python(code)
    assert done.returncode == 64
    assert done.stderr == f"aiosymphony: the sandbox needs {missing}: pip install 'aiosymphony[sandbox]'\n"


def test_importing_the_command_line_loads_neither_typer_nor_rich() -> None:
    done = run_python("import aiosymphony.cli, sys; print([m for m in ('typer', 'rich') if m in sys.modules])")
    assert done.stdout == "[]\n", done.stderr


def test_version_and_help_and_no_command() -> None:
    import aiosymphony

    version = subprocess.run([sys.executable, "-c", MAIN, "--version"], capture_output=True, text=True, check=False)
    assert (version.returncode, version.stdout) == (0, f"{aiosymphony.__version__}\n")
    for arguments, code in ((["--help"], 0), ([], 64), (["auth"], 64)):
        done = subprocess.run([sys.executable, "-c", MAIN, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert "Usage: aiosymphony" in done.stdout
        assert done.stderr == ""
