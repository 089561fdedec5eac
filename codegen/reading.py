"""Reads a document from a YAML or JSON file into JSON's types: text keys, no dates, no duplicate keys."""

from __future__ import annotations

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from aiosymphony.apidiff.load import json_loader

from .problem import CodegenError

# Far above any published document (one of 13 MB has 600,000 nodes); YAML aliases can expand without end.
_NODE_LIMIT = 5_000_000


class _Loader(json_loader()):  # type: ignore[misc]
    """Refuses a key that is given twice. Merge keys and anchors are resolved."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = key_node.value
            if key in seen:
                place = f"line {key_node.start_mark.line + 1}"
                raise CodegenError(
                    place, f"the key {key!r} is given twice", "Remove one of them; the first would be lost."
                )
            seen.add(key)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


def read_document(path: Path) -> dict[str, Any]:
    """Read a document.

    Raises:
        CodegenError: The file is missing, is neither YAML nor JSON, is no object, or is too large with its aliases.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CodegenError(str(path), f"cannot be read: {error}") from None
    try:
        if text.lstrip().startswith("{"):
            document = json.loads(text, object_pairs_hook=_unique)
        else:
            document = yaml.load(text, Loader=_Loader)
    except CodegenError as error:
        raise CodegenError(f"{path}, {error.place}", error.what, error.remedy) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise CodegenError(str(path), f"is neither YAML nor JSON: {error}") from None
    if not isinstance(document, dict):
        raise CodegenError(str(path), "is no OpenAPI document: its top level is not an object")
    plain: dict[str, Any] = _plain(document, str(path), [0], ())
    return plain


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise CodegenError(
            "an object", f"the key {twice!r} is given twice", "Remove one of them; the first would be lost."
        )
    return result


def _plain(value: Any, place: str, count: list[int], parents: tuple[int, ...]) -> Any:
    """A copy without shared parts, keys as text (YAML reads the response key 200 as a number)."""
    count[0] += 1
    if count[0] > _NODE_LIMIT:
        raise CodegenError(place, f"has more than {_NODE_LIMIT} nodes once its aliases are expanded")
    if isinstance(value, dict | list) and id(value) in parents:
        raise CodegenError(
            place, "an alias refers to a part of the document that it stands in", "Use $ref for recursion."
        )
    if isinstance(value, dict):
        below = (*parents, id(value))
        return {_key(key): _plain(item, f"{place}/{key}", count, below) for key, item in value.items()}
    if isinstance(value, list):
        below = (*parents, id(value))
        return [_plain(item, f"{place}/{index}", count, below) for index, item in enumerate(value)]
    if isinstance(value, str) and not value.isascii():
        _check_text(value, place)
    return value


def _check_text(text: str, place: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise CodegenError(place, "holds half a surrogate pair, which is no text") from None


def _key(key: object) -> str:
    if isinstance(key, str):
        _check_text(key, "a key")
    if isinstance(key, bool):
        return "true" if key else "false"
    return "null" if key is None else str(key)
