"""Pictures of users and groups, as the APIs take them."""

from __future__ import annotations

import base64
from asyncio import to_thread
from os import PathLike
from pathlib import Path
from typing import Final

from ..errors import ConfigError

__all__ = ["MAX_AVATAR", "picture"]

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
