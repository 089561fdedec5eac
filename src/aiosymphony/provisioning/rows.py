"""One row of the desired state: which columns there are, and what the API's documents allow in them.

A row says what a user shall be. A column that is empty or absent is left alone: it is neither compared nor written.
Text is kept in Unicode's NFC form without surrounding blanks.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, cast

import attrs

from ..errors import ConfigError
from ..text import fold

__all__ = ["Column", "ConnectUser", "Kind", "PodUser", "User", "user_class"]

Kind = Literal["connect", "pod"]

NAME_LIMIT = 64
TEXT_LIMIT = 256
EMAIL_LIMIT = 254
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_EMAIL = re.compile(r"[^@\s,;:<>()\[\]\\\"]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"\+?[\d(][\d\s()./-]*(?:\s?(?:x|ext\.?)\s?\d+)?", re.IGNORECASE)
# A spreadsheet runs a cell that starts like this as a formula, in our reports as in the file it came from.
_FORMULA = ("=", "+", "-", "@")
_TRUE = frozenset({"true", "1", "yes", "y"})
_FALSE = frozenset({"false", "0", "no", "n"})


@attrs.frozen
class Column:
    """What may stand in one column.

    Attributes:
        name: The API's name of the field, which is the column's.
        read: Turns a cell (text, or a JSON value) into the field's value; raises ValueError with the reason.
        required: A row without it is refused.
        key: Its folded value identifies the user.
    """

    name: str
    read: Callable[[object], Any]
    required: bool = False
    key: bool = False

    @property
    def type(self) -> type:
        """What ``read`` gives: text, true or false, a list of text, or an object of switches."""
        return _TYPES.get(self.read, str)


def _text(value: object, limit: int = TEXT_LIMIT) -> str:
    if not isinstance(value, str):
        msg = f"must be text, not {_json_type(value)}"
        raise ValueError(msg)  # noqa: TRY004 - a wrong cell is one kind of error, whatever is wrong with it
    text = value.strip()
    if len(text) > limit:
        msg = f"has {len(text)} characters, at most {limit} are allowed"
        raise ValueError(msg)
    if not text.isascii():
        if _SURROGATE.search(text):
            msg = "is not UTF-8"
            raise ValueError(msg)
        text = unicodedata.normalize("NFC", text)
    if not text.isprintable() and (found := _CONTROL.search(text)):
        msg = f"holds the control character U+{ord(found.group()):04X}"
        raise ValueError(msg)
    if text.startswith(_FORMULA):
        msg = f"starts with {text[0]!r}, which a spreadsheet would run as a formula"
        raise ValueError(msg)
    return text


def _name(value: object) -> str:
    return _text(value, NAME_LIMIT)


def _email(value: object) -> str:
    text = _text(value, EMAIL_LIMIT)
    if not _EMAIL.fullmatch(text):
        msg = f"{_shown(text)} is not an e-mail address"
        raise ValueError(msg)
    return text


def _user_name(value: object) -> str:
    text = _text(value)
    if "," in text:
        msg = f"{_shown(text)} has a comma in it, which no look-up by name allows"
        raise ValueError(msg)
    return text


def _phone(value: object) -> str:
    # The one place where a leading plus is no formula.
    text = value.strip() if isinstance(value, str) else ""
    if text.startswith("+"):
        if len(text) <= TEXT_LIMIT and _PHONE.fullmatch(text):
            return text
        msg = f"{_shown(text)} is not a telephone number"
        raise ValueError(msg)
    return _text(value)


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else None
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    msg = f"{_shown(value)} is neither true nor false"
    raise ValueError(msg)


def _choice(*choices: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        word = value.strip().upper() if isinstance(value, str) else None
        if word in choices:
            return word
        msg = f"{_shown(value)} is none of {', '.join(choices)}"
        raise ValueError(msg)

    return read


def _items(value: object) -> list[str]:
    """``a|b`` in a cell, or a JSON list of text."""
    parts = value.split("|") if isinstance(value, str) else value
    if not isinstance(parts, list):
        msg = f"must be a list of text, not {_json_type(value)}"
        raise ValueError(msg)  # noqa: TRY004
    return list(dict.fromkeys(text for part in parts if (text := _text(part))))


def _switches(value: object) -> dict[str, bool]:
    """``a|b=false`` in a cell, or a JSON list of names, or a JSON object of name to true or false."""
    if isinstance(value, dict):
        return {_text(name): _flag(on) for name, on in value.items()}
    switches = {}
    for item in _items(value):
        name, equals, on = item.partition("=")
        switches[name.strip()] = _flag(on) if equals else True
    return switches


_TYPES: Mapping[Callable[[object], Any], type] = {_flag: bool, _items: list, _switches: dict}


def _shown(value: object) -> str:
    if isinstance(value, list | dict):
        return _json_type(value)  # as deep as it likes
    text = value if isinstance(value, str) else str(value)
    text = _SURROGATE.sub("�", text)
    return repr(text if len(text) <= 60 else text[:59] + "…")


def _json_type(value: object) -> str:
    names = {type(None): "null", bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "an object" if isinstance(value, dict) else "text")


def column(name: str, read: Callable[[object], Any] = _text, *, required: bool = False, key: bool = False) -> Any:
    return attrs.field(default=None, metadata={"column": Column(name, read, required, key)})


def _fields(cls: type[_Row]) -> tuple[attrs.Attribute[Any], ...]:
    return tuple(attrs.fields(cast("type[attrs.AttrsInstance]", cls)))


class _Row:
    """What both kinds of user share; the columns are the attributes of the classes below."""

    kind: ClassVar[Kind]
    fixed: ClassVar[frozenset[str]]
    """Columns that no operation of the API changes once the user exists."""

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
    def from_dict(cls, values: Mapping[str, Any]) -> Any:
        """A row from its columns, taken as they are: for values that were checked before."""
        attributes = cls.attributes()
        return cls(**{attributes[name]: value for name, value in values.items()})

    @classmethod
    def check(cls, cells: Mapping[str, object]) -> tuple[Any, list[tuple[str, str]]]:
        """Read one row's cells; the row, or None and every (column, reason) for which there is none."""
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
            try:
                value = known.read(cell)
            except ValueError as error:
                wrong.append((name, str(error)))
                continue
            if value not in ("", [], {}):
                values[name] = value
        bad = {name for name, _ in wrong}
        wrong += [(name, "is missing") for name in cls.missing(values) if name not in bad]
        return (None if wrong else cls.from_dict(values)), wrong

    @classmethod
    def missing(cls, values: Mapping[str, Any]) -> list[str]:
        """The required columns that a row lacks."""
        return [name for name, known in cls.columns().items() if known.required and name not in values]

    def to_dict(self) -> dict[str, Any]:
        """The row's columns that say something."""
        return {
            name: value
            for name, attribute in self.attributes().items()
            if (value := getattr(self, attribute)) is not None
        }

    def identities(self) -> tuple[str, ...]:
        """What identifies this user, folded: ``email:ann@acme.com``. The first is the one shown in reports."""
        return keys_of(self.to_dict(), type(self))

    @property
    def label(self) -> str:
        raise NotImplementedError


@attrs.frozen(kw_only=True)
class ConnectUser(_Row):
    """A user of a sponsored company (Connect, schema ``User``). The e-mail address identifies it.

    Connect changes nothing but ``active`` of a user that exists.
    """

    kind: ClassVar[Kind] = "connect"
    fixed: ClassVar[frozenset[str]] = frozenset(
        {"email", "firstName", "lastName", "displayName", "phoneNumber", "department", "title", "location"}
    )

    email: str = column("email", _email, required=True, key=True)
    first_name: str = column("firstName", _name, required=True)
    last_name: str = column("lastName", _name, required=True)
    display_name: str | None = column("displayName")
    active: bool | None = column("active", _flag)
    phone_number: str | None = column("phoneNumber", _phone)
    department: str | None = column("department")
    title: str | None = column("title")
    location: str | None = column("location")

    @property
    def label(self) -> str:
        return self.email


@attrs.frozen(kw_only=True)
class PodUser(_Row):
    """A user of a pod (schemas ``V2UserAttributes``, ``FeatureList`` and ``UserStatus``, and the roles).

    The user name and the e-mail address each identify it. A cell of a list is written ``a|b``; of the features,
    ``a|b=false``. Roles and features that the row does not name are left alone.
    """

    kind: ClassVar[Kind] = "pod"
    fixed: ClassVar[frozenset[str]] = frozenset({"accountType"})

    user_name: str = column("userName", _user_name, required=True, key=True)
    email_address: str = column("emailAddress", _email, required=True, key=True)
    first_name: str | None = column("firstName", _name)
    last_name: str | None = column("lastName", _name)
    display_name: str = column("displayName", required=True)
    company_name: str | None = column("companyName")
    department: str | None = column("department")
    division: str | None = column("division")
    title: str | None = column("title")
    work_phone_number: str | None = column("workPhoneNumber", _phone)
    mobile_phone_number: str | None = column("mobilePhoneNumber", _phone)
    two_factor_auth_phone: str | None = column("twoFactorAuthPhone", _phone)
    sms_number: str | None = column("smsNumber", _phone)
    account_type: str | None = column("accountType", _choice("NORMAL", "SYSTEM", "SDL"))
    location: str | None = column("location")
    recommended_language: str | None = column("recommendedLanguage")
    job_function: str | None = column("jobFunction")
    asset_classes: list[str] | None = column("assetClasses", _items)
    industries: list[str] | None = column("industries", _items)
    market_coverage: list[str] | None = column("marketCoverage", _items)
    responsibility: list[str] | None = column("responsibility", _items)
    function: list[str] | None = column("function", _items)
    instrument: list[str] | None = column("instrument", _items)
    roles: list[str] | None = column("roles", _items)
    features: dict[str, bool] | None = column("features", _switches)
    status: str | None = column("status", _choice("ENABLED", "DISABLED"))

    @classmethod
    def missing(cls, values: Mapping[str, Any]) -> list[str]:
        lacking = super().missing(values)
        # Service accounts have no first and last name; people do.
        if values.get("accountType") != "SYSTEM":
            lacking += [name for name in ("firstName", "lastName") if name not in values]
        return lacking

    @property
    def label(self) -> str:
        return self.user_name

    @property
    def active(self) -> bool | None:
        return None if self.status is None else self.status == "ENABLED"


User = ConnectUser | PodUser


def keys_of(values: Mapping[str, Any], kind: type[_Row]) -> tuple[str, ...]:
    """The folded keys in a user's columns, for a row and for a user that is there alike."""
    return tuple(
        f"{name}:{fold(value)}"
        for name, known in kind.columns().items()
        if known.key and isinstance(value := values.get(name), str)
    )


def user_class(kind: str) -> type[ConnectUser | PodUser]:
    """The class of rows for a kind of target: ``connect`` or ``pod``.

    Raises:
        ConfigError: It is neither.
    """
    found = _CLASSES.get(kind)
    if found is None:
        raise ConfigError(f"there is no kind of target {kind!r}: it is one of {', '.join(_CLASSES)}")
    return found


_CLASSES: Mapping[str, type[ConnectUser | PodUser]] = {one.kind: one for one in (ConnectUser, PodUser)}
