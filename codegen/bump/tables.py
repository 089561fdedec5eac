"""The tables beside the documents, ``specs/apis.toml`` and ``specs/*/operations.toml``, edited as text."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from typing import Any

from ..facts import PAGING
from ..naming import operation_id
from ..problem import CodegenError
from .blocks import Json

_KINDS = {"get": "read", "head": "read", "put": "put", "patch": "put", "delete": "end"}
"""What an operation does, as far as its method tells; the rule stands at the head of ``specs/pod/operations.toml``.

A POST makes, and a DELETE ends: if a person finds that one is a read or a put, it may be repeated, and not before.
"""
_REPEATED = {"read", "put"}
_AFTER = re.compile(r"/(?:room|im|stream|streams|message|messages|messagesuppression|group)/{(\w+)}")
"""Ids in base64, by the word before them."""


def with_version(text: str, package: str, *, document: str, version: str, sha256: str) -> str:
    """``apis.toml`` with another document for a package."""
    head, *tables = text.split("[[api]]")
    for index, table in enumerate(tables):
        if f'package = "{package}"' in table:
            for key, value in (("document", document), ("version", version), ("sha256", sha256)):
                table = re.sub(rf'(?m)^{key} = ".*"$', f'{key} = "{value}"', table)
            tables[index] = table
    return "[[api]]".join([head, *tables])


def entry(path: str, method: str, operation: Json, *, facade: str, base64_fields: Collection[str] = ()) -> str:
    """The skeleton of an operation's entry: what its document tells, and nothing that is a guess to the callers' risk.

    Args:
        path: The path in the document.
        method: The method, in lower case.
        operation: The operation.
        facade: The method of the facade; empty for none.
        base64_fields: Fields of its body that are ids in base64.
    """
    kind = _KINDS.get(method, "make")
    lines = [
        f"# {method.upper()} {path}",
        f"[{operation_id(path, method)}]",
        f'facade = "{facade}"',
        f'kind = "{kind}"',
        f"idempotent = {str(kind in _REPEATED).lower()}",
    ]
    if paging := paging_of(operation):
        lines.append(f'paging = "{paging}"')
    if ids := [*_AFTER.findall(path), *(f"body.{name}" for name in base64_fields)]:
        lines.append(f"ids = [{', '.join(map(_quoted, ids))}]")
    if "204" in operation.get("responses", {}):
        lines.append('none = "done"')
    return "\n".join(lines) + "\n"


def paging_of(operation: Json) -> str:
    """How the next page of an operation is asked for, by its query; empty for none."""
    query = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"}
    found = [way for way, arguments in PAGING.items() if arguments <= query]
    return max(found, key=lambda way: len(PAGING[way]), default="")


def with_entries(text: str, new: dict[str, str]) -> str:
    """A table of operations with more entries, each in its place by the path in the comment above it."""
    blocks = re.split(r"(?m)(?=^# (?:GET|PUT|POST|DELETE|PATCH|HEAD|OPTIONS) /)", text)
    head, entries = blocks[0], blocks[1:]
    tail = ""
    if entries and (found := re.search(r"(?m)^(?:#.*\n)*\[present\]", entries[-1])):
        entries[-1], tail = entries[-1][: found.start()], entries[-1][found.start() :]
    there = {match[1] for each in entries if (match := re.search(r"(?m)^\[(\w+)\]", each))}
    entries = [f"{each.rstrip()}\n\n" for each in entries]
    for name, block in new.items():
        if name not in there:
            place = next((at for at, each in enumerate(entries) if _path(each) > _path(block)), len(entries))
            entries.insert(place, f"{block}\n")
    return (head + "".join(entries) + tail).rstrip() + "\n"


def without_entries(text: str, gone: Collection[str]) -> str:
    """A table of operations without some of its entries."""
    for name in gone:
        text = re.sub(rf"(?m)^# [A-Z]+ /\S*\n\[{name}\]\n(?:[a-z_0-9]+ = .*\n)*\n?", "", text)
    return text.rstrip() + "\n"


def without_facades(text: str, names: Collection[str]) -> str:
    """A table of operations in which some have no method, as only an older document has them still."""
    for name in names:
        text = re.sub(rf'(?m)^(\[{name}\]\nfacade = )".*"$', r'\1""', text)
    return text


def with_present(text: str, fields: dict[str, list[str]]) -> str:
    """A table of operations whose fields that are always there are as given, by schema; an empty list removes one."""
    for name, kept in fields.items():
        line = "" if not kept else f"{name} = [{', '.join(map(_quoted, kept))}]\n"
        text = re.sub(rf"(?m)^{re.escape(name)} = \[.*\]\n", line, text)
    return text


def read_table(text: str, place: str) -> dict[str, Any]:
    """A table, read.

    Raises:
        CodegenError: It is no TOML.
    """
    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise CodegenError(place, f"cannot be read: {error}") from None


def _path(block: str) -> str:
    return block.split(maxsplit=3)[2]


def _quoted(text: str) -> str:
    return f'"{text}"'
