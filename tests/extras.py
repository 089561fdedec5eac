"""Run by `make extras` in an environment that holds the wheel with one extra: import, sandbox, one call, `--help`."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import aiosymphony
from aiosymphony.testing import ScriptedTransport

OF_EXTRA = {
    "": (),
    "cli": ("aiosymphony.cli",),
    "fast": ("aiosymphony.transport.fast",),
    "httpx": ("aiosymphony.transport.httpx",),
    "otel": ("aiosymphony.telemetry", "aiosymphony.provisioning.telemetry"),
    "postgres": ("aiosymphony.postgres", "aiosymphony.provisioning.workers.worker"),
    "sandbox": ("aiosymphony.sandbox", "aiosymphony.testing.sandbox"),
    "uvloop": ("uvloop",),
    "xlsx": ("aiosymphony.provisioning.template",),
    "yaml": ("yaml",),
}


async def one_call() -> None:
    """Against the sandbox where there is one, and a script elsewhere."""
    if find_spec("jsonschema_rs") is None:
        transport = ScriptedTransport({"id": 7})
        async with aiosymphony.PodClient(
            "https://acme.symphony.test", aiosymphony.StaticToken("token"), transport=transport
        ) as pod:
            assert (await pod.session.info()).id == 7
        return
    from aiosymphony.sandbox import Sandbox

    async with Sandbox(users=3) as sandbox:
        auth = aiosymphony.RsaAuth(sandbox.bot.username, sandbox.bot.private_key)
        async with aiosymphony.PodClient(sandbox.url, auth) as pod:
            assert await pod.users.list().first() is not None


def main(extra: str) -> None:
    """Try what an extra brings, and that the command line says what it lacks."""
    for name in OF_EXTRA[extra]:
        importlib.import_module(name)
    asyncio.run(one_call())
    command = [str(Path(sys.executable).parent / "aiosymphony"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if extra == "cli":
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    else:
        assert done.returncode != 0, "the command line works without its extra"
        assert "aiosymphony[cli]" in done.stderr, done.stderr
        assert "Traceback" not in done.stderr, done.stderr
    print(f"{extra or 'no extra'}: works")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
