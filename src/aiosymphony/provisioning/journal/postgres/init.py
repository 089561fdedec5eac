"""Prepares a database for jobs."""

from __future__ import annotations

import attrs
import psycopg

from ....auth.secrets import keeps_arguments_secret
from ....errors import JobError, JobInterrupted, JobRefused
from ....postgres.address import Address
from .schema import LATEST, init_schema
from .session import connect, told

__all__ = ["Prepared", "init_store"]


@attrs.frozen
class Prepared:
    """What was done.

    Attributes:
        database: Its address without passwords.
        before, version: The version that the tables had, 0 if there were none; and the one that they have.
    """

    database: str
    before: int
    version: int


@keeps_arguments_secret
def init_store(text: str) -> Prepared:
    """Make the tables in the database at an address, or bring them up to date, wholly or not at all.

    Raises:
        JobRefused: The address is wrong, the user may not do that, or the tables are of a newer release.
        JobInterrupted: The database cannot be reached.
    """
    address = Address.parse(text)
    connection = connect(address)
    with connection:
        try:
            return Prepared(address.database, init_schema(connection), LATEST)
        except psycopg.errors.InsufficientPrivilege as error:
            failure: JobError = JobRefused(
                f"the user {connection.info.user} may not prepare {address.database} ({told(error)}): have an "
                f"administrator run CREATE SCHEMA aiosymphony AUTHORIZATION {connection.info.user}"
            )
        except psycopg.Error as error:
            failure = JobInterrupted(f"{address.database} could not be prepared, and was not changed: {told(error)}")
    raise failure
