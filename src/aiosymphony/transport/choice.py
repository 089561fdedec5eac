"""Which transport a client gets that is given none."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypedDict, Unpack

from ..auth.secrets import keeps_arguments_secret
from ..errors import ConfigError
from .base import Transport

VARIABLE: Final = "AIOSYMPHONY_TRANSPORT"
"""The environment variable that names it."""


class Options(TypedDict, total=False):
    """What either transport takes."""

    limit: int
    connect_timeout: float
    ca_file: str | Path | None
    client_cert: str | Path | None
    client_key: str | Path | None
    client_key_password: str | None
    proxy: str | None
    headers: Mapping[str, str] | None
    ssl_context: ssl.SSLContext | None


@keeps_arguments_secret
def new_transport(kind: str | None = None, **options: Unpack[Options]) -> Transport:
    """A transport of this kind, ``aiohttp`` or ``fast``; by default of the kind that the environment names.

    Raises:
        ConfigError: There is no such kind, its extra is missing, or an option is unusable.
    """
    match kind or os.environ.get(VARIABLE) or "aiohttp":
        case "aiohttp":
            from .aiohttp import AiohttpTransport  # noqa: PLC0415 - aiohttp loads when it is used

            return AiohttpTransport(**options)
        case "fast":
            from .fast import FastTransport  # noqa: PLC0415 - an extra, which loads when it is used

            return FastTransport(**options)
        case other:
            raise ConfigError(f"{VARIABLE} must be aiohttp or fast, not {other!r}")
