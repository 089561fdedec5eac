"""Settings from the environment and from configuration files, from which clients are made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import attrs
import orjson

from .auth.base import Auth
from .auth.oauth import AUDIENCE, TOKEN_URL, ClientCredentials
from .errors import ConfigError

__all__ = ["ConnectSettings", "PodSettings"]

_DEFAULT_PORT: Final = {"https": 443, "http": 80}


@attrs.frozen(kw_only=True)
class PodSettings:
    """Where a pod is and who logs in.

    Attributes:
        base_url: The pod.
        auth: How to log in.
        session_auth_url: The host of certificate login; None for the pod's.
        key_manager_url: The key manager; None for the pod's.
        agent_url: The Agent; None for the pod's.
        ca_file: A PEM file of certificate authorities to trust besides the system's; None for none.
        proxy: The URL of a proxy; None for none.
        app: The application that acts for users, beside a bot; None for none.
    """

    base_url: str
    auth: Auth
    app: Auth | None = None
    session_auth_url: str | None = None
    key_manager_url: str | None = None
    agent_url: str | None = None
    ca_file: Path | None = None
    proxy: str | None = None

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """From environment variables; see :meth:`aiosymphony.PodClient.from_env`.

        Raises:
            ConfigError: A variable is missing or unusable; the message names it.
        """
        return cls(
            base_url=_needed(environment, "SYMPHONY_POD_URL"),
            auth=_pod_auth_from_env(environment),
            app=_app_from_env(environment),
            session_auth_url=environment.get("SYMPHONY_SESSION_AUTH_URL") or None,
            key_manager_url=environment.get("SYMPHONY_KEY_MANAGER_URL") or None,
            agent_url=environment.get("SYMPHONY_AGENT_URL") or None,
        )

    @classmethod
    def from_config(cls, path: str | Path) -> Self:
        """From a file; see :meth:`aiosymphony.PodClient.from_config`.

        Raises:
            ConfigError: The file cannot be read, or a value is missing or unusable; the message names it.
        """
        file = Path(path)
        config = _Section(_read(file), "", file)
        proxy = config.section("proxy")
        return cls(
            ca_file=config.section("ssl").section("trustStore").path("path"),
            proxy=_proxy_url(proxy) if proxy else None,
            base_url=_url(config, config.section("pod")),
            auth=_auth(config),
            app=_app(config) if config.section("bot") and config.section("app") else None,
            session_auth_url=_own_url(config, config.section("sessionAuth")),
            key_manager_url=_own_url(config, config.section("keyManager")),
            agent_url=_own_url(config, config.section("agent")),
        )


@attrs.frozen(kw_only=True)
class ConnectSettings:
    """Where Connect is and who logs in.

    Attributes:
        auth: The partner's credentials.
        base_url: The server; None for production.
    """

    auth: ClientCredentials
    base_url: str | None = None

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """From environment variables; see :meth:`aiosymphony.ConnectClient.from_env`.

        Raises:
            ConfigError: A variable is missing or unusable; the message names it.
        """
        auth = ClientCredentials(
            _needed(environment, "SYMPHONY_CLIENT_ID"),
            _needed(environment, "SYMPHONY_CLIENT_SECRET"),
            token_url=environment.get("SYMPHONY_TOKEN_URL") or TOKEN_URL,
            audience=environment.get("SYMPHONY_AUDIENCE") or AUDIENCE,
        )
        return cls(auth=auth, base_url=environment.get("SYMPHONY_CONNECT_URL") or None)


class _Section:
    """A part of a configuration file, with its name for errors."""

    def __init__(self, content: Any, name: str, file: Path) -> None:
        if content is None:
            content = {}
        if not isinstance(content, dict):
            raise ConfigError(f"{file}: {name or 'the file'} is not a mapping")
        self._content: dict[str, Any] = content
        self._name = name
        self._file = file

    def __bool__(self) -> bool:
        return bool(self._content)

    def where(self, key: str) -> str:
        """How errors name a key."""
        return f"{self._file}: {self._name}.{key}" if self._name else f"{self._file}: {key}"

    def section(self, key: str) -> _Section:
        name = f"{self._name}.{key}" if self._name else key
        return _Section(self._content.get(key), name, self._file)

    def text(self, key: str) -> str | None:
        value = self._content.get(key)
        if value is None or value == "":
            return None
        if isinstance(value, str | int) and not isinstance(value, bool):
            return str(value)
        raise ConfigError(f"{self.where(key)} is not a text or a number")

    def needed(self, key: str) -> str:
        value = self.text(key)
        if value is None:
            raise ConfigError(f"{self.where(key)} is missing")
        return value

    def path(self, key: str) -> Path | None:
        value = self.text(key)
        return None if value is None else self._file.parent / Path(value).expanduser()


def _url(top: _Section, section: _Section) -> str:
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


def _own_url(top: _Section, section: _Section) -> str | None:
    """The URL of an optional host; None if the file does not name it, so that the pod's is used."""
    return _url(top, section) if section.text("host") or top.text("host") else None


def _auth(config: _Section) -> Auth:
    from .auth.certificate import CertificateAuth  # noqa: PLC0415 - each loads when it is used
    from .auth.rsa import RsaAuth  # noqa: PLC0415 - each loads when it is used

    bot = config.section("bot")
    if bot:
        if certificate := bot.section("certificate").path("path"):
            return CertificateAuth(certificate, password=bot.section("certificate").text("password"))
        return RsaAuth(bot.needed("username"), _key(bot), password=bot.section("privateKey").text("password"))
    if config.section("app"):
        return _app(config)
    raise ConfigError(f"{config.where('bot')} is missing, and so is app: no login is configured")


def _app(config: _Section) -> Auth:
    from .auth.on_behalf_of import OnBehalfOf  # noqa: PLC0415 - it loads when it is used

    app = config.section("app")
    return OnBehalfOf(app.needed("appId"), _key(app), password=app.section("privateKey").text("password"))


def _key(account: _Section) -> str | Path:
    key = account.section("privateKey")
    found = key.text("content") or key.path("path")
    if found is None:
        raise ConfigError(f"{account.where('privateKey')} has neither path nor content")
    return found


def _proxy_url(proxy: _Section) -> str:
    if proxy.text("username"):
        raise ConfigError(f"{proxy.where('username')}: proxies that ask for a password are not supported")
    return f"http://{proxy.needed('host')}:{proxy.needed('port')}"


def _read(file: Path) -> Any:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None
    if file.suffix == ".json":
        try:
            return orjson.loads(content)
        except ValueError:
            raise ConfigError(f"{file} is not JSON") from None
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigError(f"reading {file} needs PyYAML: pip install 'aiosymphony[yaml]'") from None
    try:
        return yaml.safe_load(content)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{file} is not YAML{where}") from None


def _pod_auth_from_env(environment: Mapping[str, str]) -> Auth:
    from .auth.certificate import CertificateAuth  # noqa: PLC0415 - each loads when it is used
    from .auth.rsa import RsaAuth  # noqa: PLC0415 - each loads when it is used
    from .auth.static import StaticToken  # noqa: PLC0415 - each loads when it is used

    if token := environment.get("SYMPHONY_SESSION_TOKEN"):
        return StaticToken(token)
    if certificate := environment.get("SYMPHONY_CERTIFICATE"):
        return CertificateAuth(certificate, password=environment.get("SYMPHONY_CERTIFICATE_PASSWORD"))
    if environment.get("SYMPHONY_BOT_USERNAME"):
        return RsaAuth(
            environment["SYMPHONY_BOT_USERNAME"],
            _needed(environment, "SYMPHONY_PRIVATE_KEY"),
            password=environment.get("SYMPHONY_PRIVATE_KEY_PASSWORD"),
        )
    if (app := _app_from_env(environment)) is not None:
        return app
    raise ConfigError(
        "no login is configured: set SYMPHONY_BOT_USERNAME and SYMPHONY_PRIVATE_KEY, or SYMPHONY_CERTIFICATE, "
        "or SYMPHONY_SESSION_TOKEN, or SYMPHONY_APP_ID and SYMPHONY_APP_PRIVATE_KEY"
    )


def _app_from_env(environment: Mapping[str, str]) -> Auth | None:
    from .auth.on_behalf_of import OnBehalfOf  # noqa: PLC0415 - it loads when it is used

    if not (app_id := environment.get("SYMPHONY_APP_ID")):
        return None
    return OnBehalfOf(
        app_id,
        _needed(environment, "SYMPHONY_APP_PRIVATE_KEY"),
        password=environment.get("SYMPHONY_APP_PRIVATE_KEY_PASSWORD"),
    )


def _needed(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise ConfigError(f"the environment variable {name} is not set")
    return value
