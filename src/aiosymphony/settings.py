"""Settings from the environment and from configuration files, from which clients are made."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote

import attrs

from .auth.base import Auth
from .auth.oauth import AUDIENCE, TOKEN_URL, ClientCredentials
from .auth.secrets import keeps_arguments_secret
from .config_file import Section, profile_file
from .errors import ConfigError
from .retry import RetryPolicy
from .transport import Transport
from .transport.choice import VARIABLE, new_transport
from .urls import check_base_url

__all__ = ["ConnectSettings", "Network", "PodSettings"]

_DEFAULT_PORT: Final = {"https": 443, "http": 80}


@attrs.frozen(kw_only=True)
class Network:
    """How a server is reached.

    Attributes:
        proxy: The URL of a proxy, with its user and password; None for none.
        ca_file: A PEM file of certificate authorities to trust besides the system's; None for none.
        headers: What every request carries besides.
        kind: The kind of transport, ``aiohttp`` or ``fast``; None for that of the process.
    """

    proxy: str | None = attrs.field(default=None, repr=False)
    ca_file: Path | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    kind: str | None = None

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Self:
        """From ``SYMPHONY_PROXY``, ``SYMPHONY_CA_FILE`` and ``AIOSYMPHONY_TRANSPORT``."""
        ca_file = environment.get("SYMPHONY_CA_FILE")
        return cls(
            proxy=environment.get("SYMPHONY_PROXY") or None,
            ca_file=Path(ca_file) if ca_file else None,
            kind=environment.get(VARIABLE) or None,
        )

    def transport(self, *, limit: int) -> Transport | None:
        """A transport for it, with at most so many connections; None if the client's own will do."""
        if self == Network():
            return None
        return new_transport(self.kind, limit=limit, proxy=self.proxy, ca_file=self.ca_file, headers=self.headers)


@attrs.frozen(kw_only=True)
class PodSettings:
    """Where a pod is and who logs in.

    Attributes:
        base_url: The pod.
        auth: How to log in.
        app: The application that acts for users, beside a bot; None for none.
        session_auth_url: The host of certificate login; None for the pod's.
        key_manager_url: The key manager; None for the pod's.
        agent_url: The Agent; None for the pod's.
        network: How servers are reached.
        networks: Those that are reached otherwise, by their URLs.
        retry: Bounds on retries; None for the client's own.
    """

    base_url: str
    auth: Auth
    app: Auth | None = None
    session_auth_url: str | None = None
    key_manager_url: str | None = None
    agent_url: str | None = None
    network: Network = attrs.field(factory=Network)
    networks: Mapping[str, Network] = attrs.field(factory=dict)
    retry: RetryPolicy | None = None

    @classmethod
    @keeps_arguments_secret
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """From environment variables; see :meth:`aiosymphony.PodClient.from_env`.

        Raises:
            ConfigError: A variable is missing or unusable; the message names it.
        """
        if profile := environment.get("SYMPHONY_PROFILE"):
            return cls.from_config(profile_file(profile))
        network = Network.from_env(environment)
        return cls(
            base_url=check_base_url(_needed(environment, "SYMPHONY_POD_URL"), "SYMPHONY_POD_URL"),
            auth=_pod_auth_from_env(environment, network),
            app=_app_from_env(environment, network),
            session_auth_url=_url_in(environment, "SYMPHONY_SESSION_AUTH_URL"),
            key_manager_url=_url_in(environment, "SYMPHONY_KEY_MANAGER_URL"),
            agent_url=_url_in(environment, "SYMPHONY_AGENT_URL"),
            network=network,
        )

    @classmethod
    @keeps_arguments_secret
    def from_config(cls, path: str | Path | None = None) -> Self:
        """From a file; see :meth:`aiosymphony.PodClient.from_config`.

        Raises:
            ConfigError: The file cannot be read, or a value is missing or unusable; the message names it.
        """
        config = Section.read(profile_file("config") if path is None else path)
        # These are about conversations, and about Connect.
        config.leave("datafeed", "datahose", "manifest", "connect")
        services = {name: config.section(name) for name in ("pod", "sessionAuth", "keyManager", "agent")}
        pod, *others = [_url(config, section) if name == "pod" else _own_url(config, section)
                        for name, section in services.items()]  # fmt: skip
        assert pod is not None  # noqa: S101 - _url gives one
        networks = {name: _network(config, section) for name, section in services.items()}
        urls = dict(zip(services, (pod, *others), strict=True))
        made = cls(
            base_url=pod,
            auth=_auth(config, networks["sessionAuth"]),
            app=_app(config, networks["sessionAuth"]) if config.section("bot") and config.section("app") else None,
            session_auth_url=urls["sessionAuth"],
            key_manager_url=urls["keyManager"],
            agent_url=urls["agent"],
            network=networks["pod"],
            networks={
                url: networks[name]
                for name, url in urls.items()
                if url is not None and networks[name] != networks["pod"]
            },
            retry=_retry(config.section("retry")),
        )
        config.warn()
        return made

    def transport(self, *, limit: int) -> Transport | None:
        """A transport for these servers, with at most so many connections each; None if the client's own will do."""
        if not self.networks:
            return self.network.transport(limit=limit)
        from .transport.by_host import TransportByHost  # noqa: PLC0415 - few need it

        default = self.network.transport(limit=limit) or new_transport(limit=limit)
        others = {
            origin(url): each.transport(limit=limit) or new_transport(limit=limit)
            for url, each in self.networks.items()
        }
        return TransportByHost(others, default)


@attrs.frozen(kw_only=True)
class ConnectSettings:
    """Where Connect is and who logs in.

    Attributes:
        auth: The partner's credentials.
        base_url: The server; None for production.
        network: How it is reached.
    """

    auth: ClientCredentials
    base_url: str | None = None
    network: Network = attrs.field(factory=Network)

    @classmethod
    @keeps_arguments_secret
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """From environment variables; see :meth:`aiosymphony.ConnectClient.from_env`.

        Raises:
            ConfigError: A variable is missing or unusable; the message names it.
        """
        if profile := environment.get("SYMPHONY_PROFILE"):
            return cls.from_config(profile_file(profile))
        auth = ClientCredentials(
            _needed(environment, "SYMPHONY_CLIENT_ID"),
            _needed(environment, "SYMPHONY_CLIENT_SECRET"),
            token_url=_url_in(environment, "SYMPHONY_TOKEN_URL") or TOKEN_URL,
            audience=environment.get("SYMPHONY_AUDIENCE") or AUDIENCE,
        )
        base_url = _url_in(environment, "SYMPHONY_CONNECT_URL")
        return cls(auth=auth, base_url=base_url, network=Network.from_env(environment))

    @classmethod
    @keeps_arguments_secret
    def from_config(cls, path: str | Path | None = None) -> Self:
        """From a file; see :meth:`aiosymphony.ConnectClient.from_config`.

        Raises:
            ConfigError: The file cannot be read, or a value is missing or unusable; the message names it.
        """
        config = Section.read(profile_file("config") if path is None else path)
        connect = config.section("connect")
        auth = ClientCredentials(
            connect.needed("clientId"),
            connect.needed("clientSecret"),
            token_url=connect.text("tokenUrl") or TOKEN_URL,
            audience=connect.text("audience") or AUDIENCE,
        )
        made = cls(auth=auth, base_url=connect.text("url"), network=_network(config, connect))
        connect.warn()
        return made


def origin(url: str) -> str:
    """The scheme, host and port of a URL."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _url(top: Section, section: Section) -> str:
    """The URL of a host; parts that it lacks come from the top of the file."""
    scheme = section.text("scheme") or top.text("scheme") or "https"
    host = section.text("host") or top.needed("host")
    port = section.text("port") or top.text("port")
    context = (section.text("context") or top.text("context") or "").strip("/")
    if port is not None and not port.isdecimal():
        raise ConfigError(f"{section.where('port')} {port!r} is not a number")
    url = f"{scheme}://{host}"
    if port is not None and int(port) != _DEFAULT_PORT.get(scheme):
        url += f":{port}"
    return f"{url}/{context}" if context else url


def _own_url(top: Section, section: Section) -> str | None:
    """The URL of an optional host; None if the file does not name it, so that the pod's is used."""
    return _url(top, section) if section.text("host") or top.text("host") else None


def _network(top: Section, section: Section) -> Network:
    """How a server is reached; what its part lacks comes from the top of the file."""
    proxy = section.section("proxy") or top.section("proxy")
    return Network(
        proxy=_proxy_url(proxy) if proxy else None,
        ca_file=top.section("ssl").section("trustStore").path("path"),
        headers={**top.texts("defaultHeaders"), **section.texts("defaultHeaders")},
    )


def _proxy_url(proxy: Section) -> str:
    user, password = proxy.text("username"), proxy.text("password")
    login = "" if user is None else f"{quote(user, safe='')}:{quote(password or '', safe='')}@"
    return f"http://{login}{proxy.needed('host')}:{proxy.needed('port')}"


def _retry(section: Section) -> RetryPolicy | None:
    """The bounds on retries, as the BDK has them; a negative count of attempts means no end."""
    attempts, multiplier = section.number("maxAttempts"), section.number("multiplier")
    first, longest = section.number("initialIntervalMillis"), section.number("maxIntervalMillis")
    del multiplier  # waits double here
    given: dict[str, Any] = {}
    if attempts is not None:
        given["attempts"] = sys.maxsize if attempts < 0 else int(attempts)
    if first is not None:
        given["base"] = first / 1000
    if longest is not None:
        given["cap"] = longest / 1000
    return RetryPolicy(**given) if given else None


def _auth(config: Section, logins: Network) -> Auth:
    from .auth.certificate import CertificateAuth  # noqa: PLC0415 - each loads when it is used
    from .auth.rsa import RsaAuth  # noqa: PLC0415 - each loads when it is used

    bot = config.section("bot")
    if bot:
        if certificate := bot.section("certificate").path("path"):
            password = bot.section("certificate").text("password")
            bot.leave("username")
            return CertificateAuth(
                certificate, password=password, ca_file=logins.ca_file, proxy=logins.proxy, headers=logins.headers
            )
        return RsaAuth(bot.needed("username"), _key(bot), password=bot.section("privateKey").text("password"))
    if config.section("app"):
        return _app(config, logins)
    raise ConfigError(f"{config.where('bot')} is missing, and so is app: no login is configured")


def _app(config: Section, logins: Network) -> Auth:
    from .auth.app_certificate import CertificateOnBehalfOf  # noqa: PLC0415 - each loads when it is used
    from .auth.on_behalf_of import OnBehalfOf  # noqa: PLC0415 - each loads when it is used

    app = config.section("app")
    if certificate := app.section("certificate").path("path"):
        return CertificateOnBehalfOf(
            app.needed("appId"),
            certificate,
            password=app.section("certificate").text("password"),
            ca_file=logins.ca_file,
            proxy=logins.proxy,
            headers=logins.headers,
        )
    return OnBehalfOf(app.needed("appId"), _key(app), password=app.section("privateKey").text("password"))


def _key(account: Section) -> str | Path:
    key = account.section("privateKey")
    found = key.text("content") or key.path("path")
    if found is None:
        raise ConfigError(f"{account.where('privateKey')} has neither path nor content")
    return found


def _pod_auth_from_env(environment: Mapping[str, str], network: Network) -> Auth:
    from .auth.certificate import CertificateAuth  # noqa: PLC0415 - each loads when it is used
    from .auth.rsa import RsaAuth  # noqa: PLC0415 - each loads when it is used
    from .auth.static import StaticToken  # noqa: PLC0415 - each loads when it is used

    if token := environment.get("SYMPHONY_SESSION_TOKEN"):
        return StaticToken(token)
    if certificate := environment.get("SYMPHONY_CERTIFICATE"):
        return CertificateAuth(
            certificate,
            password=environment.get("SYMPHONY_CERTIFICATE_PASSWORD"),
            ca_file=network.ca_file,
            proxy=network.proxy,
        )
    if environment.get("SYMPHONY_BOT_USERNAME"):
        return RsaAuth(
            environment["SYMPHONY_BOT_USERNAME"],
            _needed(environment, "SYMPHONY_PRIVATE_KEY"),
            password=environment.get("SYMPHONY_PRIVATE_KEY_PASSWORD"),
        )
    if (app := _app_from_env(environment, network)) is not None:
        return app
    raise ConfigError(
        "no login is configured: set SYMPHONY_BOT_USERNAME and SYMPHONY_PRIVATE_KEY, or SYMPHONY_CERTIFICATE, "
        "or SYMPHONY_SESSION_TOKEN, or SYMPHONY_APP_ID and SYMPHONY_APP_PRIVATE_KEY or SYMPHONY_APP_CERTIFICATE, "
        "or read the variables that a sandbox wrote"
    )


def _app_from_env(environment: Mapping[str, str], network: Network) -> Auth | None:
    from .auth.app_certificate import CertificateOnBehalfOf  # noqa: PLC0415 - each loads when it is used
    from .auth.on_behalf_of import OnBehalfOf  # noqa: PLC0415 - each loads when it is used

    if not (app_id := environment.get("SYMPHONY_APP_ID")):
        return None
    if certificate := environment.get("SYMPHONY_APP_CERTIFICATE"):
        return CertificateOnBehalfOf(
            app_id,
            certificate,
            password=environment.get("SYMPHONY_APP_CERTIFICATE_PASSWORD"),
            ca_file=network.ca_file,
            proxy=network.proxy,
        )
    return OnBehalfOf(
        app_id,
        _needed(environment, "SYMPHONY_APP_PRIVATE_KEY"),
        password=environment.get("SYMPHONY_APP_PRIVATE_KEY_PASSWORD"),
    )


def _url_in(environment: Mapping[str, str], name: str) -> str | None:
    """The URL in a variable, which an error names; None if it is not set."""
    url = environment.get(name)
    return check_base_url(url, name) if url else None


def _needed(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise ConfigError(
            f"the environment variable {name} is not set: set it, or read the variables that a sandbox wrote"
        )
    return value
