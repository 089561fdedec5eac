"""What a project accepts of a diff: the severity that fails, and changes that are known, each with its reason."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from .compare import Change, Diff

FAIL_ON: Final = ("breaking", "wire", "any", "never")
"""What fails: changes that break callers, also those that alter what goes over the wire, all, or none."""

_KEYS: Final = {"kind", "what", "where", "name", "reason"}


def fails(diff: Diff, fail_on: str) -> bool:
    """Whether a diff holds a change of a severity that fails, one of :data:`FAIL_ON`."""
    severities = {"breaking": {"breaking"}, "wire": {"breaking", "wire"}, "never": set()}.get(fail_on)
    return any(severities is None or change.severity in severities for change in diff.changes)


def without_accepted(diff: Diff, path: Path) -> tuple[Diff, list[str]]:
    """A diff without the changes that a file accepts.

    The file is TOML, with a table for each change: ``[[accept]]`` with ``where`` and ``reason``, and if need be
    ``kind``, ``what`` and ``name``.

    Returns:
        The diff, and a line for each change that was accepted.

    Raises:
        ValueError: The file is no such list, an entry gives no reason, or one matches nothing.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("accept", [])
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    accepted: dict[int, str] = {}
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict) or set(entry) - _KEYS or not entry.get("where"):
            raise ValueError(f"{path}, accept {number}: takes where and reason, and kind, what and name")
        if not entry.get("reason"):
            raise ValueError(f"{path}, accept {number}: gives no reason")
        found = [index for index, change in enumerate(diff.changes) if _fits(change, entry)]
        if not found:
            raise ValueError(f"{path}, accept {number}: matches no change: delete it")
        accepted |= dict.fromkeys(found, str(entry["reason"]))
    lines = [f"{_title(diff.changes[index])}: {reason}" for index, reason in sorted(accepted.items())]
    return replace(diff, changes=[each for index, each in enumerate(diff.changes) if index not in accepted]), lines


def _fits(change: Change, entry: dict[str, Any]) -> bool:
    return all(getattr(change, key) == value for key, value in entry.items() if key != "reason")


def _title(change: Change) -> str:
    return " ".join(filter(None, (change.kind, change.what, change.where, change.name)))
