"""``aiosymphony dashboard``: a page to watch jobs."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..auth.secrets import keeps_arguments_secret
from ..errors import ConfigError
from ..stop_signals import on_stop_signals
from .invocation import host_and_port
from .output import say

if TYPE_CHECKING:
    from ..dashboard.server import Dashboard

__all__ = ["dashboard"]


@keeps_arguments_secret
def dashboard(
    store: Annotated[
        str, typer.Option("--store", metavar="ADDRESS|FILE", help="postgresql://…, or the journal of one job.")
    ],
    listen: Annotated[str, typer.Option("--listen", metavar="HOST:PORT", help="Where.")] = "127.0.0.1:8765",
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            help="A file with the token of visitors; or AIOSYMPHONY_DASHBOARD_TOKEN has it, or one is made.",
        ),
    ] = None,
) -> None:
    """Serve a read-only page: jobs, shards, workers, causes of failures, takeovers; live, until Ctrl-C.

    By default for this machine alone. Elsewhere visitors need a token.
    """
    from ..dashboard.reading import reading_of
    from ..dashboard.server import Dashboard, is_loopback

    host, port = host_and_port(listen, "--listen")
    token, is_made = _token(token_file), False
    if token is None and not is_loopback(host):
        token, is_made = secrets.token_urlsafe(24), True
    page = Dashboard(reading_of(store), host=host, port=port, token=token)
    query = f"?token={token}" if is_made else "?token=…" if token else ""
    asyncio.run(_serve(page, query))


def _token(file: Path | None) -> str | None:
    if file is None:
        return os.environ.get("AIOSYMPHONY_DASHBOARD_TOKEN") or None
    try:
        text = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    if len(text) < 16:
        raise ConfigError(f"{file} holds no token of 16 characters or more")
    return text


async def _serve(page: Dashboard, query: str) -> None:
    stopped = asyncio.Event()
    with on_stop_signals(stopped.set):
        try:
            await page.start()
        except OSError as error:
            raise ConfigError(f"cannot listen at {page.url}: {error.strerror}") from None
        try:
            say(f"watching at {page.url}{query} - Ctrl-C ends it")
            await stopped.wait()
        finally:
            await page.close()
