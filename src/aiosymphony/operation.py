"""What generated code stands on: operations, requests, models, and how values become bytes and bytes become values.

Generated modules import this one and :mod:`aiosymphony.errors`, and nothing else of the package. Nothing here does I/O.

A generated operation is an :class:`Operation`: a record of facts (method, path, which token, whether it may be
repeated) that binds a builder, arguments to :class:`Request`, and a parser, status and bytes to result. Whoever can
send a request is a :class:`Caller`.

Models read tolerantly and write strictly. What a server adds (unknown fields, unknown enum values, explicit nulls,
numbers sent as strings) is kept and written back as it came; a field that is None is not written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from copy import copy
from enum import IntEnum, StrEnum
from hashlib import sha256
from importlib import import_module
from reprlib import recursive_repr
from typing import Any, Generic, NamedTuple, ParamSpec, Protocol, Self, TypeVar
from urllib.parse import quote, unquote

import attrs
import orjson

from .errors import ConfigError, DecodeError
from .jsontext import (
    MAX_DEPTH,
    MAX_WRITTEN,
    ExactFloat,
    NotJsonError,
    digits,
    dump,
    finite,
    holds_null,
    is_deeper,
    may_be_integer,
    parse_exactly,
)

__all__ = [
    "NO_EXTRA",
    "Caller",
    "Model",
    "OpenIntEnum",
    "OpenStrEnum",
    "Operation",
    "Operations",
    "Request",
    "TextInt",
    "path_segment",
]

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M")

JSON = "application/json"

_READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Operation(Generic[P, T]):
    """One operation of an API: its facts, how to ask for it, how to read the answer.

    Attributes:
        id: The operation's id, such as ``v2_user_get``; unique within an API.
        api: Which host serves it: ``pod``, ``agent``, ``login`` or ``connect``.
        method: The HTTP method, upper case.
        path: The path from the host's root with placeholders, such as ``/pod/v1/admin/user/{uid}``.
        tag: The tag the API's document files it under.
        auth: Names of the security schemes it needs, such as ``("sessionToken",)``; empty for none. Of several ways in,
            the one with the fewest.
        other_auth: The other ways in, each as ``auth``, those with the fewest first; for servers that refuse ``auth``.
        kind: What it does: ``read``, ``put`` (says how something is to be), ``make``, ``end`` or ``take`` (takes
            something out); None if nobody has said.
        idempotent: Whether sending it twice does what sending it once does. False unless a person said so.
        deprecated: Whether the document marks it so.
        paging: The name of its paging strategy; None if it answers in one piece.
        family: The family whose limits a pod keeps apart (``search``, ``conversation``, ``membership``), or None.
        build: Arguments to request; refuses what cannot be sent with :class:`ConfigError`.
        parse: Status, headers and content to result; raises :class:`ApiError` or :class:`DecodeError`.
    """

    id: str
    api: str
    method: str
    path: str
    tag: str
    auth: tuple[str, ...] = ()
    other_auth: tuple[tuple[str, ...], ...] = ()
    kind: str | None = None
    idempotent: bool = False
    deprecated: bool = False
    paging: str | None = None
    family: str | None = None
    build: Callable[P, Request[T]]
    parse: Callable[[int, Mapping[str, str], bytes], T]

    def __repr__(self) -> str:
        return f"<Operation {self.id}: {self.method} {self.path}>"

    @property
    def reads(self) -> bool:
        """Whether it surely changes nothing: by its kind, or if nobody has stated that, by its method."""
        return self.method in _READ_METHODS if self.kind is None else self.kind == "read"


class Request(Generic[T]):
    """One request, ready to be sent except for its host and its token. Its repr shows no value that was filled in.

    Attributes:
        operation: What is asked for.
        path: The percent-encoded path from the host's root; starts with a slash.
        query: The percent-encoded query string without the question mark; empty for none.
        headers: Headers that the arguments asked for; no token is among them.
        body: The body, None for none.
        content_type: The body's media type, None if there is no body.
    """

    __slots__ = ("body", "content_type", "headers", "operation", "path", "query")

    def __init__(
        self,
        operation: Operation[..., T],
        path: str,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str | None = None,
    ) -> None:
        self.operation = operation
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.content_type = content_type

    @property
    def target(self) -> str:
        """The path with the query, as it goes on the wire."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def __repr__(self) -> str:
        return f"<Request {self.operation.method} {self.operation.path}>"


class Caller(Protocol):
    """Anything that can carry out a request, as ``PodClient`` and ``ConnectClient`` can."""

    def execute(self, request: Request[T], /) -> Coroutine[Any, Any, T]:
        """Send the request and return what its operation's parser makes of the answer."""
        ...


class Operations(Mapping[str, Operation[..., Any]]):
    """The operations of one API by id. An operation's module is imported when the operation is first asked for."""

    __slots__ = ("_modules", "_package")

    def __init__(self, package: str, modules: Mapping[str, str]) -> None:
        self._package = package
        self._modules = modules

    def __getitem__(self, operation_id: str) -> Operation[..., Any]:
        operation: Operation[..., Any] = import_module(self._modules[operation_id], self._package).OPERATION
        return operation

    def __contains__(self, operation_id: object) -> bool:
        return operation_id in self._modules

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __repr__(self) -> str:
        return f"<{len(self)} operations of {self._package}>"


# --- arguments to wire ------------------------------------------------------------------------------------------------

_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]+").fullmatch
_LONG = 10**100
_TO_URL_SAFE = str.maketrans("+/", "-_", "=")
_NOT_A_HEADER_VALUE = re.compile(r"[^\t\x20-\x7e\x80-\xff]").search


def path_segment(name: str, value: str | int) -> str:
    """Percent-encode one path parameter. ``""``, ``.`` and ``..`` name another resource than was meant: refused.

    Raises:
        ConfigError: ``value`` cannot stand in a path; the message names the parameter.
    """
    if type(value) is int and -_LONG < value < _LONG:
        return str(value)
    text = _text(name, value)
    if text in ("", ".", ".."):
        raise ConfigError(f"{name}: {text!r} cannot stand in a path. Nothing was sent.")
    return text if _UNRESERVED(text) else _quote(name, text)


def id_segment(name: str, value: str) -> str:
    """As :func:`path_segment`, for the id of a stream or a message, in any form that :func:`url_safe_id` takes."""
    return path_segment(name, url_safe_id(value) if isinstance(value, str) else value)


def url_safe_id(shown: str) -> str:
    """The id of a stream or a message as the API takes it: base64, URL-safe without padding.

    Args:
        shown: That, or standard base64 with ``+ / =`` as clients show it; either may be percent-encoded.
    """
    text = unquote(shown) if "%" in shown else shown
    return text.strip().translate(_TO_URL_SAFE)


def with_safe_ids(body: T, *fields: str) -> T:
    """A copy of a body in which the ids of streams and messages are as the API takes them."""
    if not isinstance(body, Model):
        return body
    changed = copy(body)
    for field in fields:
        value = getattr(body, field)
        if isinstance(value, str):
            setattr(changed, field, url_safe_id(value))
        elif isinstance(value, list):
            setattr(changed, field, [url_safe_id(item) if isinstance(item, str) else item for item in value])
    return changed


def query_string(*pairs: tuple[str, Any]) -> str:
    """Encode query parameters in the order given. None is left out; a list repeats its parameter."""
    parts = []
    for name, value in pairs:
        if value is None:
            continue
        wire_name = name if _UNRESERVED(name) else _quote(name, name)
        if type(value) is int and -_LONG < value < _LONG:  # an id, most often, and most often the only parameter
            parts.append(f"{wire_name}={value}")
            continue
        for item in value if isinstance(value, list | tuple) else (value,):
            text = _text(name, item)
            parts.append(f"{wire_name}={text if _UNRESERVED(text) else _quote(name, text)}")
    return "&".join(parts)


def joined(name: str, values: Iterable[Any] | None, separator: str = ",") -> str | None:
    """Write a list as one parameter value, for parameters that are not repeated."""
    return None if values is None else separator.join([_text(name, value) for value in values])


def header_fields(*pairs: tuple[str, Any]) -> dict[str, str]:
    """Headers from parameters; None is left out.

    Raises:
        ConfigError: A value holds line breaks or other characters that no header can carry.
    """
    headers = {}
    for name, value in pairs:
        if value is not None:
            headers[name] = text = _text(name, value)
            if _NOT_A_HEADER_VALUE(text):
                raise ConfigError(f"{name}: a header cannot carry control or non-Latin characters. Nothing was sent.")
    return headers


def json_body(value: Any, name: str = "body") -> bytes:
    """Encode a request body: a model, or anything that JSON has; integers of any size.

    Raises:
        ConfigError: Something in it is not JSON, such as a date object, NaN or an object that holds itself; the message
            says where it stands.
    """
    try:
        return dump(value, name, model_as_dict)
    except NotJsonError as error:
        raise ConfigError(f"{error}. Nothing was sent.") from None


def model_as_dict(value: Any) -> Any:
    """A model's JSON object, for JSON encoders that ask what to write for other types than JSON's.

    Raises:
        TypeError: It is no model.
    """
    if isinstance(value, Model):
        return value.to_dict()
    raise TypeError


def exploded(value: Mapping[str, Any] | Model | None) -> list[tuple[str, Any]]:
    """An object as query parameters of its own: one for each field."""
    return [] if value is None else list((value.to_dict() if isinstance(value, Model) else value).items())


def deep_object(name: str, value: Any) -> list[tuple[str, Any]]:
    """An object as query parameters ``name[field]``, at any depth; a list repeats its parameter.

    Raises:
        ConfigError: It holds itself.
    """
    try:
        return _deep_object(name, value)
    except RecursionError:
        raise ConfigError(f"{name}: holds itself. Nothing was sent.") from None


def _deep_object(name: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Model):
        value = value.to_dict()
    if isinstance(value, Mapping):
        return [pair for key, item in value.items() for pair in _deep_object(f"{name}[{key}]", item)]
    if isinstance(value, list | tuple):
        return [pair for item in value for pair in _deep_object(name, item)]
    return [(name, value)]


def json_text(name: str, value: Any) -> str | None:
    """A parameter value written as JSON."""
    return None if value is None else json_body(to_json(value), name).decode()


def cookies(*pairs: tuple[str, Any]) -> str | None:
    """The value of a ``Cookie`` header; None if there is no cookie to send."""
    found = [f"{name}={_quote(name, _text(name, value))}" for name, value in pairs if value is not None]
    return "; ".join(found) or None


def form_body(fields: Model | Mapping[str, Any]) -> bytes:
    """Encode a request body as ``application/x-www-form-urlencoded``; objects in it as ``name[field]``."""
    pairs = (pair for key, item in to_json(fields).items() for pair in deep_object(key, item))
    return query_string(*pairs).encode("ascii")


def multipart_body(fields: Model | Mapping[str, Any]) -> tuple[bytes, str]:
    """Encode a request body as ``multipart/form-data``; returns it with its media type.

    Bytes become files named as their field; objects and lists of objects become JSON; a list of others is repeated.
    """
    parts = []
    for name, value in to_json(fields).items():
        quoted = name.translate({10: "%0A", 13: "%0D", 34: "%22"})
        repeated = isinstance(value, list) and not any(isinstance(item, dict) for item in value)
        for item in value if repeated else [value]:
            if isinstance(item, bytes):
                about, content = f'; filename="{quoted}"\r\nContent-Type: application/octet-stream', item
            elif isinstance(item, dict | list):
                about, content = f"\r\nContent-Type: {JSON}", json_body(item, name)
            else:
                about, content = "", _text(name, item).encode()
            head = f'Content-Disposition: form-data; name="{quoted}"{about}\r\n\r\n'.encode()
            parts.append(b"%b%b\r\n" % (head, content))
    # A boundary made of the content stands nowhere in it, and the same fields make the same bytes.
    boundary = sha256(b"".join(parts)).hexdigest()
    body = b"".join(b"--%b\r\n%b" % (boundary.encode(), part) for part in parts)
    return b"%b--%b--\r\n" % (body, boundary.encode()), f"multipart/form-data; boundary={boundary}"


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return str(value)  # the value of a StrEnum, not its repr
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        if isinstance(value, int):
            return digits(name, value)
        if isinstance(value, float):
            return str(finite(name, value))
    except NotJsonError as error:
        raise ConfigError(f"{error}. Nothing was sent.") from None
    raise ConfigError(f"{name}: expected text or a number, not {type(value).__name__}. Nothing was sent.")


def _quote(name: str, text: str) -> str:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise ConfigError(f"{name}: holds half a surrogate pair, which is no text. Nothing was sent.") from None


# --- models -----------------------------------------------------------------------------------------------------------


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


# Tokens and passwords travel in models of logins and of users: no repr, and so no log and no traceback, shows them.
_NAMES_A_SECRET = re.compile(r"token\Z|password|salt\Z|secret", re.IGNORECASE).search


class Model:
    """Base of generated models.

    Fields are keyword arguments and attributes; a field that is absent is None. ``additional_properties`` holds what
    the document does not name, and fields that a server sent as an explicit null. Models compare by value.
    """

    __slots__: tuple[str, ...] = ()

    additional_properties: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, ready for a JSON encoder. Fields that are None are left out."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        try:
            return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)
        except RecursionError:  # too deep to be compared: a listing that goes on is better than one that breaks
            return False

    __hash__ = None  # type: ignore[assignment]  # models are mutable

    @recursive_repr("…")
    def __repr__(self) -> str:
        shown = ((name, getattr(self, name)) for name in self.__slots__)
        try:
            fields = ", ".join(
                f"{name}=***" if _NAMES_A_SECRET(name) else f"{name}={_masked(value)!r}"
                for name, value in shown
                if value is not None and value is not NO_EXTRA
            )
        except RecursionError:  # a log line must not fail over what a server nested
            fields = "…"
        return f"{self.__class__.__name__}({fields})"


def know_types(cls: type[Any], names: Mapping[str, Any]) -> None:
    """Let ``typing.get_type_hints`` and ``inspect.signature`` find what stands below a class in its constructor.

    attrs gives the constructor a namespace of its own. It is made before what models import below themselves, which
    waits as models may name each other.
    """
    namespace: dict[str, Any] = getattr(cls.__init__, "__globals__")  # noqa: B009 - type-checkers do not know it
    namespace.update({name: value for name, value in names.items() if isinstance(value, type)})


def _masked(value: Any) -> Any:
    """A value as it may be shown: a server may add a secret where the document names none."""
    if isinstance(value, dict):
        return {
            key: "***" if isinstance(key, str) and _NAMES_A_SECRET(key) else _masked(item)
            for key, item in value.items()
        }
    return [_masked(item) for item in value] if isinstance(value, list) else value


class OpenStrEnum(StrEnum):
    """A string enumeration that may grow: a value this release does not know becomes a member without a name."""

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
        """Whether this release knows the value by a name."""
        return self._name_ != ""


class OpenIntEnum(IntEnum):
    """An integer enumeration that may grow: a value this release does not know becomes a member without a name."""

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
        """Whether this release knows the value by a name."""
        return self._name_ != ""


class TextInt(int):
    """An integer that came as a JSON string. It counts as the number and is written back as the string it was."""

    text: str

    def __new__(cls, text: str) -> Self:
        self = super().__new__(cls, text)
        self.text = text
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (self.text,)


# --- wire to models; called by generated code -------------------------------------------------------------------------

_INT64_TEXT = re.compile(r"-?[0-9]{1,19}", re.ASCII).fullmatch
_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
_LEAVES = frozenset({str, int, bool, type(None)})
_KINDS = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}


def decode_int(value: Any) -> Any:
    """An integer's slow path: digits in a string are a number; anything else is passed on as it is."""
    return TextInt(value) if isinstance(value, str) and _INT64_TEXT(value) else plain(value)


def encode_int(value: Any) -> Any:
    """What :func:`decode_int` read, as it was."""
    return value.text if isinstance(value, TextInt) else value


def decode_ints(values: Any) -> Any:
    """An array of integers; it is passed on as it is if it holds no digits in strings."""
    for value in array(values):
        if type(value) is not int:
            return [decode_int(value) for value in values]
    return values


def encode_ints(values: Any) -> Any:
    """What :func:`decode_ints` read, as it was."""
    for value in values:
        if type(value) is not int:
            return [encode_int(value) for value in values]
    return values


def array(value: Any) -> Any:
    """The value if it is a JSON array; strings and objects can be iterated too and must not pass for one."""
    if not isinstance(value, list):
        raise TypeError("expected an array")
    return value


def mapping(value: Any) -> Any:
    """The value if it is a JSON object."""
    if not isinstance(value, dict):
        raise TypeError("expected an object")
    return value


def extra(leftover: dict[str, Any]) -> Any:
    """What is left of an object once its known fields are taken."""
    if type(leftover) is dict:
        for item in leftover.values():
            if type(item) not in _LEAVES:
                break
        else:
            return leftover
    return plain(leftover, -1)


def plain(value: Any, depth: int = 0) -> Any:
    """A value without a documented shape, as the JSON parser would have made it.

    Raises:
        ValueError: It is nested too deep, or holds a number that has to be read from the text once more.
    """
    kind = type(value)
    if kind in _LEAVES:
        return value
    if isinstance(value, dict | list):
        if depth == MAX_DEPTH:
            raise ValueError("nested too deep")
        if isinstance(value, dict):
            return {key: plain(item, depth + 1) for key, item in dict.items(value)}
        return [plain(item, depth + 1) for item in value]
    if kind is ExactFloat:
        return float(value)
    if kind is float and may_be_integer(value):
        raise ValueError("rounded")
    return value


def read(operation: Operation[..., Any], status: int, content: bytes, decode: Callable[[Any], M]) -> M:
    """Parse a JSON answer and decode it.

    Raises:
        DecodeError: It is not JSON, or not of the documented shape; ``path`` says where.
    """
    try:
        value = orjson.loads(content)
        # A scan costs little next to parsing, and an answer without a null needs no second look.
        return decode(_keeping_nulls(value) if holds_null(content) else value)
    except _UNREADABLE:
        pass
    return _read_slowly(operation, status, content, decode)


def read_optional(operation: Operation[..., Any], status: int, content: bytes, decode: Callable[[Any], M]) -> M | None:
    """As :func:`read`, for an operation that may have nothing to say: a bare ``null`` is None."""
    try:
        value = orjson.loads(content)
        return None if value is None else decode(_keeping_nulls(value) if holds_null(content) else value)
    except _UNREADABLE:
        pass
    return _read_slowly(operation, status, content, decode)


def read_dict(source: Mapping[str, Any], decode: Callable[[Any], M]) -> M:
    """Decode a JSON object that the caller keeps: it is copied, not consumed.

    Raises:
        DecodeError: It is not of the documented shape; ``path`` says where.
    """
    try:
        return decode(_keeping_nulls(source))
    except _UNREADABLE:
        pass
    if is_deeper(source, MAX_WRITTEN):
        raise DecodeError(f"cannot read the object: it holds itself, or is nested more than {MAX_WRITTEN} levels deep")
    value: Any = source
    try:
        value = _with_exact_floats(source)
        return decode(_keeping_nulls(value))
    except _UNREADABLE:
        pass
    path, found = _locate(value, decode)
    raise DecodeError(f"cannot read the object: {found} at {path} is not what the API's document says", path=path)


def _read_slowly(operation: Operation[..., Any], status: int, content: bytes, decode: Callable[[Any], M]) -> M:
    """Read an answer again: with integers of any size, or to find out what is wrong with it.

    Doing all of it a second time keeps it off the path of good answers.
    """
    path = "$"
    try:
        value = orjson.loads(content)
        deep = is_deeper(value, MAX_DEPTH)
        value = None if deep else parse_exactly(content)
    except (ValueError, RecursionError) as error:
        why = f"is not JSON ({error})" if content else "is empty"
    else:
        try:
            if not deep:
                return decode(_keeping_nulls(value))
        except _UNREADABLE:
            pass
        if deep:
            why = f"is nested more than {MAX_DEPTH} levels deep"
        else:
            path, found = _locate(value, decode)
            why = f"has {found} at {path}, which is not what the API's document says"
    value = None  # what prints the locals of a traceback would fail over it
    message = f"the answer (status {status}, {len(content)} bytes) {why}"
    raise DecodeError(message, path=path, status=status, operation=operation)


def _with_exact_floats(value: Any) -> Any:
    """A copy of what a caller gave, whose floats are floats: there is no text in which they may be integers."""
    if isinstance(value, Mapping):
        return {key: _with_exact_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_exact_floats(item) for item in value]
    return ExactFloat(value) if type(value) is float else value


class Variant(NamedTuple):
    """One of the objects that a value may be: the names of its fields, values that mark it, and how to read it."""

    names: frozenset[str]
    marks: Mapping[str, frozenset[Any]]
    decode: Callable[[dict[str, Any]], Any]

    def fit(self, value: Mapping[str, Any]) -> tuple[int, int]:
        """How well an object fits: its marks first, then its fields."""
        marks = sum(
            1 if isinstance(value[name], str | int) and value[name] in known else -1
            for name, known in self.marks.items()
            if name in value
        )
        return marks, 2 * len(self.names & value.keys()) - len(self.names)


def decode_union(
    value: Any,
    *variants: Variant,
    array: Callable[[Any], Any] | None = None,
    mapping: Callable[[Any], Any] | None = None,
    text: Callable[[Any], Any] | None = None,
) -> Any:
    """Read a value that may be of several kinds. A kind that was not expected is passed on as it is."""
    if isinstance(value, dict):
        if variants:
            return max(variants, key=lambda variant: variant.fit(value)).decode(value)
        return mapping(value) if mapping else plain(value)
    if isinstance(value, list):
        return array(value) if array else plain(value)
    return text(value) if text and isinstance(value, str) else plain(value)


def to_json(value: Any) -> Any:
    """The JSON form of a value of any type that models hold.

    Raises:
        ConfigError: It holds itself.
    """
    try:
        return _to_json(value)
    except RecursionError:
        raise ConfigError("the value holds itself, or is nested too deep. Nothing was sent.") from None


def _to_json(value: Any) -> Any:
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, list):
        return [_to_json(item) for item in value]
    if isinstance(value, dict):
        return {key: _to_json(item) for key, item in value.items()}
    return encode_int(value)


class _NullKeeper(dict[str, Any]):
    """An object with nulls in or below it. Taking a field leaves its null behind, to end among what is left over."""

    __slots__ = ()

    def pop(self, key: str, default: Any = None) -> Any:
        value = self.get(key)
        if value is None:
            return default
        del self[key]
        return value


def _keeping_nulls(value: Any, levels: int = MAX_WRITTEN) -> Any:
    """A deep copy in which every object that has a null in or below it is a :class:`_NullKeeper`.

    Raises:
        ValueError: It is nested too deep to be written again.
    """
    if not levels:
        raise ValueError("nested too deep")
    if isinstance(value, dict | Mapping):
        copy = {key: item if type(item) in _LEAVES else _keeping_nulls(item, levels - 1) for key, item in value.items()}
        for item in copy.values():
            if item is None or (type(item) not in _LEAVES and _holds_null(item)):
                return _NullKeeper(copy)
        return copy
    if isinstance(value, list):
        return [item if type(item) in _LEAVES else _keeping_nulls(item, levels - 1) for item in value]
    return value


def _holds_null(value: Any) -> bool:
    """Whether a null stands in a value that was copied before."""
    if isinstance(value, list):
        return any(item is None or (type(item) not in _LEAVES and _holds_null(item)) for item in value)
    return isinstance(value, _NullKeeper)


class _TracedObject(_NullKeeper):
    """An object that remembers which of its fields was taken last."""

    __slots__ = ("last",)

    def pop(self, key: str, default: Any = None) -> Any:
        self.last = (f".{key}" if key.isidentifier() else f"[{key!r}]", self.get(key))
        return super().pop(key, default)

    def items(self) -> Any:
        for key in list(self):
            self.last = (f".{key}" if key.isidentifier() else f"[{key!r}]", self[key])
            yield key, self[key]


class _TracedArray(list[Any]):
    """An array that remembers which of its items was read last."""

    __slots__ = ("last",)

    def __iter__(self) -> Iterator[Any]:
        for index, item in enumerate(list.__iter__(self)):
            self.last = (f"[{index}]", item)
            yield item


def _traced(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _TracedObject({key: _traced(item) for key, item in value.items()})
    if isinstance(value, list):
        return _TracedArray([_traced(item) for item in value])
    return value


def _locate(source: Any, decode: Callable[[Any], Any]) -> tuple[str, str]:
    """Where decoding fails, and what kind of JSON stands there. No value is named: it may be a secret."""
    value = source
    path = "$"
    try:
        value = _traced(source)
        decode(value)
    except _UNREADABLE:
        while (last := getattr(value, "last", None)) is not None:
            path += last[0]
            value = last[1]
    return path, next((kind for json_type, kind in _KINDS.items() if isinstance(value, json_type)), "a number")


know_types(Operation, globals())
