"""ConnectClient: the Connect API, with which partners onboard companies and their users."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

from ..auth.base import LOGIN_API, OwnLoginHost
from ..auth.oauth import ClientCredentials
from ..auth.secrets import keeps_arguments_secret
from ..auth.static import StaticToken
from ..auth.store import TokenStore
from ..client import DEFAULT_MAX_BYTES, DEFAULT_TIMEOUT, Client, ClientOptions, connections_for
from ..errors import ConfigError
from ..limits import Limits
from ..observer import Observer
from ..retry import RetryPolicy
from ..transport import Transport
from ..urls import check_base_url
from ..wire.operation import Operation

if TYPE_CHECKING:
    from ..settings import ConnectSettings
    from .companies import Companies
    from .directory import Directory
    from .users import Users

BASE_URL = "https://community.symphony.com"
LOGIN_SERVICE = "https://loginservice.symphony.com"
"""Where the log-in look-up is."""
UAT_URL = "https://community.uat.symphony.com"


class ConnectClient(Client):
    """A client of the Connect API::

    async with ConnectClient(ClientCredentials(client_id, client_secret)) as connect:
        async for user in connect.users.list(company_id): ...
    """

    _SCHEME = "bearer"

    def __init__(
        self,
        auth: ClientCredentials | StaticToken,
        *,
        base_url: str = BASE_URL,
        limits: Limits | None = None,
        retry: RetryPolicy | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        max_bytes: int = DEFAULT_MAX_BYTES,
        transport: Transport | None = None,
        observer: Observer | None = None,
        token_store: TokenStore | None = None,
        ssl_context: ssl.SSLContext | None = None,
        login_service_url: str = LOGIN_SERVICE,
    ) -> None:
        """Configure the client; nothing is sent.

        Args:
            auth: The partner's credentials.
            base_url: The server. Default: production; UAT is ``https://community.uat.symphony.com``.
            limits: Bounds on concurrency and rate.
            retry: Bounds on retries.
            timeout: Seconds for one send with its whole answer.
            max_bytes: The largest answer that is read, after decompression.
            transport: Sends the requests; closed with the client. Default: what ``AIOSYMPHONY_TRANSPORT``
                names, ``aiohttp`` or ``fast``; aiohttp if it names none.
            observer: Called with an :class:`~aiosymphony.Attempt` after each send.
            token_store: Shares tokens with other processes of the same account.
            ssl_context: Says whom to trust, in place of the system's authorities; without ``transport`` alone.
            login_service_url: The server of :meth:`Directory.login_information`. Default: production.

        Raises:
            ConfigError: A URL is not usable.
        """
        base = check_base_url(base_url, "base_url")
        login_service = check_base_url(login_service_url, "login_service_url")
        login_host = auth.login_host if isinstance(auth, OwnLoginHost) else base

        def host(operation: Operation[..., Any]) -> str:
            if operation.api == "connect":
                return base
            if operation.api == LOGIN_API:
                return login_host
            if operation.api == "login_service":
                return login_service
            raise ConfigError(
                f"{operation.id} is an operation of the API {operation.api!r}: a ConnectClient cannot call it"
            )

        super().__init__(
            hosts=host,
            auth=auth,
            limits=limits,
            retry=retry,
            timeout=timeout,
            max_bytes=max_bytes,
            transport=transport,
            observer=observer,
            token_store=token_store,
            token_namespace=base,
            ssl_context=ssl_context,
        )
        self._base_url = base

    @classmethod
    @keeps_arguments_secret
    def from_env(
        cls,
        environment: Mapping[str, str] = os.environ,
        **options: Unpack[ClientOptions],
    ) -> Self:
        """A client of this class, from environment variables.

        ``SYMPHONY_CLIENT_ID`` and ``SYMPHONY_CLIENT_SECRET``. Optional: ``SYMPHONY_CONNECT_URL``,
        ``SYMPHONY_TOKEN_URL``, ``SYMPHONY_AUDIENCE``, production by default; ``SYMPHONY_PROXY``, a URL, and
        ``SYMPHONY_CA_FILE``, certificate authorities to trust besides the system's. Or ``SYMPHONY_PROFILE`` alone, the
        name of a configuration file in ``~/.symphony``, without its ending.

        Args:
            environment: The variables.
            options: Arguments of the client, such as ``limits``, ``timeout``, ``retry`` and ``token_store``.

        Raises:
            ConfigError: A variable is missing or unusable; the message names it.
        """
        from ..settings import ConnectSettings  # noqa: PLC0415 - loads when it is used

        return cls._from_settings(ConnectSettings.from_env(environment), options)

    @classmethod
    def from_config(cls, path: str | Path | None = None, **options: Unpack[ClientOptions]) -> Self:
        """A client of this class, from a file, which may be the one of a pod.

        It is YAML (needs the extra ``aiosymphony[yaml]``) or JSON. Its part ``connect`` has ``clientId`` and
        ``clientSecret``, and may have ``url``, ``tokenUrl``, ``audience``, ``proxy`` and ``defaultHeaders``. The last
        two and ``ssl.trustStore.path`` may stand at the top, as for :meth:`PodClient.from_config`.

        Args:
            path: The file; ``~/.symphony/config.yaml`` or ``.json`` by default.
            options: As for :meth:`from_env`.

        Raises:
            ConfigError: The file cannot be read, or a value is missing or unusable; the message names it.
        """
        from ..settings import ConnectSettings  # noqa: PLC0415 - loads when it is used

        return cls._from_settings(ConnectSettings.from_config(path), options)

    @classmethod
    def _from_settings(cls, settings: ConnectSettings, options: ClientOptions) -> Self:
        base_url = settings.base_url or BASE_URL
        transport = settings.network.transport(limit=connections_for(options.get("limits")))
        return cls(settings.auth, base_url=base_url, transport=transport, **options)

    @classmethod
    def uat(cls, auth: ClientCredentials | StaticToken, **options: Unpack[ClientOptions]) -> Self:
        """A client of Connect's environment for acceptance tests, ``https://community.uat.symphony.com``.

        No host of tokens is documented for it: ask for yours, and give ``ClientCredentials`` its ``token_url``.
        """
        return cls(auth, base_url=UAT_URL, **options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._base_url!r})"

    @property
    def base_url(self) -> str:
        """The service's URL, as it was given."""
        return self._base_url

    @cached_property
    def directory(self) -> Directory:
        """What Symphony knows of a company already."""
        from .directory import Directory  # noqa: PLC0415 - loads its operations when it is first used

        return Directory(self._session)

    @cached_property
    def companies(self) -> Companies:
        """Companies that the partner sponsors."""
        from .companies import Companies  # noqa: PLC0415 - loads its operations and models when it is first used

        return Companies(self._session)

    @cached_property
    def users(self) -> Users:
        """Users of those companies."""
        from .users import Users  # noqa: PLC0415 - as above

        return Users(self._session)
