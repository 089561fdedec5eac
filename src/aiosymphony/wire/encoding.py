"""Encodes arguments into paths, queries, headers and bodies, and refuses what cannot be sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from copy import copy
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from ..errors import ConfigError
from ..jsontext import NotJsonError, digits, dump, finite
from .models import Model, TextInt

T = TypeVar("T")

JSON = "application/json"
_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]+").fullmatch
_LONG = 10**100
_TO_URL_SAFE = str.maketrans("+/", "-_", "=")
_NOT_A_HEADER_VALUE = re.compile(r"[^\t\x20-\x7e\x80-\xff]").search


def path_segment(name: str, value: str | float) -> str:
    """Percent-encode one path parameter. ``""``, ``.`` and ``..`` would name another resource and are refused.

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
    """As :func:`path_segment`, for the id of a stream or a message in any form that :func:`url_safe_id` takes."""
    return path_segment(name, url_safe_id(value) if isinstance(value, str) else value)


def url_safe_id(shown: str) -> str:
    """The id of a stream or a message as the API takes it: URL-safe base64 without padding.

    Args:
        shown: The same, or standard base64 with ``+ / =`` as clients show it; either may be percent-encoded.
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
    """Write a list as one value, for parameters that are not repeated."""
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
    """A model's JSON object, as the ``default`` function of a JSON encoder.

    Raises:
        TypeError: It is no model.
    """
    if isinstance(value, Model):
        return value.to_dict()
    raise TypeError


def exploded(value: Mapping[str, Any] | Model | None) -> list[tuple[str, Any]]:
    """An object as query parameters: one for each field."""
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


def encode_int(value: Any) -> Any:
    """What :func:`decode_int` read, as it was."""
    return value.text if isinstance(value, TextInt) else value


def encode_ints(values: Any) -> Any:
    """What :func:`decode_ints` read, as it was."""
    for value in values:
        if type(value) is not int:
            return [encode_int(value) for value in values]
    return values


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
