"""Acting for users, by an application that logs in with a client certificate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import DecodeError
from ..wire.models import or_none
from ..wire.operation import Caller, Request
from .base import Grant, grant_of, read_secret
from .certificate import certificate_transport
from .on_behalf_of import APP_TOKEN, acts_for_users, checked_app_id
from .secrets import Secret, keeps_arguments_secret

__all__ = ["CertificateOnBehalfOf"]


class CertificateOnBehalfOf:
    """Logs an application in with its client certificate, as :class:`OnBehalfOf` does with an RSA key.

    Symphony has deprecated these logins; pods that have them still serve them, at ``session_auth_url``.
    """

    @keeps_arguments_secret
    def __init__(
        self,
        app_id: str,
        certificate: str | Path,
        private_key: str | Path | None = None,
        *,
        password: str | None = None,
        ca_file: str | Path | None = None,
        proxy: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Take the application's id and its certificate; the other arguments are those of :class:`CertificateAuth`.

        Args:
            app_id: The application's id.
            certificate: A PEM file with the certificate, and with its key if ``private_key`` is None.
            private_key: A PEM file with the key.
            password: Decrypts the key.
            ca_file: A PEM file of certificate authorities to trust for the login host, besides the system's.
            proxy: A proxy to reach the login host by, as for a transport.
            headers: What each login carries besides.

        Raises:
            ConfigError: The id is empty, or a file is missing or unusable; the message says what to do.
        """
        self._app_id = checked_app_id("CertificateOnBehalfOf", app_id)
        self.identity = f"app certificate:{app_id}"
        """Identifies this account in a token store."""
        self.login_transport = certificate_transport(
            certificate, private_key, password, ca_file=ca_file, proxy=proxy, headers=headers
        )
        """The transport of logins; closed with the client."""

    def __repr__(self) -> str:
        return f"CertificateOnBehalfOf({self._app_id!r})"

    @property
    def app_id(self) -> str:
        """The application's id."""
        return self._app_id

    async def login(self, scheme: str, caller: Caller) -> Grant:
        """See :class:`~aiosymphony.auth.base.Auth`. The request has neither body nor content type: pods refuse both."""
        from aiosymphony_api.login.api.certificate_authentication import (  # noqa: PLC0415 - loads when it is used
            sessionauth_v1_app_authenticate_post,
        )

        if scheme != APP_TOKEN:
            raise acts_for_users("CertificateOnBehalfOf")
        return grant_of(await caller.execute(sessionauth_v1_app_authenticate_post.build()))

    def login_for(self, user: int | str) -> Request[Any]:
        """See :class:`~aiosymphony.auth.on_behalf_of.Application`."""
        from aiosymphony_api.login.api.certificate_authentication import (  # noqa: PLC0415 - loads when it is used
            sessionauth_v1_app_user_uid_authenticate_post,
            sessionauth_v1_app_username_username_authenticate_post,
        )

        if isinstance(user, int):
            return sessionauth_v1_app_user_uid_authenticate_post.build(user)
        return sessionauth_v1_app_username_username_authenticate_post.build(user)

    def grant_for(self, answer: Any) -> Grant:
        """See :class:`~aiosymphony.auth.on_behalf_of.Application`. The token has another name here."""
        token = read_secret(or_none(lambda: answer.session_token))
        if token is None:
            raise DecodeError("the answer to the login holds no usable token", path="$.sessionToken")
        return Grant(token)

    async def extension_app_login(self, app_token: Secret) -> Request[Any]:
        """See :class:`~aiosymphony.auth.on_behalf_of.Application`."""
        from aiosymphony_api.login.api.certificate_authentication import (  # noqa: PLC0415 - loads when it is used
            sessionauth_v1_authenticate_extension_app_post,
        )
        from aiosymphony_api.login.models import CertificateExtensionAppRequest  # noqa: PLC0415 - as above

        body = CertificateExtensionAppRequest(app_token=app_token.reveal())
        return sessionauth_v1_authenticate_extension_app_post.build(body=body)
