"""PodClient: the Pod API and the Agent's audit trail."""

from __future__ import annotations

import os
import ssl
from collections import OrderedDict
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

from ..auth.application import Application
from ..auth.base import Auth
from ..auth.secrets import HeaderSecret, keeps_arguments_secret
from ..auth.store import TokenStore
from ..client import DEFAULT_MAX_BYTES, DEFAULT_TIMEOUT, Client, ClientOptions, connections_for
from ..errors import ConfigError
from ..limits import Limits
from ..observer import Observer
from ..retry import RetryPolicy
from ..session import Session
from ..transport import RequestHeaders, Transport
from ..urls import check_base_url
from ..wire.operation import Operation
from .extension_app import ExtensionApp, TokenPairStore

if TYPE_CHECKING:
    from ..auth.on_behalf_of import AppTokens
    from ..settings import PodSettings
    from .applications import Applications
    from .audit_trail import AuditTrail
    from .certificates import Certificates
    from .connections import Connections
    from .disclaimers import Disclaimers
    from .entitlements import Entitlements
    from .files import Files
    from .groups import Groups
    from .information_barriers import InformationBarriers
    from .messages import Messages
    from .presence import Presence
    from .rooms import Rooms
    from .session import CurrentSession
    from .streams import Streams
    from .system import System
    from .users import Users


_USERS_KEPT = 1000
"""Clients of users that an application acts for, kept with their tokens."""

_SERVICES = ("users", "files", "profile_manager")
"""APIs with documents of their own, at the pod's address."""

# A resource's module, with its operations and models, loads when the resource is first used.


class PodClient(Client):
    """A client of one pod::

    async with PodClient("https://acme.symphony.com", auth=RsaAuth("provisioning-bot", "bot.pem")) as pod:
        me = await pod.session.info()
    """

    _SCHEME = "sessionToken"

    def __init__(
        self,
        base_url: str,
        auth: Auth,
        *,
        session_auth_url: str | None = None,
        key_manager_url: str | None = None,
        agent_url: str | None = None,
        limits: Limits | None = None,
        retry: RetryPolicy | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        max_bytes: int = DEFAULT_MAX_BYTES,
        transport: Transport | None = None,
        observer: Observer | None = None,
        token_store: TokenStore | None = None,
        app: Auth | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Configure the client; nothing is sent.

        Args:
            base_url: The pod, such as ``https://acme.symphony.com``. Plain http is accepted only to loopback.
            auth: How to log in: ``RsaAuth``, ``CertificateAuth``, ``OnBehalfOf``, ``CertificateOnBehalfOf`` or
                ``StaticToken``.
            session_auth_url: The host of certificate login, often the pod's on port 8444; ``base_url`` by default.
            key_manager_url: The key manager, ``base_url`` by default. It is asked only when an Agent refuses the
                session token alone.
            agent_url: The Agent, ``base_url`` by default.
            limits: Bounds on concurrency and rate; Symphony's documented ones by default.
            retry: Bounds on retries.
            timeout: Seconds for one send with its whole answer.
            max_bytes: The largest answer that is read, after decompression.
            transport: Sends the requests; closed with the client. Default: what ``AIOSYMPHONY_TRANSPORT``
                names, ``aiohttp`` or ``fast``; aiohttp if it names none.
            observer: Called with an :class:`~aiosymphony.Attempt` after each send.
            token_store: Shares tokens with other processes of the same account.
            app: ``OnBehalfOf`` or ``CertificateOnBehalfOf``: the application that acts for users, beside a bot that
                logs in by ``auth``.
            ssl_context: Says whom to trust, in place of the system's authorities; without ``transport`` alone.

        Raises:
            ConfigError: A URL is not usable.
        """
        pod = check_base_url(base_url, "base_url")
        key_manager = pod if key_manager_url is None else check_base_url(key_manager_url, "key_manager_url")
        session_auth = pod if session_auth_url is None else check_base_url(session_auth_url, "session_auth_url")
        agent = pod if agent_url is None else check_base_url(agent_url, "agent_url")
        by_prefix = {"login": pod, "sessionauth": session_auth, "relay": key_manager, "keyauth": key_manager}
        by_api = {"pod": pod, "agent": agent} | dict.fromkeys(_SERVICES, pod)

        def host(operation: Operation[..., Any]) -> str:
            # The first segment of the path says which of three hosts a login goes to.
            found = by_api.get(operation.api) or by_prefix.get(operation.path.split("/")[1])
            if found is None:
                raise ConfigError(
                    f"{operation.id} is an operation of the API {operation.api!r}: a PodClient cannot call it"
                )
            return found

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
            token_namespace=pod,
            ssl_context=ssl_context,
        )
        self._base_url = pod
        self._auth = auth
        self._app = app
        self._on_behalf: OrderedDict[int | str, Self] = OrderedDict()
        self._app_session: Session | None = None
        self._app_tokens: AppTokens | None = None
        self._itself: Self | None = None

    @classmethod
    @keeps_arguments_secret
    def from_env(
        cls,
        environment: Mapping[str, str] = os.environ,
        **options: Unpack[ClientOptions],
    ) -> Self:
        """A client of this class, from environment variables.

        ``SYMPHONY_POD_URL`` and one way to log in: ``SYMPHONY_BOT_USERNAME`` with ``SYMPHONY_PRIVATE_KEY`` (a path or
        PEM text), or ``SYMPHONY_CERTIFICATE`` (a path), or ``SYMPHONY_SESSION_TOKEN``. Encrypted keys take their
        password from ``SYMPHONY_PRIVATE_KEY_PASSWORD`` or ``SYMPHONY_CERTIFICATE_PASSWORD``.

        An application that acts for users, alone or beside a bot: ``SYMPHONY_APP_ID`` with ``SYMPHONY_APP_PRIVATE_KEY``
        and, if that is encrypted, ``SYMPHONY_APP_PRIVATE_KEY_PASSWORD``, or with ``SYMPHONY_APP_CERTIFICATE`` and
        ``SYMPHONY_APP_CERTIFICATE_PASSWORD``.

        Optional: ``SYMPHONY_SESSION_AUTH_URL``, ``SYMPHONY_KEY_MANAGER_URL``, ``SYMPHONY_AGENT_URL``;
        ``SYMPHONY_PROXY``, a URL, and ``SYMPHONY_CA_FILE``, certificate authorities to trust besides the system's. Or
        ``SYMPHONY_PROFILE`` alone, the name of a configuration file in ``~/.symphony``, without its ending.

        Args:
            environment: The variables.
            options: Arguments of the client, such as ``limits``, ``timeout``, ``retry`` and ``token_store``.

        Raises:
            ConfigError: A variable is missing or unusable; the message names it.
        """
        from ..settings import PodSettings  # noqa: PLC0415 - loads when it is used

        return cls._from_settings(PodSettings.from_env(environment), options)

    @classmethod
    def from_config(cls, path: str | Path | None = None, **options: Unpack[ClientOptions]) -> Self:
        """A client of this class, from a file like the BDK's ``config.yaml``.

        The file is YAML (needs the extra ``aiosymphony[yaml]``) or JSON. These keys are read: ``scheme``, ``host``,
        ``port``, ``context``, ``proxy`` (``host``, ``port``, ``username``, ``password``) and ``defaultHeaders`` at the
        top and in ``pod``, ``agent``, ``keyManager`` and ``sessionAuth``; ``bot`` with ``username`` and ``privateKey``
        or ``certificate``; ``app`` with ``appId`` and ``privateKey``, alone or beside it; ``ssl.trustStore.path``; and
        ``retry``. ``privateKey`` and ``certificate`` may have a ``password``. Paths are relative to the file, or to the
        working directory if they lead somewhere only there.

        A key that is not understood is named in a ``ConfigWarning``. What concerns conversations, such as
        ``datafeed``, is left to the BDK without a word.

        Args:
            path: The file; ``~/.symphony/config.yaml`` or ``.json`` by default.
            options: As for :meth:`from_env`.

        Raises:
            ConfigError: The file cannot be read, or a value is missing or unusable; the message names it.
        """
        from ..settings import PodSettings  # noqa: PLC0415 - loads when it is used

        return cls._from_settings(PodSettings.from_config(path), options)

    @classmethod
    def _from_settings(cls, settings: PodSettings, options: ClientOptions) -> Self:
        options = {"retry": settings.retry, **options}
        return cls(
            settings.base_url,
            settings.auth,
            session_auth_url=settings.session_auth_url,
            key_manager_url=settings.key_manager_url,
            agent_url=settings.agent_url,
            transport=settings.transport(limit=connections_for(options.get("limits"))),
            app=settings.app,
            **options,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._base_url!r})"

    @property
    def base_url(self) -> str:
        """The pod's URL, as it was given."""
        return self._base_url

    def on_behalf_of(self, user_id: int | None = None, *, username: str | None = None) -> Self:
        """A client that acts for a user, over the same connections and limits. It is closed with this one.

        The clients of the last thousand users are kept, so that asking again needs no new login.

        Args:
            user_id: The user's id; or
            username: the user's name.

        Raises:
            ConfigError: This client has no application, or not exactly one user was named.
        """
        user = user_id if user_id is not None else username
        if user is None or (user_id is not None and username is not None):
            raise ConfigError("name one user, by user_id or by username")
        from ..auth.on_behalf_of import APP_TOKEN, AppTokens, UserOfApp  # noqa: PLC0415 - jwt loads when it is used

        app, session = self._of_app()
        if self._app_tokens is None:
            self._app_tokens = AppTokens(session.token_cache(APP_TOKEN), session.clock)
        client = self._on_behalf.pop(user, None)
        if client is None:
            of_user = UserOfApp(app, self._app_tokens, user)
            client = self._with_session(session.with_auth(of_user, same_logins=True))
        self._on_behalf[user] = client
        if len(self._on_behalf) > _USERS_KEPT:
            self._on_behalf.popitem(last=False)
        return client

    def as_app(self) -> Self:
        """A client that calls as the application itself, over the same connections and limits.

        It is closed with this one. Few operations take an application's own token: those about itself.

        Raises:
            ConfigError: This client has no application.
        """
        from ..auth.on_behalf_of import AppItself  # noqa: PLC0415 - jwt loads when it is used

        app, session = self._of_app()
        if self._itself is None:
            self._itself = self._with_session(session.with_auth(AppItself(app), same_logins=True))
        return self._itself

    def extension_app(self, *, store: TokenPairStore | None = None) -> ExtensionApp:
        """The application of this client as an extension app: it logs its front end in, and validates JWTs of users.

        Args:
            store: Where pairs of tokens are kept; in memory by default, which is enough for one process.

        Raises:
            ConfigError: This client has no application.
        """
        app, session = self._of_app()
        return ExtensionApp(app, session, store=store)

    def _of_app(self) -> tuple[Application, Session]:
        """The application, and a session with its own tokens."""
        if isinstance(self._auth, Application):
            return self._auth, self._session
        if not isinstance(self._app, Application):
            raise ConfigError(
                "this client has no application: give it auth=OnBehalfOf(…), or app=OnBehalfOf(…) beside a bot's login"
            )
        if self._app_session is None:
            self._app_session = self._session.with_auth(self._app)
        return self._app, self._app_session

    async def logout(self) -> None:
        """End the session at the pod and forget its token. The next call logs in again.

        Raises:
            SymphonyError: The pod did not confirm the logout. The token is forgotten all the same.
        """
        from aiosymphony_api.login.api.certificate_authentication import (  # noqa: PLC0415 - loads when it is used
            sessionauth_v1_logout_post,
        )

        token = self._session.token_cache("sessionToken").discard()
        if token is not None:
            headers = RequestHeaders({"sessionToken": token.reveal()})
            request = sessionauth_v1_logout_post.build().with_token(headers)
            await self._session.without_tokens().execute(request)

    async def authorization_token(self) -> HeaderSecret | None:
        """The bearer token that came with the login, for those services of Symphony that need it; None if none came.

        Logs in if needed. The token is short-lived: ``call(login_idm_tokens_post)`` gives a new one. ``reveal()``
        returns its text, without the word ``Bearer``.

        Raises:
            SymphonyError: The login failed.
        """
        return (await self._session.token_cache("sessionToken").get()).authorization

    @cached_property
    def session(self) -> CurrentSession:
        """The session of the account that is logged in."""
        from .session import CurrentSession  # noqa: PLC0415

        return CurrentSession(self._session)

    @cached_property
    def users(self) -> Users:
        """Users: the directory's view and the administrator's."""
        from .users import Users  # noqa: PLC0415

        return Users(self._session)

    @cached_property
    def rooms(self) -> Rooms:
        """Chat rooms and their members."""
        from .rooms import Rooms  # noqa: PLC0415

        return Rooms(self._session)

    @cached_property
    def streams(self) -> Streams:
        """Conversations of every kind: IMs, rooms, their members and attachments."""
        from .streams import Streams  # noqa: PLC0415

        return Streams(self._session)

    @cached_property
    def connections(self) -> Connections:
        """Connections between users of different companies."""
        from .connections import Connections  # noqa: PLC0415

        return Connections(self._session)

    @cached_property
    def presence(self) -> Presence:
        """Presence: one's own, others', feeds of changes."""
        from .presence import Presence  # noqa: PLC0415

        return Presence(self._session)

    @cached_property
    def certificates(self) -> Certificates:
        """Company certificates."""
        from .certificates import Certificates  # noqa: PLC0415

        return Certificates(self._session)

    @cached_property
    def applications(self) -> Applications:
        """Applications of the pod's app store."""
        from .applications import Applications  # noqa: PLC0415

        return Applications(self._session)

    @cached_property
    def entitlements(self) -> Entitlements:
        """Who may use which application."""
        from .entitlements import Entitlements  # noqa: PLC0415

        return Entitlements(self._session)

    @cached_property
    def disclaimers(self) -> Disclaimers:
        """Disclaimers and the users they are assigned to."""
        from .disclaimers import Disclaimers  # noqa: PLC0415

        return Disclaimers(self._session)

    @cached_property
    def information_barriers(self) -> InformationBarriers:
        """Information barrier groups, their members and policies."""
        from .information_barriers import InformationBarriers  # noqa: PLC0415

        return InformationBarriers(self._session)

    @cached_property
    def groups(self) -> Groups:
        """Groups of users, such as distribution lists."""
        from .groups import Groups  # noqa: PLC0415

        return Groups(self._session)

    @cached_property
    def files(self) -> Files:
        """Files that the pod keeps for its administrators: content exports."""
        from .files import Files  # noqa: PLC0415

        return Files(self._session)

    @cached_property
    def messages(self) -> Messages:
        """Messages: status, receipts, suppression, metadata."""
        from .messages import Messages  # noqa: PLC0415

        return Messages(self._session)

    @cached_property
    def system(self) -> System:
        """Features, roles, protocols, file types and single sign-on of the pod."""
        from .system import System  # noqa: PLC0415

        return System(self._session)

    @cached_property
    def audit_trail(self) -> AuditTrail:
        """What privileged users did, from the Agent."""
        from .audit_trail import AuditTrail  # noqa: PLC0415

        return AuditTrail(self._session)
