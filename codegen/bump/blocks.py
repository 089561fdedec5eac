"""A document of ``specs/`` as text: single operations and components are replaced, the rest keeps its lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from aiosymphony.apidiff.surface import METHODS

WIDTH = 100
"""Of the lines that are written: documents have 120 at most, less what stands before a folded text."""

Json = dict[str, Any]
Span = tuple[int, int]

_HEAD = 3
"""Lines at the beginning, whose comment names the version."""

_ONE = (0, 0, "")
"""The order of an edit that no other shares its lines with."""


class Blocks:
    """The lines of a document, and what is to become of them.

    Args:
        text: The document: YAML in blocks, with its paths and components in the order of their names.
    """

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        assert isinstance(root, yaml.MappingNode)
        self._root = root
        self._edits: list[tuple[Span, tuple[int, int, str], list[str]]] = []

    def text(self) -> str:
        """The document, with everything done."""
        lines = list(self._lines)
        for (start, end), _, written in sorted(self._edits, key=lambda edit: edit[:2], reverse=True):
            lines[start:end] = written
        return "\n".join(lines) + "\n"

    def version(self, old: str, new: str) -> None:
        """Write another version into ``info`` and into the comment at the head."""
        for number, line in enumerate(self._lines):
            if line.startswith("#") and number < _HEAD and old in line:
                self._edits.append(((number, number + 1), _ONE, [line.replace(old, new)]))
            elif re.fullmatch(r"  version: .+", line):
                self._edits.append(((number, number + 1), _ONE, _dump("version", new, 1)))
            if line.startswith("paths:"):
                break

    def replace_in_line(self, old: str, new: str, *, under: str) -> None:
        """Replace a text in the lines of one of the document's parts."""
        start, end = dict(self._spans(self._root))[under]
        for number in range(start, end):
            if old in self._lines[number]:
                self._edits.append(((number, number + 1), _ONE, [self._lines[number].replace(old, new)]))

    def put(self, place: tuple[str, ...], value: Any) -> None:
        """Put in a value, or replace the one that is there.

        Args:
            place: The keys that lead to it, such as ``("components", "schemas", "User")``. All but the last two exist.
            value: The value.
        """
        node, depth = self._root, 0
        for depth, key in enumerate(place):
            found = dict(self._spans(node)).get(key)
            if found is None:
                self._insert(
                    node, depth, key, _nested(place[depth + 1 :], value), by_name=depth != 2 or place[0] != "paths"
                )
                return
            if depth == len(place) - 1:
                self._edits.append((found, _ONE, _dump(key, value, depth)))
                return
            node = self._child(node, key)

    def remove(self, place: tuple[str, ...]) -> None:
        """Take out a value, and whatever it leaves empty."""
        nodes = [self._root]
        for key in place[:-1]:
            nodes.append(self._child(nodes[-1], key))
        depth = len(place) - 1
        while depth > 1 and len(nodes[depth].value) == 1:
            depth -= 1
        self._edits.append((dict(self._spans(nodes[depth]))[place[depth]], _ONE, []))

    def put_tag(self, name: str, description: str) -> None:
        """Declare a tag, in its place by name."""
        start, end = dict(self._spans(self._root))["tags"]
        written = [f"  - name: {name}", f"    description: {description}"]
        for number in range(start + 1, end):
            if self._lines[number].startswith("  - name: ") and self._lines[number][10:] > name:
                self._edits.append(((number, number), (0, 0, name), written))
                return
        self._edits.append(((end, end), (0, 0, name), written))

    def _insert(self, node: yaml.MappingNode, depth: int, key: str, value: Any, *, by_name: bool) -> None:
        written = _dump(key, value, depth)
        # At the end of a path, its next method comes before the next path.
        order = -depth, METHODS.index(key) if key in METHODS else 0, key
        spans = list(self._spans(node))
        for name, (start, _) in spans:
            if by_name and name > key:
                self._edits.append(((start, start), order, written))
                return
        end = spans[-1][1][1]
        self._edits.append(((end, end), order, written))

    def _child(self, node: yaml.MappingNode, key: str) -> yaml.MappingNode:
        (child,) = [value for name, value in node.value if name.value == key]
        assert isinstance(child, yaml.MappingNode), key
        return child

    def _spans(self, node: yaml.MappingNode) -> Iterator[tuple[str, Span]]:
        """The lines of each key. A comment belongs to what follows it."""
        starts = [self._above(name.start_mark.line) for name, _ in node.value]
        last = node.value[-1][1].end_mark
        end = last.line if last.column == 0 or last.line >= len(self._lines) else self._end(last.line)
        ends = [*starts[1:], self._above(end)]
        for (name, _), start, stop in zip(node.value, starts, ends, strict=True):
            yield name.value, (start, stop)

    def _above(self, line: int) -> int:
        while line > 1 and self._lines[line - 1].lstrip().startswith("#"):
            line -= 1
        return line

    def _end(self, line: int) -> int:
        """Where a value ends whose mark stands in a line: before the line if it begins something else."""
        return line if self._lines[line].strip() and re.match(r" *[\w'\"/${-]", self._lines[line]) else line + 1


def operations_of(document: Json) -> dict[tuple[str, str], Json]:
    """The operations of a document by path and method."""
    return {
        (path, method): item[method]
        for path, item in document.get("paths", {}).items()
        for method in METHODS
        if method in item
    }


def _nested(keys: tuple[str, ...], value: Any) -> Any:
    for key in reversed(keys):
        value = {key: value}
    return value


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = ">" if (len(text) > 80 or ": " in text) and "\n" not in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _list(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.Node:
    in_a_line = all(not isinstance(value, dict | list) for value in values) and len(str(values)) < WIDTH - 20
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=in_a_line)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)


def _dump(key: str, value: Any, depth: int) -> list[str]:
    text = yaml.dump({key: value}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH - 2 * depth)
    return [f"{'  ' * depth}{line}".rstrip() for line in text.splitlines()]
