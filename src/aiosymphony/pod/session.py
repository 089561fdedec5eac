"""``pod.session``: the account that is logged in."""

from __future__ import annotations

from asyncio import to_thread
from os import PathLike
from pathlib import Path

import orjson

from aiosymphony_api.pod.api.session import v2_sessioninfo_get
from aiosymphony_api.pod.api.users import v1_user_manifest_own_get, v1_user_manifest_own_post
from aiosymphony_api.pod.models import ServiceAccountManifest, SuccessResponse, UserV2

from ..errors import ConfigError
from ..resource import Resource


class CurrentSession(Resource):
    """The account that is logged in. Every method raises the errors of :meth:`Session.execute`."""

    async def info(self) -> UserV2:
        """The caller's own user (``GET /pod/v2/sessioninfo``).

        Raises:
            AuthError: The credentials are refused; so this call can check them.
        """
        return await self._session.execute(v2_sessioninfo_get.build())

    async def get_manifest(self) -> ServiceAccountManifest:
        """The manifest of the caller, a service account (``GET /pod/v1/user/manifest/own``)."""
        return await self._session.execute(v1_user_manifest_own_get.build())

    async def set_manifest(self, manifest: str | PathLike[str]) -> SuccessResponse:
        """Replace the manifest of the caller, a service account (``POST /pod/v1/user/manifest/own``).

        Args:
            manifest: A JSON document: its text, or the ``Path`` of its file.

        Raises:
            ConfigError: The file cannot be read, or it is no JSON.
        """
        text = manifest if isinstance(manifest, str) else await to_thread(_read_manifest, manifest)
        body = ServiceAccountManifest(manifest=text)
        return await self._session.execute(v1_user_manifest_own_post.build(body=body))


def _read_manifest(path: PathLike[str]) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        orjson.loads(text)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"manifest: the file {str(path)!r} cannot be read: {why}. Nothing was sent.") from None
    return text
