"""The base of resources, with their checks of arguments and answers.

A stray response on a pooled connection would be taken for the answer to the next request on it: its status is good and
its body decodes. Only its content gives it away, so the answer to a create is compared with the request.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .errors import ConfigError, OutcomeUnknown
from .session import Session
from .text import clean_text, same_text
from .wire.operation import Operation


class Resource:
    """Base of a client's resources, such as ``pod.users``."""

    def __init__(self, session: Session) -> None:
        self._session = session


def texts(name: str, values: Iterable[str]) -> list[str]:
    """Several texts as a list.

    Raises:
        ConfigError: It is one text, whose letters would count as several.
    """
    if isinstance(values, str):
        raise ConfigError(f"{name}: expected several texts, such as a list, not the one {values!r}. Nothing was sent.")
    return [*values]


def check_echo(session: Session, operation: Operation[..., Any], *facts: tuple[str, object, object]) -> None:
    """Compare an answer with its request.

    Args:
        session: Drops its connections if the answer belongs to another request.
        operation: The operation.
        *facts: Name of the field on the wire, value in the request, value in the answer. A field that the request left
            out is not compared; the answer may leave out some of the fields, but not all.

    Raises:
        OutcomeUnknown: The answer has another value, or none at all.
    """
    compared = [(name, asked, came) for name, asked, came in facts if asked is not None]
    for name, asked, came in compared:
        if came is not None and not same_text(asked, came):
            told = f"{name} {clean_text(came, 80)!r} came where {clean_text(asked, 80)!r} was asked for"
            raise mismatch(session, operation, told)
    if compared and all(came is None for _, _, came in compared):
        raise mismatch(session, operation, f"it has no {' and no '.join(name for name, _, _ in compared)}")


def mismatch(session: Session, operation: Operation[..., Any], why: str) -> OutcomeUnknown:
    """Drop the open connections, and return the error for an answer that belongs to another request."""
    session.reset_connections()
    return OutcomeUnknown(f"the answer does not belong to this request: {why}", operation=operation)
