"""The one exception of the generator: what is wrong, where, and what to do about it."""

from __future__ import annotations


class Refused(Exception):
    """A document or a command that cannot be worked on as it is.

    Args:
        place: Where: a file, or a JSON pointer into a document.
        what: What is wrong there.
        remedy: What the reader can do.
    """

    def __init__(self, place: str, what: str, remedy: str = "") -> None:
        super().__init__(place, what, remedy)
        self.place = place
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.place}: {self.what}" + (f"\n  {self.remedy}" if self.remedy else "")


def pointer(*parts: str | int) -> str:
    """A JSON pointer (RFC 6901) to a place in a document, as a URI fragment."""
    return "#/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in parts)
