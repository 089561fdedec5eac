"""Programs of the documents and examples, run as their readers run them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from aiosymphony.sandbox import Sandbox


def environment_of(sandbox: Sandbox, folder: Path) -> dict[str, str]:
    """The variables of both APIs, with the keys and a configuration file in a folder."""
    (folder / "bot.pem").write_text(sandbox.bot.private_key)
    (folder / "app.pem").write_text(sandbox.app.private_key)
    url = urlsplit(sandbox.url)
    config = {
        "scheme": url.scheme,
        "host": url.hostname,
        "port": url.port,
        "bot": {"username": sandbox.bot.username, "privateKey": {"path": "bot.pem"}},
        "app": {"appId": sandbox.app.username, "privateKey": {"path": "app.pem"}},
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    return os.environ | {
        "SYMPHONY_POD_URL": sandbox.url,
        "SYMPHONY_BOT_USERNAME": sandbox.bot.username,
        "SYMPHONY_PRIVATE_KEY": "bot.pem",
        "SYMPHONY_APP_ID": sandbox.app.username,
        "SYMPHONY_APP_PRIVATE_KEY": "app.pem",
        "SYMPHONY_CONNECT_URL": sandbox.url,
        "SYMPHONY_TOKEN_URL": f"{sandbox.url}/oauth/token",
        "SYMPHONY_CLIENT_ID": sandbox.client_credentials.client_id,
        "SYMPHONY_CLIENT_SECRET": sandbox.client_credentials.client_secret,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }


async def run_program(arguments: list[str], sandbox: Sandbox, folder: Path) -> str:
    """Run a Python program in a folder with the bot's key; its output."""
    environment = environment_of(sandbox, folder)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", *arguments, cwd=folder, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert err == b""
    return out.decode()
