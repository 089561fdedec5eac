"""``aiosymphony auth``: checks credentials."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated, Any

import typer

from ..errors import ConfigError, SymphonyError
from ..text import counted
from .clients import ConfigOption, KeyOption, UrlOption, UsernameOption, open_client
from .output import JsonOption, exit_code_of, print_error, print_json, say

app = typer.Typer(name="auth", help="Check credentials.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Check credentials."""


@app.command()
def check(
    api: Annotated[
        str | None, typer.Argument(metavar="[pod|connect]", help="pod or connect. Default: all that are configured.")
    ] = None,
    config: ConfigOption = None,
    url: UrlOption = None,
    username: UsernameOption = None,
    private_key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Log in to the pod, to Connect, or to both, and print the account. No secret is printed."""
    if api not in (None, "pod", "connect"):
        raise ConfigError(f"there is no API {api!r}: give pod or connect")
    named = config is not None or url is not None or username is not None or private_key is not None
    wanted = {
        "pod": api == "pod" or (api is None and (named or bool(os.environ.get("SYMPHONY_POD_URL")))),
        "connect": api == "connect" or (api is None and not named and bool(os.environ.get("SYMPHONY_CLIENT_ID"))),
    }
    if not any(wanted.values()):
        raise ConfigError(
            "nothing to check: set SYMPHONY_POD_URL with SYMPHONY_BOT_USERNAME and SYMPHONY_PRIVATE_KEY, "
            "or SYMPHONY_CLIENT_ID with SYMPHONY_CLIENT_SECRET, or give --config"
        )
    found: list[dict[str, Any]] = []
    code = 0
    for name in [name for name, is_wanted in wanted.items() if is_wanted]:
        try:
            client = open_client(name, config, url, username, private_key)
            found.append(asyncio.run(_check_pod(client) if name == "pod" else _check_connect(client)))
        except SymphonyError as error:
            # Each is told by itself: the other may be in order.
            code = code or exit_code_of(error)
            found.append({"api": name, "ok": False, "error": str(error)})
            print_error(f"{name}: {error}", code, as_json=False)
    if as_json:
        print_json({"ok": not code, "exit_code": code, "logins": found})
    else:
        for login in found:
            if login["ok"]:
                say(f"{login['api']}: logged in to {login['url']} as {login['who']}")
    raise typer.Exit(code)


async def _check_pod(client: Any) -> dict[str, Any]:
    async with client:
        me = await client.session.info()
    who = me.display_name or me.username or "an account without a name"
    return {
        "api": "pod",
        "ok": True,
        "url": client.base_url,
        "who": f"{who} ({', '.join(str(fact) for fact in (me.username, me.email_address, me.id) if fact)})",
        "user_id": me.id,
        "username": me.username,
    }


async def _check_connect(client: Any) -> dict[str, Any]:
    async with client:
        companies = await client.companies.list()
    client_id = os.environ["SYMPHONY_CLIENT_ID"]
    return {
        "api": "connect",
        "ok": True,
        "url": client.base_url,
        "who": f"client {client_id}, which sponsors {counted(len(companies), 'company', 'companies')}",
        "client_id": client_id,
        "companies": len(companies),
    }
