"""Docstrings are written for ``help()`` and editors, with a few marks of Sphinx; the site reads Markdown."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":\w+:`~?(?:aiosymphony\.)?([\w.]+)`")
_COLONS = re.compile(r"::(\n\s*\n)")
_WORDS = re.compile(r"``([^`]+)``")


class MarkdownDocstrings(griffe.Extension):
    """Turns roles into code, and ``::`` before an example into a colon."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for every object that has been read."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
    """A docstring in Markdown."""
    text = _COLONS.sub(r":\1", text)
    text = _WORDS.sub(r"`\1`", text)
    return _ROLE.sub(lambda role: f"`{role[1]}`", text)
