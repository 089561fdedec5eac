"""Where a job in PostgreSQL lies: the address of a database, and the name of the job in it."""

from __future__ import annotations

from typing import Any, Final, Self
from urllib.parse import parse_qsl, quote, urlencode

import attrs
import psycopg
from psycopg.conninfo import conninfo_to_dict

from ..auth.secrets import Secret
from ..errors import JobRefused

__all__ = ["Address"]

_SECRETS: Final = ("password", "sslpassword")
_OWN: Final[dict[str, str | int]] = {
    "fallback_application_name": "aiosymphony",
    "client_encoding": "UTF8",
    "connect_timeout": 5,
    # A partition shows no error: the system must look whether the other side is there.
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""What a connection has unless the address says otherwise."""


@attrs.frozen
class Address:
    """An address as libpq knows them, with ``job=NAME`` among its parameters.

    Attributes:
        shown: The whole address without passwords: opens the same job where the password comes from elsewhere.
        database: ``shown`` without the job.
        job: The job's name; None if none was given.
    """

    shown: str
    database: str
    job: str | None
    _parameters: dict[str, Any] = attrs.field(repr=False)
    _secrets: dict[str, Secret] = attrs.field(repr=False)

    @classmethod
    def parse(cls, text: str, job: str | None = None) -> Self:
        """Read an address; ``job`` names the job if the address does not.

        Raises:
            JobRefused: It is none.
        """
        scheme, _, rest = text.partition("://")
        place, _, query = rest.partition("?")
        pairs = parse_qsl(query.replace("+", "%2B"), keep_blank_values=True)
        job = next((value for name, value in reversed(pairs) if name == "job"), "") or job
        pairs = [(name, value) for name, value in pairs if name != "job"]
        user, at, hosts = place.rpartition("@")
        shown = f"{scheme}://{user.partition(':')[0]}{at}{hosts}"
        public = [(name, value) for name, value in pairs if name not in _SECRETS]
        parameters, secrets = _read(f"{scheme}://{place}?{urlencode(pairs, safe='/', quote_via=quote)}")
        return cls(
            _with(shown, [*public, *([("job", job)] if job else [])]), _with(shown, public), job, parameters, secrets
        )

    def named(self, job: str) -> str:
        """The address of another job in the same database."""
        return (
            self.database + ("&" if "?" in self.database else "?") + urlencode({"job": job}, safe="/", quote_via=quote)
        )

    def parameters(self) -> dict[str, Any]:
        """What to connect with, passwords included."""
        return {**_OWN, **self._parameters, **{name: secret.reveal() for name, secret in self._secrets.items()}}


def _with(place: str, pairs: list[tuple[str, str]]) -> str:
    return f"{place}?{urlencode(pairs, safe='/', quote_via=quote)}" if pairs else place


def _read(url: str) -> tuple[dict[str, Any], dict[str, Secret]]:
    parameters: dict[str, Any] = {}
    try:
        parameters = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        pass  # What it says may quote the whole address.
    else:
        secrets = {name: Secret(str(parameters.pop(name))) for name in _SECRETS if parameters.get(name)}
        return parameters, secrets
    del url, parameters
    raise JobRefused(
        "the address of the database cannot be read: write postgresql://USER@HOST:PORT/DATABASE?job=NAME, with "
        "parameters as PostgreSQL knows them, and characters that mean something there as %40 and the like"
    )
