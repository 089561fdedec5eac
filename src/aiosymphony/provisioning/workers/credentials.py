"""Which targets a worker can reach: its credentials, from its environment and its own file. No job holds any."""

from __future__ import annotations

import os
import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, Self

import attrs

from ...auth.secrets import keeps_arguments_secret
from ...auth.store import TokenStore
from ...client import Client
from ...errors import ConfigError
from ...limits import Limits
from ...observer import Observer
from ..rows.base import Kind
from ..targets.base import Connection, Target
from ..targets.registry import target_kind
from .tasks import queue_of

__all__ = ["Login", "Targets"]

_PATHS: Final = ("config", "SYMPHONY_PRIVATE_KEY", "SYMPHONY_CERTIFICATE")
_TELLING: Final[Mapping[Kind, str]] = {"pod": "SYMPHONY_POD_URL", "connect": "SYMPHONY_CLIENT_ID"}
"""The variable that tells which kind of target a login is for."""


@attrs.frozen
class Login:
    """Where to log in.

    Attributes:
        name: Of the table in the file; ``environment`` for those of the process.
        connection: How the client is made.
    """

    name: str
    connection: Connection

    @classmethod
    def read(cls, path: Path) -> list[Self]:
        """The tables of a file, each with the variables of one login, or with ``config``, a configuration file.

        Raises:
            ConfigError: It cannot be read, or a table holds something else.
        """
        try:
            tables = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is no TOML: {error}") from None
        return [cls(name, _connection(path, name, table)) for name, table in tables.items()]

    def kinds(self) -> list[Kind]:
        """The kinds of target that it is for."""
        if self.connection.config is not None:
            return ["pod"]
        return [kind for kind, name in _TELLING.items() if name in (self.connection.environment or {})]


def _connection(path: Path, name: str, table: object) -> Connection:
    if not isinstance(table, dict):
        raise ConfigError(
            f"{path}: {name} stands outside of a table: write [NAME], and below it the variables of a login"
        )
    for key, value in table.items():
        if not isinstance(value, str):
            raise ConfigError(f"{path}: {key} in [{name}] is no text")
        if key != "config" and not key.startswith("SYMPHONY_"):
            raise ConfigError(f"{path}: [{name}] knows no {key}: it takes config, or the variables SYMPHONY_…")
    given: dict[str, str] = {key: _beside(path, value) if key in _PATHS else value for key, value in table.items()}
    config = given.pop("config", None)
    if config is not None and given:
        raise ConfigError(f"{path}: [{name}] has config, which holds all: leave out {', '.join(given)}")
    return Connection(config=None if config is None else Path(config), environment=given)


def _beside(path: Path, value: str) -> str:
    """A path as the file means it; text of a key stays as it is."""
    return value if "\n" in value or value.startswith("-----") else str(path.parent / value)


class Targets:
    """The targets that a worker can reach. A client is made for each server, and shared by all targets there.

    Args:
        file: A file of credentials; without it the environment counts.
        limits: The limits of each client.
        token_store: Shares tokens with other workers.
        observer: Is told of every attempt of each client.
        environment: The variables of the process.
    """

    @keeps_arguments_secret
    def __init__(
        self,
        file: Path | None = None,
        *,
        limits: Limits | None = None,
        token_store: TokenStore | None = None,
        observer: Observer | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._limits = limits
        self._token_store = token_store
        self._observer = observer
        self._logins = [Login("environment", Connection(environment=environment))] if file is None else Login.read(file)
        self._from_file = file is not None
        self._clients: dict[str, Client] = {}
        self._connections: dict[str, Connection] = {}
        self._open = AsyncExitStack()

    async def open(self) -> None:
        """Make the clients. Nothing is sent.

        Raises:
            ConfigError: A login is incomplete or unusable, two are for one server, or there is none at all.
        """
        refused: list[str] = []
        for login in self._logins:
            for kind in login.kinds():
                known = target_kind(kind)
                connection = attrs.evolve(
                    login.connection, limits=self._limits, token_store=self._token_store, observer=self._observer
                )
                try:
                    client = await self._open.enter_async_context(known.client(connection))
                except ConfigError as error:
                    if self._from_file:
                        raise ConfigError(f"[{login.name}]: {error}") from None
                    refused.append(str(error))
                    continue
                queue = queue_of(kind, known.over(client, Connection(company="")).name)
                if queue in self._clients:
                    raise ConfigError(f"[{login.name}] is for a server that another table is for")
                self._clients[queue] = client
                self._connections[queue] = connection
        if not self._clients:
            raise ConfigError(
                "there are no credentials for any target: set SYMPHONY_POD_URL and a login, or SYMPHONY_CLIENT_ID and "
                "SYMPHONY_CLIENT_SECRET, or name a file with --credentials" + "".join(f"; {each}" for each in refused)
            )

    @property
    def queues(self) -> list[str]:
        """The queues of the servers that can be reached."""
        return [*self._clients]

    def get(self, kind: Kind, name: str) -> Target:
        """The target of that name.

        Raises:
            ConfigError: There are no credentials for it.
        """
        known = target_kind(kind)
        client = self._clients.get(queue_of(kind, name))
        if client is None:
            raise ConfigError(f"there are no credentials for {name}")
        return known.over(client, known.saved(name))

    @asynccontextmanager
    async def opened(self, kind: Kind, name: str) -> AsyncIterator[Target]:
        """The target of that name over a client of its own, for another event loop than the worker's.

        Raises:
            ConfigError: There are no credentials for it.
        """
        known = target_kind(kind)
        connection = self._connections.get(queue_of(kind, name))
        if connection is None:
            raise ConfigError(f"there are no credentials for {name}")
        async with known.client(connection) as client:
            yield known.over(client, known.saved(name))

    async def close(self) -> None:
        """Close the clients."""
        await self._open.aclose()
