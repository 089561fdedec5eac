"""Names that are made of a document's words, by the rules of the generator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_ACRONYM_WORD = re.compile(r"([A-Z]+)([A-Z][a-z])")
_WORD_START = re.compile(r"([a-z0-9])([A-Z])")
_OTHER = re.compile(r"[^A-Za-z0-9]+")


def snake_case(text: str) -> str:
    """``userSystemAttributes`` to ``user_system_attributes``; all but ASCII letters and digits separates words."""
    text = _WORD_START.sub(r"\1_\2", _ACRONYM_WORD.sub(r"\1_\2", text))
    return _OTHER.sub("_", text).strip("_").lower()


def tag_of(path: str, operation: Mapping[str, Any]) -> str:
    """The tag of an operation; of one without, the first part of its path that is a resource."""
    for tag in operation.get("tags") or []:
        return str("" if tag is None else tag).strip()
    words = [snake_case(part) for part in path.split("/") if part and "{" not in part]
    return next((word for word in words if word and not re.fullmatch(r"api|v\d+", word)), "default")
