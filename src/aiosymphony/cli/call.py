"""``aiosymphony call``: calls any operation of any API, by its id."""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import typing
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from ..errors import ConfigError, DecodeError
from ..jsontext import MAX_WRITTEN, is_deeper
from ..wire.models import Model
from ..wire.operation import Operation
from .clients import ConfigOption, KeyOption, UrlOption, UsernameOption, open_client
from .input_files import named_file
from .operations import APIS, describe, methods, operation_named, operations, without_none
from .output import (
    JsonOption,
    check_output,
    note,
    print_json,
    print_lines,
    print_tree,
    save_json,
    say,
    when_interrupted,
)
from .pages import MORE, check_all, has_more, read_all

_BOOLEANS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _complete_first(incomplete: str) -> list[tuple[str, str]]:
    """APIs, and the operations of all."""
    known = {name: help_ for api in reversed(APIS) for name, help_ in _spellings(api, incomplete)}
    return [(api, "an API") for api in APIS if api.startswith(incomplete)] + sorted(known.items())


def _complete_second(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The operations of the API that is named."""
    api = ctx.params.get("api")
    return sorted(_spellings(api, incomplete)) if api in APIS else []


def _complete_param(ctx: typer.Context, incomplete: str) -> list[str]:
    """The names of the parameters of the operation that is named."""
    # Where an option still lacks its value, the arguments before it have not been told apart.
    first, second, *_ = (*ctx.args, None, None) if ctx.args else (ctx.params.get("api"), ctx.params.get("operation"))
    if first is None:
        return []
    try:
        names = inspect.signature(operation_named(first, second).build).parameters
    except ConfigError:
        return []
    return [f"{name}=" for name in names if name != "body" and name.startswith(incomplete)]


def _spellings(api: str, incomplete: str) -> list[tuple[str, str]]:
    """The ids and methods of an API that begin as what was typed, each with the other."""
    found: list[tuple[str, str]] = []
    sent_by = methods()
    for each in operations(api).values():
        method = sent_by.get((each.method, each.path), "")
        pairs = ((each.id, method), (method, each.id), (method.partition(".")[2], each.id))
        found += [pair for pair in pairs if pair[0] and pair[0].startswith(incomplete)]
    return found


def call(
    context: typer.Context,
    api: Annotated[
        str | None,
        typer.Argument(
            metavar="[API]",
            help=f"One of {', '.join(APIS)}; may be left out.",
            autocompletion=_complete_first,
            show_default=False,
        ),
    ] = None,
    operation: Annotated[
        str | None,
        typer.Argument(
            metavar="OPERATION",
            help="Its id, such as v2_user_get, or its method, such as users.get.",
            autocompletion=_complete_second,
            show_default=False,
        ),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="NAME=VALUE",
            help="An argument; repeat it for a list's items.",
            autocompletion=_complete_param,
        ),
    ] = None,
    body: Annotated[
        str | None, typer.Option("--body", metavar="JSON|@FILE", help="The request's body; @- reads standard input.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Read every page, and print the items of all.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", callback=named_file, help="Write the result to this file, which only you can read."
        ),
    ] = None,
    config: ConfigOption = None,
    url: UrlOption = None,
    username: UsernameOption = None,
    private_key: KeyOption = None,
    as_json: JsonOption = False,
    wants_help: Annotated[
        bool, typer.Option("--help", "-h", help="Show this message; with OPERATION, its parameters, body and answer.")
    ] = False,
) -> None:
    """Call one operation and print its result, with the tokens, limits and retries of the SDK.

    `call OPERATION --help` shows what an operation takes and what its answer holds; `api list` shows the operations.

    Credentials come from the environment, --profile, --config or options.
    """
    if api is None:
        if not wants_help:
            raise ConfigError("no operation is named: aiosymphony api list lists them")
        if told := context.get_help():  # rich has printed it already, and leaves nothing to print
            print_lines(told)
        return
    chosen = operation_named(api, operation)
    if wants_help:
        print_lines("\n".join(describe(chosen)))
        return
    arguments = read_arguments(chosen, param or (), body)
    if every:
        check_all(chosen, arguments)
    if output is not None:
        check_output(output)
    request = chosen.build(**arguments)
    client = open_client(chosen.api, config, url, username, private_key)

    if chosen.method != "GET":
        when_interrupted("the server may have acted; look before you repeat it")

    async def send() -> Any:
        async with client:
            return await (read_all(client.execute, chosen, arguments) if every else client.execute(request))

    answer = asyncio.run(send())
    if output is not None:
        save_json(output, answer)
    elif as_json:
        print_json(answer)
    elif answer is None:
        what = "nothing found" if chosen.method == "GET" else "done, or nothing found"
        say(f"{what}: the answer is empty")
    else:
        print_tree(answer)
    if not every and has_more(chosen, arguments, answer):
        note(MORE)


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
        name = name.replace("-", "_")
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
    kind = without_none(annotation)
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


def _body(text: str, annotation: Any) -> Any:
    """The body from JSON, inline or in a file, in the builder's type."""
    content = _source(text)
    value: Any = None
    try:
        orjson.loads(content)  # stricter: it takes no NaN
        value = json.loads(content)  # to the digit: orjson reads integers beyond 64 bits as floats
        too_deep = is_deeper(value, MAX_WRITTEN)
    except ValueError as error:
        raise ConfigError(f"--body is not JSON: {error}") from None
    except RecursionError:  # from a depth on that differs between Pythons
        too_deep = True
    if too_deep:
        raise ConfigError(f"--body is nested more than {MAX_WRITTEN} levels deep")
    kind = without_none(annotation)
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
