"""Values that must not be printed, logged or stored."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar

from ..errors import ConfigError, SymphonyError

P = ParamSpec("P")
T = TypeVar("T")

MASK = "***"


class Secret:
    """A secret text. It shows as ``***``, cannot be pickled or copied into a file by accident, and compares in
    constant time; :meth:`reveal` is the one way to the text.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str, *, name: str = "secret") -> None:
        """``name`` says in errors what the value is; errors never hold the value itself.

        Raises:
            ConfigError: The text is empty.
        """
        if not text:
            raise ConfigError(f"the {name} is empty")
        self._text = text

    def reveal(self) -> str:
        """The text itself. Use it inline: a local variable that holds it shows up in tracebacks with locals."""
        return self._text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is a secret and cannot be pickled or copied")


class HeaderSecret(Secret):
    """A secret that travels in a header: visible ASCII alone, so that it cannot end the header and begin another."""

    __slots__ = ()

    def __init__(self, text: str, *, name: str = "token") -> None:
        """Raises ConfigError if the text is empty or holds anything but visible ASCII."""
        super().__init__(text, name=name)
        if not (text.isascii() and text.isprintable() and " " not in text):
            raise ConfigError(f"the {name} holds characters that cannot stand in a header (not visible ASCII)")


def keeps_arguments_secret(function: Callable[P, T]) -> Callable[P, T]:
    """Raise the error of a function that takes keys or passwords without its frames, which hold them."""

    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except SymphonyError as error:
            failure = error.with_traceback(None)
        del args, kwargs
        raise failure

    return guarded
