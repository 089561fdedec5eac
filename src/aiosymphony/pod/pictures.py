"""Pictures of users and groups, as the APIs take and give them."""

from __future__ import annotations

import base64
from asyncio import to_thread
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

from ..errors import ConfigError
from ..session import Session
from ..transport import RequestHeaders
from ..wire.operation import Operation, Request
from ..wire.responses import error_from_response

__all__ = ["MAX_AVATAR", "download", "picture"]

MAX_AVATAR: Final = 2_000_000


async def picture(image: bytes | str | PathLike[str]) -> str:
    """A picture in base64, from its bytes or the path of its file.

    Raises:
        ConfigError: It cannot be read, is empty or too large.
    """
    content = await to_thread(_read_picture, image) if isinstance(image, str | PathLike) else image
    if not isinstance(content, bytes | bytearray):
        raise ConfigError(f"image: expected a path or bytes, not {type(content).__name__}. Nothing was sent.")
    if not 0 < len(content) < MAX_AVATAR:
        raise ConfigError(
            f"image: {len(content)} bytes; it must have at least one, and less than 2 MB. Nothing was sent."
        )
    return base64.b64encode(content).decode("ascii")


def _read_picture(path: str | PathLike[str]) -> bytes:
    """A file's bytes; of one that is too large, no more than show it."""
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_AVATAR)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"image: the file {str(path)!r} cannot be read: {why}. Nothing was sent.") from None


async def download(session: Session, url: str) -> bytes:
    """The content of a picture at an address that an answer gave, absolute or relative to the pod's API.

    Raises:
        ConfigError: It is at another server, which must not see the token.
        SymphonyError: See :meth:`Session.execute`.
    """
    base_url = session.host_of(_DOWNLOAD)
    address = urlsplit(urljoin(f"{base_url}/pod/", url))
    if f"{address.scheme}://{address.netloc}" != base_url:
        raise ConfigError(f"the picture is at another server, {address.netloc}: fetch it without this client")
    headers = RequestHeaders({"Accept": "image/*"})
    return await session.execute(Request(_DOWNLOAD, address.path, address.query, headers))


def _content(status: int, headers: Mapping[str, str], content: bytes) -> bytes:
    if status != 200:
        raise error_from_response(_DOWNLOAD, status, headers, content)
    return content


_DOWNLOAD: Operation[[], bytes] = Operation(
    id="avatar_download",
    api="pod",
    method="GET",
    path="/avatars/{picture}",
    tag="User",
    auth=("sessionToken",),
    kind="read",
    idempotent=True,
    build=lambda: Request(_DOWNLOAD, "/avatars"),
    parse=_content,
)
