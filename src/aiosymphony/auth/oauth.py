"""Login with OAuth client credentials, as Connect partners use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from yarl import URL

from ..errors import ConfigError, DecodeError
from ..urls import check_base_url
from ..wire.operation import Caller, Operation, Request
from ..wire.responses import error_from_response
from .base import Grant
from .secrets import HeaderSecret, Secret, keeps_arguments_secret

TOKEN_URL = "https://us-auth.prod.symphony.com/oauth/token"  # noqa: S105 - an address, no secret
AUDIENCE = "https://api.symphony.com/partners"


class ClientCredentials:
    """Obtains bearer tokens for Connect with the client id and secret that Symphony gives its partners.

    No API document describes the token endpoint; the request is the one in Symphony's partner guide, in JSON.
    """

    @keeps_arguments_secret
    def __init__(
        self, client_id: str, client_secret: str, *, token_url: str = TOKEN_URL, audience: str = AUDIENCE
    ) -> None:
        """Take the credentials; ``token_url`` and ``audience`` differ outside production.

        Raises:
            ConfigError: A credential is empty, or the token URL is not https (plain http only to loopback).
        """
        if not client_id:
            raise ConfigError("the client_id is empty")
        self._client_id = client_id
        self._client_secret = Secret(client_secret, name="client_secret")
        self._audience = audience
        self.identity = f"oauth:{client_id}"
        """Identifies this account in a token store."""
        url = URL(check_base_url(token_url, "token_url"))
        self.login_host = str(url.origin())
        """The server of the token endpoint, without the path."""
        self._operation = Operation(
            id="oauth_token_post",
            api="login",
            method="POST",
            path=url.raw_path,
            tag="oauth",
            idempotent=True,
            build=self._build,
            parse=self._parse,
        )

    def __repr__(self) -> str:
        return f"ClientCredentials({self._client_id!r}, ***)"

    async def login(self, scheme: str, caller: Caller) -> Grant:
        """See :class:`~aiosymphony.auth.base.Auth`."""
        if scheme != "bearer":
            raise ConfigError(f"ClientCredentials gives no {scheme!r} token: use RsaAuth for a pod")
        return await caller.execute(self._build())

    def _build(self) -> Request[Grant]:
        body = orjson.dumps(
            {
                "client_id": self._client_id,
                "client_secret": self._client_secret.reveal(),
                "audience": self._audience,
                "grant_type": "client_credentials",
            }
        )
        return Request(self._operation, self._operation.path, body=body, content_type="application/json")

    def _parse(self, status: int, headers: Mapping[str, str], content: bytes) -> Grant:
        if status != 200:
            error = error_from_response(self._operation, status, headers, content)
            error.redact(self._client_secret.reveal())
            raise error
        answer = _object(content)
        token, expires_in = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not token:
            # Raised with no trace of the answer: whatever else is in it may be a token under another name.
            raise DecodeError("the token endpoint's answer has no access_token", path="$.access_token",
                              operation=self._operation)  # fmt: skip
        if isinstance(expires_in, bool) or not isinstance(expires_in, int | float) or expires_in <= 0:
            expires_in = None
        return Grant(HeaderSecret(token), expires_in)


def _object(content: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(content)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
