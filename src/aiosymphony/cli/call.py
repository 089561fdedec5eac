"""``aiosymphony call``: calls any operation of any API, by its id."""

from __future__ import annotations

import asyncio
import difflib
import inspect
import json
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from aiosymphony_api import PACKAGES as APIS

from ..errors import ConfigError, DecodeError
from ..wire.models import Model
from ..wire.operation import Operation
from .clients import ConfigOption, KeyOption, UrlOption, UsernameOption, open_client
from .output import JsonOption, print_json, print_tree, say

_BOOLEANS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def call(
    api: Annotated[str, typer.Argument(metavar="API", help=f"One of {', '.join(APIS)}.")],
    operation: Annotated[str, typer.Argument(metavar="OPERATION", help="Its id, such as v2_user_get.")],
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="An argument; repeat it for a list's items."),
    ] = None,
    body: Annotated[
        str | None, typer.Option("--body", metavar="JSON|@FILE", help="The request's body; @- reads standard input.")
    ] = None,
    config: ConfigOption = None,
    url: UrlOption = None,
    username: UsernameOption = None,
    private_key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Call one operation and print its result, with the tokens, limits and retries of the SDK.

    Credentials come from the environment, --config or options.
    """
    chosen = find(api, operation)
    arguments = read_arguments(chosen, param or (), body)
    request = chosen.build(**arguments)
    client = open_client(chosen.api, config, url, username, private_key)

    async def send() -> Any:
        async with client:
            return await client.execute(request)

    answer = asyncio.run(send())
    if as_json:
        print_json(answer)
    elif answer is None:
        say("done, or nothing found: the answer is empty")
    else:
        print_tree(answer)


def find(api: str, operation_id: str) -> Operation[..., Any]:
    """The operation with an id.

    Raises:
        ConfigError: There is none; the message names similar ids.
    """
    if api not in APIS:
        raise ConfigError(f"there is no API {api!r}: it is one of {', '.join(APIS)}")
    operations: Mapping[str, Operation[..., Any]] = import_module(f"aiosymphony_api.{api}").OPERATIONS
    if operation_id not in operations:
        near = difflib.get_close_matches(operation_id, operations, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else f"; it has {len(operations)} others"
        raise ConfigError(f"the {api} API has no operation {operation_id!r}{hint}")
    return operations[operation_id]


def read_arguments(operation: Operation[..., Any], params: Sequence[str], body: str | None) -> dict[str, Any]:
    """The arguments of an operation's builder from the options, by the builder's annotations.

    Raises:
        ConfigError: One is unknown, missing, given twice, or not of its type; the message names it.
    """
    annotations = typing.get_type_hints(operation.build)
    signature = inspect.signature(operation.build).parameters
    texts: dict[str, list[str]] = {}
    for item in params:
        name, equals, text = item.partition("=")
        if not equals:
            raise ConfigError(f"--param {item!r} is not NAME=VALUE")
        if name not in signature or name == "body":
            raise ConfigError(f"{operation.id} has no parameter {name!r}: {_usage(signature)}")
        texts.setdefault(name, []).append(text)
    arguments = {name: _value(name, values, annotations[name]) for name, values in texts.items()}
    if body is not None:
        if "body" not in signature:
            raise ConfigError(f"{operation.id} takes no body: {_usage(signature)}")
        arguments["body"] = _body(body, annotations["body"])
    missing = [
        name for name, one in signature.items() if one.default is inspect.Parameter.empty and name not in arguments
    ]
    if missing:
        raise ConfigError(f"{operation.id} needs {', '.join(missing)}: {_usage(signature)}")
    return arguments


def _usage(signature: Mapping[str, inspect.Parameter]) -> str:
    """The arguments of an operation, in one line."""
    taken = [
        ("--body " if name == "body" else f"--param {name}=") + str(one.annotation).removesuffix(" | None")
        for name, one in signature.items()
    ]
    return f"it takes {', '.join(taken)}" if taken else "it takes no arguments"


def _value(name: str, texts: Sequence[str], annotation: Any) -> Any:
    kind = _without_none(annotation)
    if typing.get_origin(kind) is list:
        (item,) = typing.get_args(kind)
        return [_scalar(name, text, item) for text in texts]
    if len(texts) > 1:
        raise ConfigError(f"--param {name} is given {len(texts)} times, but takes one value")
    return _scalar(name, texts[0], kind)


def _scalar(name: str, text: str, kind: Any) -> Any:
    try:
        if kind is bool:
            return _BOOLEANS[text.lower()]
        if kind in (int, float) or (isinstance(kind, type) and issubclass(kind, Enum)):
            return kind(text)
    except (ValueError, KeyError):
        wanted = {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, "one of its values")
        raise ConfigError(f"--param {name}: {text!r} is not {wanted}") from None
    return text


def _without_none(annotation: Any) -> Any:
    """``X`` of ``X | None``."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        return kinds[0]
    return annotation


def _body(text: str, annotation: Any) -> Any:
    """The body from JSON, inline or in a file, in the builder's type."""
    content = _source(text)
    try:
        orjson.loads(content)  # stricter: it takes no NaN
        value = json.loads(content)  # to the digit: orjson reads integers beyond 64 bits as floats
    except ValueError as error:
        raise ConfigError(f"--body is not JSON: {error}") from None
    except RecursionError:
        raise ConfigError("--body is nested too deep") from None
    kind = _without_none(annotation)
    is_list = typing.get_origin(kind) is list
    if is_list:
        (kind,) = typing.get_args(kind)
    wanted = _described(kind)
    if is_list and not isinstance(value, list):
        raise ConfigError(f"--body is {_described(type(value))}, and must be an array of {wanted}")
    items = [_item(f"--body[{index}]", item, kind) for index, item in enumerate(value if is_list else [value])]
    return items if is_list else items[0]


def _item(where: str, value: Any, kind: Any) -> Any:
    if not (isinstance(kind, type) and issubclass(kind, Model)):
        if kind in (str, int, float, bool) and type(value) is not kind:
            raise ConfigError(f"{where} is {_described(type(value))}, and must be {_described(kind)}")
        return value
    if not isinstance(value, dict):
        raise ConfigError(f"{where} is {_described(type(value))}, and must be {_described(kind)}")
    try:
        return kind.from_dict(value)  # type: ignore[attr-defined]  # every generated model has it
    except DecodeError as error:
        raise ConfigError(f"{where}: {error.message}") from None


def _described(kind: Any) -> str:
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "an array",
             dict: "an object", type(None): "null"}  # fmt: skip
    return names.get(kind) or f"an object ({getattr(kind, '__name__', kind)})"


def _source(text: str) -> bytes:
    if not text.startswith("@"):
        return text.encode()
    if text == "@-":
        return sys.stdin.buffer.read()
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise ConfigError(f"--body: the file {text[1:]!r} cannot be read: {error.strerror}") from None
