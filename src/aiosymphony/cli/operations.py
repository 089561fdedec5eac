"""The operations that ``aiosymphony call`` knows: found by either of their names, and described for people.

An operation has an id, such as ``v2_user_get``, and mostly a method of the facade, such as ``users.get``. Its help is
made from the generated builder and models: nothing about an operation is written here.
"""

from __future__ import annotations

import difflib
import inspect
import re
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache, cached_property
from importlib import import_module
from types import SimpleNamespace, UnionType
from typing import Any, Final

from aiosymphony_api import PACKAGES as APIS

from ..connect.client import ConnectClient
from ..errors import ConfigError
from ..pod.client import PodClient
from ..wire.models import Model
from ..wire.operation import Operation

__all__ = ["APIS", "describe", "find", "methods", "operation_named", "operations", "summary_of", "without_none"]

_OLDER: Final = ("pod_1_40",)
"""APIs whose operations have ids that a newer one has, too."""
_SENT_BY: Final = re.compile(r"``([A-Z]+) (/[^`]*)``")
_FIELD: Final = re.compile(r':= (?:self\.|getattr\(self, ")(\w+).*\n\s+d\["([^"]+)"\]')
_DEEPEST: Final = 2
"""Levels of objects in objects that the help of an operation shows."""


def operations(api: str) -> Mapping[str, Operation[..., Any]]:
    """The operations of an API by id.

    Raises:
        ConfigError: There is no such API.
    """
    if api not in APIS:
        raise ConfigError(f"there is no API {api!r}: it is one of {', '.join(APIS)}")
    found: Mapping[str, Operation[..., Any]] = import_module(f"aiosymphony_api.{api}").OPERATIONS
    return found


@cache
def methods() -> Mapping[tuple[str, str], str]:
    """The methods of the facade, such as ``pod.users.get``, by the HTTP method and path that they send first."""
    found: dict[tuple[str, str], str] = {}
    for client, kind in (("pod", PodClient), ("connect", ConnectClient)):
        for name, part in inspect.getmembers(kind, lambda member: isinstance(member, cached_property)):
            if name.startswith("_"):
                continue
            resource = type(part.func(SimpleNamespace(_session=None)))
            for method, function in vars(resource).items():
                sent = None if method.startswith("_") else _SENT_BY.search(inspect.getdoc(function) or "")
                if sent is not None:
                    found.setdefault((sent[1], sent[2]), f"{client}.{name}.{method}")
    return found


def find(api: str, name: str) -> Operation[..., Any]:
    """The operation of an API with an id, or that a method of the facade sends.

    Raises:
        ConfigError: There is none; the message names similar ones.
    """
    known = operations(api)
    if name in known:
        return known[name]
    by_method = _by_method(api)
    for spelling in (name, f"pod.{name}", f"connect.{name}"):
        if spelling in by_method:
            return by_method[spelling]
    spellings = [*known, *by_method, *(method.partition(".")[2] for method in by_method)]
    near = difflib.get_close_matches(name, spellings, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {len(known)} others: aiosymphony api list"
    raise ConfigError(f"the {api} API has no operation {name!r}; {hint}")


def operation_named(first: str, second: str | None) -> Operation[..., Any]:
    """The operation that the arguments of ``call`` name: an API and an operation, or an operation alone.

    Raises:
        ConfigError: There is none; the message names similar ones.
    """
    if second is not None:
        return find(first, second)
    if first in APIS:
        raise ConfigError(f"{first} is an API: name an operation of it, too; aiosymphony api list {first} lists them")
    for api in sorted(APIS, key=lambda api: api in _OLDER):
        if first in operations(api):
            return find(api, first)
    for api in APIS:
        if any(first in (method, method.partition(".")[2]) for method in _by_method(api)):
            return find(api, first)
    every = [name for api in APIS for name in (*operations(api), *_by_method(api))]
    near = list(dict.fromkeys(difflib.get_close_matches(first, every, n=3)))
    hint = f"did you mean {' or '.join(near)}?" if near else "aiosymphony api list lists them"
    raise ConfigError(f"no API has an operation {first!r}; {hint}")


@cache
def _by_method(api: str) -> Mapping[str, Operation[..., Any]]:
    sent = {(each.method, each.path): each for each in operations(api).values()}
    return {name: sent[key] for key, name in methods().items() if key in sent}


def summary_of(operation: Operation[..., Any]) -> str:
    """What an operation does, in one line."""
    return (_module_doc(operation).splitlines() or [""])[0]


def _module_doc(operation: Operation[..., Any]) -> str:
    return inspect.cleandoc(import_module(operation.build.__module__).__doc__ or "")


def without_none(annotation: Any) -> Any:
    """``X`` of ``X | None``."""
    if typing.get_origin(annotation) in (typing.Union, UnionType):
        kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        return kinds[0]
    return annotation


def describe(operation: Operation[..., Any]) -> Iterator[str]:
    """The help of an operation, line by line: what it is, its parameters, and the fields of its body and its answer."""
    summary, _, text = _module_doc(operation).partition("\n")
    yield summary
    yield from text.rstrip().splitlines()
    yield ""
    yield f"Id: {operation.id}"
    if (method := methods().get((operation.method, operation.path))) is not None:
        yield f"Method: {method}"
    if operation.paging is not None:
        yield f"Pages: by {operation.paging}"
    if operation.deprecated:
        yield "Deprecated."
    signature = inspect.signature(operation.build).parameters
    annotations = typing.get_type_hints(operation.build)
    told = _sections(inspect.getdoc(operation.build) or "", "Args:")
    parameters = [name for name in signature if name != "body"]
    if parameters:
        yield ""
        yield "Parameters:"
        for name in parameters:
            needed = signature[name].default is inspect.Parameter.empty
            facts = f"{_place(operation, name)}{', required' if needed else ''}"
            yield f"  --param {name}={_type(annotations[name])}  ({facts})"
            if told.get(name):
                yield f"      {told[name]}"
    if "body" in signature:
        needed = signature["body"].default is inspect.Parameter.empty
        yield ""
        yield f"Body: --body, {_type(annotations['body'])}{', required' if needed else ''}"
        yield from _fields(annotations["body"], 1)
    (answer,) = typing.get_args(annotations["return"])
    if answer is not type(None):
        yield ""
        yield f"Answer: {_type(answer)}"
        yield from _fields(answer, 1)


def _place(operation: Operation[..., Any], name: str) -> str:
    """Where an argument goes in a request."""
    plain = name.replace("_", "").lower()
    if plain in (each.replace("_", "").lower() for each in re.findall(r"{([^}]+)}", operation.path)):
        return "path"
    headers = inspect.getsource(operation.build).partition("headers=")[2]
    return "header" if re.search(rf"\b{name}\b", headers) else "query"


def _type(annotation: Any) -> str:
    kind = without_none(annotation)
    if typing.get_origin(kind) is list:
        return f"[{_type(typing.get_args(kind)[0])}, …]"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(each.value) for each in kind)
    names = {str: "text", int: "integer", float: "number", bool: "true|false", bytes: "bytes"}
    if kind in names:
        return names[kind]
    return kind.__name__ if isinstance(kind, type) and typing.get_origin(kind) is None else "object"


def _fields(annotation: Any, level: int) -> Iterator[str]:
    """The fields of an object, and of the objects in it."""
    kind = without_none(annotation)
    if typing.get_origin(kind) is list:
        (kind,) = typing.get_args(kind)
    if not (isinstance(kind, type) and issubclass(kind, Model)) or level > _DEEPEST:
        return
    told = _sections(inspect.getdoc(kind) or "", "Attributes:")
    annotations = typing.get_type_hints(kind)
    parameters = inspect.signature(kind).parameters
    for name, wire in _FIELD.findall(inspect.getsource(kind)):
        one = parameters.get(name)
        needed = one is not None and one.default is inspect.Parameter.empty
        yield f"{'  ' * level}{wire}: {_type(annotations[name])}{'  (required)' if needed else ''}"
        if told.get(name):
            yield f"{'  ' * level}    {told[name]}"
        yield from _fields(annotations[name], level + 1)


def _sections(text: str, title: str) -> dict[str, str]:
    """The names in a section of a docstring, with what is said about each."""
    found: dict[str, str] = {}
    name = ""
    _, _, rest = text.partition(f"{title}\n")
    for line in rest.split("\n\n")[0].splitlines():
        if (begun := re.match(r"    (\w+): (.*)", line)) is not None:
            name = begun[1]
            found[name] = begun[2]
        elif name:
            found[name] += f" {line.strip()}"
    return found
