"""What resources have in common: their session, and what they check of arguments and of answers.

A response that nobody asked for, left on a pooled connection, is handed to the next request on it. The status is good
and the body decodes; only its content tells. So what a create returns is compared with what was asked.
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
        ConfigError: One text came instead of several: its letters would be taken for them.
    """
    if isinstance(values, str):
        raise ConfigError(f"{name}: expected several texts, such as a list, not the one {values!r}. Nothing was sent.")
    return [*values]


def check_echo(session: Session, operation: Operation[..., Any], *facts: tuple[str, object, object]) -> None:
    """Compare an answer with its request.

    Args:
        session: Its connections are dropped if the answer belongs to another request.
        operation: What was called.
        *facts: The field's name on the wire, what was asked, what came. What was not asked is not compared; a server
            may leave out one field, but not all of them.

    Raises:
        OutcomeUnknown: The answer is about something else, or about nothing.
    """
    compared = [(name, asked, came) for name, asked, came in facts if asked is not None]
    for name, asked, came in compared:
        if came is not None and not same_text(asked, came):
            told = f"{name} {clean_text(came, 80)!r} came where {clean_text(asked, 80)!r} was asked for"
            raise mismatch(session, operation, told)
    if compared and all(came is None for _, _, came in compared):
        raise mismatch(session, operation, f"it has no {' and no '.join(name for name, _, _ in compared)}")


def mismatch(session: Session, operation: Operation[..., Any], why: str) -> OutcomeUnknown:
    """The error for an answer that belongs to another request; the open connections are dropped."""
    session.reset_connections()
    return OutcomeUnknown(f"the answer is not one to this request: {why}", operation=operation)
