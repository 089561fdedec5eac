"""What a format has to bring along to be read."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from .base import Opened, Options
from .content import Content

__all__ = ["Reader"]


@attrs.frozen
class Reader:
    """A format of files.

    Attributes:
        recognises: Whether a file with this name and these first bytes has this format.
        open: Looks at the file, and gives what reads it.
        options: The names of the options that it takes.
    """

    recognises: Callable[[str, bytes], bool]
    open: Callable[[Content, Options], Opened]
    options: frozenset[str] = frozenset()
