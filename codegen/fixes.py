"""Applies a file of fixes to a document: OpenAPI Overlay 1.0, each action with its reason.

::

    overlay: 1.0.0
    info: {title: What is wrong with the published document, version: "1"}
    actions:
      - target: $.definitions.User.properties.id
        description: Ids are sent as numbers; the document says string.
        update: {type: integer, format: int64}
      - target: $.paths['/v1/gone']
        description: Never deployed.
        remove: true

An action that matches nothing is an error: the document has changed upstream.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import jsonpath

from .problem import CodegenError
from .reading import read_document


def duplicate_keys(path: Path) -> str | None:
    """Which of two equal keys of an object counts, ``first`` or ``last``, as a file of fixes says; None if it does not.

    A document with such keys cannot be read, and so no action can mend it.

    Raises:
        CodegenError: The file says something else, or gives no reason.
    """
    stated = read_document(path).get("duplicate-keys")
    if stated is None:
        return None
    keep = stated.get("keep") if isinstance(stated, dict) else None
    if keep not in ("first", "last"):
        raise CodegenError(f"{path}, duplicate-keys", "must say `keep: first` or `keep: last`")
    if not stated.get("description"):
        raise CodegenError(
            f"{path}, duplicate-keys", "gives no reason", "Say in its description why it is the right one."
        )
    return str(keep)


def apply_fixes(document: dict[str, Any], path: Path) -> tuple[dict[str, Any], list[str]]:
    """Apply a file of fixes to a document.

    Returns:
        The corrected copy, and a line for each fix: how often it matched, and its reason.

    Raises:
        CodegenError: The file is no overlay, an action has no reason, or an action matches nothing.
    """
    overlay = read_document(path)
    if overlay.get("overlay") not in ("1.0.0", "1.1.0") or not isinstance(overlay.get("actions", []), list):
        raise CodegenError(str(path), "is no OpenAPI Overlay 1.0 document", "It needs `overlay: 1.0.0` and `actions`.")
    document = copy.deepcopy(document)
    done = []
    for number, action in enumerate(overlay.get("actions", []), start=1):
        place = f"{path}, action {number}"
        target = action.get("target")
        reason = action.get("description")
        if not reason:
            raise CodegenError(place, "gives no reason", "Say in its description why the document needs it.")
        if ("update" in action) == bool(action.get("remove")):
            raise CodegenError(place, "must either update or remove")
        try:
            matches = list(jsonpath.finditer(str(target), document))
        except jsonpath.JSONPathError as error:
            raise CodegenError(place, f"its target is no JSONPath: {error}") from None
        if not matches:
            raise CodegenError(
                place,
                f"matches nothing: {target}",
                "The document has changed, or was corrected at its source: adapt this fix, or delete it.",
            )
        for match in reversed(matches):  # the last first, so that removing from a list moves none still to come
            document = _apply(document, match, action)
        done.append(f"{target} ({len(matches)}): {' '.join(str(reason).split())}")
    return document, done


def _apply(document: dict[str, Any], match: jsonpath.JSONPathMatch, action: dict[str, Any]) -> dict[str, Any]:
    if match.parent is None:
        merged: dict[str, Any] = _merged(document, action["update"])
        return merged
    holder: Any = match.parent.obj
    key = match.parts[-1]
    if action.get("remove"):
        del holder[key]
    else:
        holder[key] = _merged(holder[key], action["update"])
    return document


def _merged(value: Any, update: Any) -> Any:
    """Merge as Overlay does: objects key by key, lists by appending, everything else by replacing."""
    if isinstance(value, dict) and isinstance(update, dict):
        added = {
            key: _merged(value[key], item) if key in value else copy.deepcopy(item) for key, item in update.items()
        }
        return {**value, **added}
    if isinstance(value, list):
        return [*value, *copy.deepcopy(update if isinstance(update, list) else [update])]
    return copy.deepcopy(update)
