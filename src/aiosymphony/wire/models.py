"""The parts of generated models.

Models read tolerantly and write strictly. Unknown fields, unknown enum values, explicit nulls and numbers sent as
strings are kept, and written back as they came. A field that is None is not written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import IntEnum, StrEnum
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Self, TypeVar

from ..errors import MissingField

__all__ = [
    "ABSENT",
    "NO_EXTRA",
    "Model",
    "OpenIntEnum",
    "OpenStrEnum",
    "TextInt",
    "drop_absent",
    "know_types",
    "or_none",
]


class _NoExtra(Mapping[str, Any]):
    """The one empty mapping that all models without unknown fields share."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "{}"

    def __reduce__(self) -> str:
        return "NO_EXTRA"


NO_EXTRA: Mapping[str, Any] = _NoExtra()

P = ParamSpec("P")
T = TypeVar("T")

ABSENT: Final[Any] = Ellipsis
"""What a constructor takes for a field that answers always have, and that was not given. No model keeps it."""

# Tokens and passwords travel in models of logins and of users: no repr, and so no log and no traceback, shows them.
_NAMES_A_SECRET = re.compile(r"token\Z|password|salt\Z|secret", re.IGNORECASE).search


class Model:
    """Base of generated models.

    Fields are keyword arguments and attributes; an absent field is None. ``additional_properties`` holds fields that
    the document does not name, and those that a server sent as an explicit null. Models compare by value.

    A field that answers always have is never None. If a server leaves it out, reading the answer goes well, and
    reading the field raises :class:`~aiosymphony.MissingField`, which names it; ``getattr(model, name, None)`` does
    not.
    """

    __slots__: tuple[str, ...] = ()

    additional_properties: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, ready for a JSON encoder. Fields that are None are left out."""
        raise NotImplementedError

    if not TYPE_CHECKING:  # type-checkers know the fields, and must refuse every other name

        def __getattr__(self, name: str) -> Any:
            # Called for what is not set: a field that has a slot and no value, or a name that there is not.
            model = type(self).__name__
            if name in type(self).__slots__:
                message = f"this {model} has no {name}: the server has left it out"
                raise MissingField(message, model=model, field=name)
            raise AttributeError(f"{model!r} object has no attribute {name!r}", name=name, obj=self)

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        try:
            return all(getattr(self, name, None) == getattr(other, name, None) for name in self.__slots__)
        except RecursionError:  # too deep to be compared: a listing that goes on is better than one that breaks
            return False

    __hash__ = None  # type: ignore[assignment]  # models are mutable

    @recursive_repr("…")
    def __repr__(self) -> str:
        shown = ((name, getattr(self, name, None)) for name in self.__slots__)
        try:
            fields = ", ".join(
                f"{name}=***" if _NAMES_A_SECRET(name) else f"{name}={_masked(value)!r}"
                for name, value in shown
                if value is not None and value is not NO_EXTRA
            )
        except RecursionError:  # a log line must not fail over what a server nested
            fields = "…"
        return f"{self.__class__.__name__}({fields})"


def drop_absent(model: Model, names: Iterable[str]) -> None:
    """Unset the fields of a new model that were not given, so that reading one tells that it is missing."""
    for name in names:
        if getattr(model, name) is ABSENT:
            delattr(model, name)


def or_none(read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """What ``read`` returns; None if it reads a field that the server has left out."""
    try:
        return read(*args, **kwargs)
    except MissingField:
        return None


def know_types(cls: type[Any], names: Mapping[str, Any]) -> None:
    """Let ``typing.get_type_hints`` and ``inspect.signature`` find what stands below a class in its constructor.

    attrs gives the constructor a namespace of its own. It is made before what models import below themselves, which
    waits as models may name each other.
    """
    namespace: dict[str, Any] = getattr(cls.__init__, "__globals__")  # noqa: B009 - type-checkers do not know it
    namespace.update({name: value for name, value in names.items() if isinstance(value, type)})


def _masked(value: Any) -> Any:
    """A value without what may be a secret: a server may add one that the document does not name."""
    if isinstance(value, dict):
        return {
            key: "***" if isinstance(key, str) and _NAMES_A_SECRET(key) else _masked(item)
            for key, item in value.items()
        }
    return [_masked(item) for item in value] if isinstance(value, list) else value


class OpenStrEnum(StrEnum):
    """A string enumeration that may grow: an unknown value becomes a member without a name."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = ""
        member._value_ = value
        return member

    @property
    def is_known(self) -> bool:
        """Whether this release knows the value."""
        return self._name_ != ""


class OpenIntEnum(IntEnum):
    """An integer enumeration that may grow: an unknown value becomes a member without a name."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if type(value) is not int:
            return None
        member = int.__new__(cls, value)
        member._name_ = ""
        member._value_ = value
        return member

    @property
    def is_known(self) -> bool:
        """Whether this release knows the value."""
        return self._name_ != ""


class TextInt(int):
    """An integer that came as a JSON string. It is equal to the number, and is written back as the same string."""

    text: str

    def __new__(cls, text: str) -> Self:
        self = super().__new__(cls, text)
        self.text = text
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (self.text,)
