"""Login with a client certificate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import ConfigError
from ..transport import Transport
from ..transport.choice import new_transport
from ..wire.operation import Caller
from .base import Grant, grant_of
from .keys import path_of
from .secrets import keeps_arguments_secret


@keeps_arguments_secret
def certificate_transport(
    certificate: str | Path,
    private_key: str | Path | None,
    password: str | None,
    *,
    ca_file: str | Path | None,
    proxy: str | None,
    headers: Mapping[str, str] | None,
) -> Transport:
    """A transport for logins with a client certificate; the arguments are those of :class:`CertificateAuth`.

    Raises:
        ConfigError: A file is missing or unusable; the message says what is wrong and what to do.
    """
    return new_transport(
        limit=2,
        client_cert=path_of("the client certificate file", certificate),
        client_key=private_key,
        client_key_password=password,
        ca_file=ca_file,
        proxy=proxy,
        headers=headers,
    )


class CertificateAuth:
    """Logs a bot in with a client certificate: ``CertificateAuth("bot.pem")``.

    The certificate is sent only to the login hosts, on connections of their own. These hosts often have a port of their
    own: see ``session_auth_url`` and ``key_manager_url`` of :class:`~aiosymphony.PodClient`.
    """

    @keeps_arguments_secret
    def __init__(
        self,
        certificate: str | Path,
        private_key: str | Path | None = None,
        *,
        password: str | None = None,
        ca_file: str | Path | None = None,
        proxy: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Take the certificate.

        Args:
            certificate: A PEM file with the certificate, and its key unless ``private_key`` is given.
            private_key: A PEM file with the key.
            password: Decrypts the key.
            ca_file: A PEM file of certificate authorities to trust for the login hosts, besides the system's.
            proxy: A proxy to reach the login hosts by, as for a transport.
            headers: What each login carries besides.

        Raises:
            ConfigError: A file is missing or unusable; the message says what is wrong and what to do.
        """
        self._certificate = path_of("the client certificate file", certificate)
        self.identity = f"certificate:{self._certificate}"
        """Identifies this account in a token store."""
        self.login_transport = certificate_transport(
            certificate, private_key, password, ca_file=ca_file, proxy=proxy, headers=headers
        )
        """The transport of logins; closed with the client."""

    def __repr__(self) -> str:
        return f"CertificateAuth({str(self._certificate)!r})"

    async def login(self, scheme: str, caller: Caller) -> Grant:
        """See :class:`~aiosymphony.auth.base.Auth`. The request has neither body nor content type: pods refuse both."""
        from aiosymphony_api.login.api.certificate_authentication import (  # noqa: PLC0415 - loads when it is used
            keyauth_v1_authenticate_post,
            sessionauth_v1_authenticate_post,
        )

        operations = {
            "sessionToken": sessionauth_v1_authenticate_post,
            "keyManagerToken": keyauth_v1_authenticate_post,
        }
        if scheme not in operations:
            raise ConfigError(f"CertificateAuth gives no {scheme!r} token: use ClientCredentials for Connect")
        return grant_of(await caller.execute(operations[scheme].build()))
