"""One row of the desired state: a user, and which columns there are.

A row says what a user shall be. A column that is empty or absent is left alone: it is neither compared nor written.
One that shall be empty says so, by the cell ``CLEAR``; its value is then the empty text or list.
Text is kept in Unicode's NFC form without surrounding blanks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, Self, cast

import attrs

from ...text import fold, skeleton
from .cells import OneOf, read_flag, read_items, read_roles, read_switches, read_text

__all__ = ["CLEAR", "Column", "Kind", "StepKind", "User", "column", "full_name", "keys_of", "words_of_name"]

Kind = str
"""A kind of target, and of its users: one of ``KINDS`` in ``registry.py``."""
StepKind = Literal["create", "update", "role", "features", "active"]
"""What one request of a job does."""
CLEAR = "<clear>"
"""What a cell holds for a field to be emptied."""
_TYPES: Mapping[Callable[[object], Any], type] = {
    read_flag: bool,
    read_items: list,
    read_roles: list,
    read_switches: dict,
}


@attrs.frozen
class Column:
    """What may stand in one column.

    Attributes:
        name: The API's name of the field, which is the column's.
        read: Turns a cell (text, or a JSON value) into the field's value; raises ValueError with the reason.
        required: Nobody is created without it.
        key: Its folded value identifies the user.
        step: The request that changes it.
        about: What it holds, for people; no sentence.
    """

    name: str
    read: Callable[[object], Any]
    required: bool = False
    key: bool = False
    step: StepKind = "update"
    about: str = ""

    @property
    def type(self) -> type:
        """What ``read`` gives: text, true or false, a list of text, or an object of switches."""
        return _TYPES.get(self.read, str)

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that may stand there; empty if there are others."""
        return self.read.choices if isinstance(self.read, OneOf) else ()


def column(
    name: str,
    read: Callable[[object], Any] = read_text,
    *,
    required: bool = False,
    key: bool = False,
    step: StepKind = "update",
    about: str = "",
) -> Any:
    """An attribute of a row that is a column."""
    return attrs.field(default=None, metadata={"column": Column(name, read, required, key, step, about)})


def _fields(cls: type[User]) -> tuple[attrs.Attribute[Any], ...]:
    return tuple(attrs.fields(cast("type[attrs.AttrsInstance]", cls)))


class User:
    """What all kinds of users share; the columns are the attributes of the class of each kind."""

    kind: ClassVar[Kind]
    fixed: ClassVar[frozenset[str]]
    """Columns that no operation of the API changes once the user exists."""
    disabled: ClassVar[Mapping[str, Any]]
    """The column that says whether a user may log in, with the value that forbids it."""
    enabling: ClassVar[Mapping[str, Any]]
    """The same column, with the value that allows it."""
    address: ClassVar[str]
    """The column of the e-mail address."""

    @classmethod
    @functools.cache
    def columns(cls) -> Mapping[str, Column]:
        """The columns, by name, in the order of the API's document."""
        return {field.metadata["column"].name: field.metadata["column"] for field in _fields(cls)}

    @classmethod
    @functools.cache
    def attributes(cls) -> Mapping[str, str]:
        """The attributes' names, by column."""
        return {field.metadata["column"].name: field.name for field in _fields(cls)}

    @classmethod
    @functools.cache
    def key_columns(cls) -> tuple[str, ...]:
        """The columns that identify a user."""
        return tuple(name for name, known in cls.columns().items() if known.key)

    @classmethod
    @functools.cache
    def required(cls) -> tuple[str, ...]:
        """The columns without which nobody is created."""
        return tuple(name for name, known in cls.columns().items() if known.required)

    @classmethod
    @functools.cache
    def steps(cls) -> frozenset[StepKind]:
        """What a job may do with such a user."""
        return frozenset({"create", *(known.step for name, known in cls.columns().items() if name not in cls.fixed)})

    @classmethod
    @functools.cache
    def clearable(cls) -> frozenset[str]:
        """The columns that can be emptied: attributes that can be changed, and that no user must have."""
        needed = {*cls.fixed, *cls.missing({})}
        columns = cls.columns().items()
        return frozenset(
            name for name, known in columns if known.step == "update" and not known.key and name not in needed
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Any:
        """A row from its columns, taken as they are: for values that were checked before."""
        attributes = cls.attributes()
        return cls(**{attributes[name]: value for name, value in values.items()})

    @classmethod
    def check(cls, cells: Mapping[str, object]) -> tuple[dict[str, Any] | None, list[tuple[str, str]]]:
        """Read one row's cells; its columns, or None and every (column, reason) for which there are none."""
        columns = cls.columns()
        values: dict[str, Any] = {}
        wrong: list[tuple[str, str]] = []
        for name, cell in cells.items():
            if cell is None or cell == "":
                continue
            known = columns.get(name)
            if known is None:
                wrong.append((name, "is not a field of this kind of user"))
                continue
            if isinstance(cell, str) and CLEAR in cell and cell.strip() == CLEAR:
                if name in cls.clearable():
                    values[name] = known.type()
                else:
                    wrong.append((name, "cannot be emptied"))
                continue
            try:
                value = known.read(cell)
            except ValueError as error:
                wrong.append((name, str(error)))
                continue
            if value or value is False:
                values[name] = value
        keys = cls.key_columns()
        if values.keys().isdisjoint(keys) and not any(name in keys for name, _ in wrong):
            wrong.append((" or ".join(keys), "is missing"))
        return (None if wrong else values), wrong

    @classmethod
    def missing(cls, values: Mapping[str, Any]) -> list[str]:
        """The columns that a row lacks for its user to be created. To find one who is there, any key is enough."""
        return [name for name in cls.required() if name not in values]

    def to_dict(self) -> dict[str, Any]:
        """The row's columns that say something."""
        # Asked for many times a row, and kept beside the columns, which are slots.
        kept = self.__dict__
        if "_values" not in kept:
            kept["_values"] = {
                name: value
                for name, attribute in self.attributes().items()
                if (value := getattr(self, attribute)) is not None
            }
        values: dict[str, Any] = kept["_values"]
        return values.copy()

    @classmethod
    def is_person(cls, values: Mapping[str, Any]) -> bool:
        """Whether a user with these columns is somebody, and not an account of a service."""
        del values
        return True

    def enable(self) -> Self:
        """The same row, asking for the user to be enabled."""
        return cast("Self", self.from_dict({**self.to_dict(), **self.enabling}))

    def identities(self) -> tuple[str, ...]:
        """What identifies this user, folded: ``email:ann@acme.com``. The first is the one shown in reports."""
        kept = self.__dict__
        if "_identities" not in kept:
            kept["_identities"] = keys_of(self.to_dict(), type(self))
        identities: tuple[str, ...] = kept["_identities"]
        return identities

    @property
    def label(self) -> str:
        """The key that is shown in reports."""
        raise NotImplementedError

    @property
    def enabled(self) -> bool | None:
        """Whether the user shall be able to log in; None if the row does not say."""
        ((name, off),) = self.disabled.items()
        value = getattr(self, self.attributes()[name])
        return None if value is None else value != off


def keys_of(values: Mapping[str, Any], kind: type[User], form: Callable[[object], str] = fold) -> tuple[str, ...]:
    """The folded keys in a user's columns, for a row and for a user that is there alike.

    Args:
        values: The columns.
        kind: The class of the user.
        form: What keys are compared by.
    """
    return tuple(
        [
            f"{name}:{key}"
            for name in kind.key_columns()
            if isinstance(value := values.get(name), str) and (key := form(value))
        ]
    )


def full_name(values: Mapping[str, Any]) -> str:
    """First and last name, as names are compared; empty if one of them is not told."""
    names = [
        skeleton(value) if isinstance(value := values.get(name), str) else "" for name in ("firstName", "lastName")
    ]
    return " ".join(names) if all(names) else ""


def words_of_name(values: Mapping[str, Any]) -> frozenset[str]:
    """The words of first and last name; none if one of the names is not told."""
    return frozenset(full_name(values).split())
