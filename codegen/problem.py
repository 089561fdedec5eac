"""The error of code generation: what is wrong, where, and what to do about it."""

from __future__ import annotations

import traceback
from pathlib import Path


class CodegenError(Exception):
    """Nothing can be generated from this document, or by this command.

    Args:
        place: A file, or a JSON pointer into a document.
        what: What is wrong there, as the rest of a sentence about the place.
        remedy: What to do about it.
    """

    def __init__(self, place: str, what: str, remedy: str = "") -> None:
        super().__init__(place, what, remedy)
        self.place = place
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.place}: {self.what}" + (f"\n  {self.remedy}" if self.remedy else "")


def fault(error: Exception) -> str:
    """What to print about an error that nobody foresaw: what and where it is, and what to do."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    at = f"{Path(where.filename).name}:{where.lineno}"
    kind = type(error).__name__
    return f"{kind} in {at}: {error}\n  This is a fault of the generator: please report it with the document."


def pointer(*parts: str | int) -> str:
    """A JSON pointer (RFC 6901) to a place in a document, as a URI fragment."""
    return "#/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in parts)
