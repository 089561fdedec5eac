"""What a new version of a document means to callers, as text for the changelog."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from aiosymphony.apidiff import Diff

_WIDTH = 120


def entry(diff: Diff, methods: Mapping[str, str], gone: Mapping[str, str]) -> str:
    """An entry for a new version.

    Args:
        diff: What changed.
        methods: The facade's method of each new operation, by the operation, such as ``GET /v1/badges``.
        gone: The same of operations that are gone.
    """
    lines = [f"{diff.new}, where it was {diff.old}."]
    for change in diff.changes:
        if change.kind == "operation" and change.what == "added":
            lines.append(f"  - New: {_method(methods.get(change.where, ''))}`{change.where}`.")
        elif change.kind == "operation" and change.what == "removed":
            lines.append(f"  - Breaking: {_method(gone.get(change.where, ''))}`{change.where}` is gone.")
        elif change.severity != "compatible":
            what = " ".join(filter(None, (change.where, change.name)))
            detail = change.detail or change.what
            lines.append(f"  - {'Breaking' if change.breaking else 'On the wire'}: `{what}`: {detail}.")
    return "".join(f"{part}\n" for line in lines for part in _wrapped(line))


def _method(name: str) -> str:
    return f"`{name}`, " if name else ""


def _wrapped(line: str) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.wrap(line, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
