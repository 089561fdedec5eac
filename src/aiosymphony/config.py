"""Clients from the environment and from configuration files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from .auth.secrets import keeps_arguments_secret
from .errors import ConfigError

if TYPE_CHECKING:
    from .connect.client import ConnectClient
    from .limits import Limits
    from .pod.client import PodClient
    from .session import Auth, Observer

_DEFAULT_PORT: Final = {"https": 443, "http": 80}


@keeps_arguments_secret
def pod_from_env(
    environment: Mapping[str, str] = os.environ, *, limits: Limits | None = None, observer: Observer | None = None
) -> PodClient:
    """A PodClient from environment variables.

    ``SYMPHONY_POD_URL`` and one way to log in: ``SYMPHONY_BOT_USERNAME`` with ``SYMPHONY_PRIVATE_KEY`` (a path or PEM
    text), or ``SYMPHONY_CERTIFICATE`` (a path), or ``SYMPHONY_SESSION_TOKEN``. Encrypted keys take their password from
    ``SYMPHONY_PRIVATE_KEY_PASSWORD`` or ``SYMPHONY_CERTIFICATE_PASSWORD``. Optional: ``SYMPHONY_SESSION_AUTH_URL``,
    ``SYMPHONY_KEY_MANAGER_URL``, ``SYMPHONY_AGENT_URL``. ``limits`` and ``observer`` go to the client.

    Raises:
        ConfigError: A variable is missing or unusable; the message names it.
    """
    from .pod.client import PodClient  # noqa: PLC0415 - aiosymphony.config is light, the clients are not

    return PodClient(**pod_options_from_env(environment), limits=limits, observer=observer)


@keeps_arguments_secret
def pod_options_from_env(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The arguments of a PodClient, or of a subclass, from environment variables; see :func:`pod_from_env`.

    Raises:
        ConfigError: A variable is missing or unusable; the message names it.
    """
    return {
        "base_url": _needed(environment, "SYMPHONY_POD_URL"),
        "auth": _pod_auth_from_env(environment),
        "session_auth_url": environment.get("SYMPHONY_SESSION_AUTH_URL") or None,
        "key_manager_url": environment.get("SYMPHONY_KEY_MANAGER_URL") or None,
        "agent_url": environment.get("SYMPHONY_AGENT_URL") or None,
    }


@keeps_arguments_secret
def connect_from_env(
    environment: Mapping[str, str] = os.environ, *, limits: Limits | None = None, observer: Observer | None = None
) -> ConnectClient:
    """A ConnectClient from environment variables.

    ``SYMPHONY_CLIENT_ID`` and ``SYMPHONY_CLIENT_SECRET``. Optional: ``SYMPHONY_CONNECT_URL``, ``SYMPHONY_TOKEN_URL``,
    ``SYMPHONY_AUDIENCE``; production by default. ``limits`` and ``observer`` go to the client.

    Raises:
        ConfigError: A variable is missing or unusable; the message names it.
    """
    from .connect.client import ConnectClient  # noqa: PLC0415 - as above

    return ConnectClient(**connect_options_from_env(environment), limits=limits, observer=observer)


@keeps_arguments_secret
def connect_options_from_env(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The arguments of a ConnectClient, or of a subclass, from environment variables; see :func:`connect_from_env`.

    Raises:
        ConfigError: A variable is missing or unusable; the message names it.
    """
    from .auth.oauth import AUDIENCE, TOKEN_URL, ClientCredentials  # noqa: PLC0415 - as above
    from .connect.client import BASE_URL  # noqa: PLC0415 - as above

    auth = ClientCredentials(
        _needed(environment, "SYMPHONY_CLIENT_ID"),
        _needed(environment, "SYMPHONY_CLIENT_SECRET"),
        token_url=environment.get("SYMPHONY_TOKEN_URL") or TOKEN_URL,
        audience=environment.get("SYMPHONY_AUDIENCE") or AUDIENCE,
    )
    return {"auth": auth, "base_url": environment.get("SYMPHONY_CONNECT_URL") or BASE_URL}


def from_config(path: str | Path, *, limits: Limits | None = None, observer: Observer | None = None) -> PodClient:
    """A PodClient from a file in the layout of symphony-bdk-python's ``config.yaml``.

    YAML (needs the extra ``aiosymphony[yaml]``) or JSON. Understood are ``scheme``, ``host``, ``port``, ``context`` at
    the top and in ``pod``, ``agent``, ``keyManager`` and ``sessionAuth``; ``bot`` with ``username`` and ``privateKey``
    or ``certificate``; ``app`` with ``appId`` and ``privateKey``, where there is no ``bot``; ``ssl.trustStore``; and
    ``proxy``. ``privateKey`` and ``certificate`` may have a ``password``. Relative paths are relative to the file.
    Other keys are ignored. ``limits`` and ``observer`` go to the client.

    Raises:
        ConfigError: The file cannot be read, or a value is missing or unusable; the message names it.
    """
    from .pod.client import PodClient  # noqa: PLC0415 - as above

    return PodClient(**pod_options_from_config(path), limits=limits, observer=observer)


def pod_options_from_config(path: str | Path) -> dict[str, Any]:
    """The arguments of a PodClient, or of a subclass, from a file; see :func:`from_config`.

    Raises:
        ConfigError: The file cannot be read, or a value is missing or unusable; the message names it.
    """
    from .transport.aiohttp import AiohttpTransport  # noqa: PLC0415 - as above

    file = Path(path)
    config = _Section(_read(file), "", file)
    trust_store, proxy = config.section("ssl").section("trustStore").path("path"), config.section("proxy")
    transport = None
    if trust_store is not None or proxy:
        transport = AiohttpTransport(ca_file=trust_store, proxy=_proxy_url(proxy) if proxy else None)
    return {
        "base_url": _url(config, config.section("pod")),
        "auth": _auth(config),
        "session_auth_url": _own_url(config, config.section("sessionAuth")),
        "key_manager_url": _own_url(config, config.section("keyManager")),
        "agent_url": _own_url(config, config.section("agent")),
        "transport": transport,
    }


class _Section:
    """A part of a configuration file that knows its name, so that errors can say it."""

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
    """The URL of a host, whose parts default to those at the top of the file."""
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
    """The URL of a host that a program may do without; None, for the pod's, if the file does not name it."""
    return _url(top, section) if section.text("host") or top.text("host") else None


def _auth(config: _Section) -> Auth:
    from .auth.certificate import CertificateAuth  # noqa: PLC0415 - as above
    from .auth.on_behalf_of import OnBehalfOf  # noqa: PLC0415 - as above
    from .auth.rsa import RsaAuth  # noqa: PLC0415 - as above

    bot, app = config.section("bot"), config.section("app")
    if bot:
        if certificate := bot.section("certificate").path("path"):
            return CertificateAuth(certificate, password=bot.section("certificate").text("password"))
        return RsaAuth(bot.needed("username"), _key(bot), password=bot.section("privateKey").text("password"))
    if app:
        return OnBehalfOf(app.needed("appId"), _key(app), password=app.section("privateKey").text("password"))
    raise ConfigError(f"{config.where('bot')} is missing, and so is app: there is nobody to log in as")


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
    from .auth.certificate import CertificateAuth  # noqa: PLC0415 - as above
    from .auth.rsa import RsaAuth  # noqa: PLC0415 - as above
    from .auth.static import StaticToken  # noqa: PLC0415 - as above

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
    raise ConfigError(
        "nobody to log in as: set SYMPHONY_BOT_USERNAME and SYMPHONY_PRIVATE_KEY, or SYMPHONY_CERTIFICATE, "
        "or SYMPHONY_SESSION_TOKEN"
    )


def _needed(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise ConfigError(f"the environment variable {name} is not set")
    return value
