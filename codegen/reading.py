"""Reads a document from a YAML or JSON file into JSON's types: text keys, no dates, no duplicate keys."""

from __future__ import annotations

import json
from collections.abc import Hashable
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from aiosymphony.apidiff.load import json_loader

from .problem import CodegenError

# Far above any published document (one of 13 MB has 600,000 nodes); YAML aliases can expand without end.
_NODE_LIMIT = 5_000_000


class _Loader(json_loader()):  # type: ignore[misc]
    """Refuses a key that is given twice, unless it is told which one to keep. Merge keys and anchors are resolved."""

    keep: str | None = None
    notes: list[str] | None = None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = key_node.value
            if key in seen:
                _twice(key, f"line {key_node.start_mark.line + 1}", self.keep, self.notes)
            seen.add(key)
        if self.keep == "first":
            node.value.reverse()
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return dict(reversed(mapping.items())) if self.keep == "first" else mapping


def read_document(path: Path, *, keep: str | None = None, notes: list[str] | None = None) -> dict[str, Any]:
    """Read a document.

    Args:
        path: The file.
        keep: Which of two equal keys of an object counts, ``first`` or ``last``; None to refuse them.
        notes: Gets a note for each key that was given twice.

    Raises:
        CodegenError: The file is missing, is neither YAML nor JSON, is no object, or is too large with its aliases.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CodegenError(str(path), f"cannot be read: {error}") from None
    try:
        if text.lstrip().startswith("{"):
            document = json.loads(text, object_pairs_hook=partial(_unique, keep=keep, notes=notes))
        else:
            loader = _Loader(text)
            loader.keep, loader.notes = keep, notes
            document = loader.get_single_data()
    except CodegenError as error:
        raise CodegenError(f"{path}, {error.place}", error.what, error.remedy) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise CodegenError(str(path), f"is neither YAML nor JSON: {error}") from None
    if not isinstance(document, dict):
        raise CodegenError(str(path), "is no OpenAPI document: its top level is not an object")
    plain: dict[str, Any] = _plain(document, str(path), [0], ())
    return plain


def _unique(pairs: list[tuple[str, Any]], keep: str | None, notes: list[str] | None) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        for twice in {name: None for name in names if names.count(name) > 1}:
            _twice(twice, "an object", keep, notes)
        if keep == "first":
            result = {**result, **dict(reversed(pairs))}
    return result


def _twice(key: str, place: str, keep: str | None, notes: list[str] | None) -> None:
    """Note a key that is given twice.

    Raises:
        CodegenError: Nothing says which one to keep.
    """
    if keep is None:
        raise CodegenError(
            place,
            f"the key {key!r} is given twice",
            "Remove one of them, or say in a file of fixes which one counts: `duplicate-keys: {keep: last, "
            "description: why}`.",
        )
    if notes is not None:
        notes.append(f"{place}: the key {key!r} is given twice; the {keep} one counts")


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
