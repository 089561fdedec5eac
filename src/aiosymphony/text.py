"""Rules for text, for the whole package: when two texts are the same key, and how a text from outside is shown."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["SHOWN_LIMIT", "clean_text", "fold", "same_text", "visible"]

SHOWN_LIMIT = 2048
"""Most characters of a text from outside that are shown."""

_JWT = re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]*)*")
# Control characters, those that turn the direction of text, and halves of characters, which nothing can print.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def fold(key: object) -> str:
    """The form in which two keys (addresses, login names, names of rooms) are compared.

    Two keys are the same if they differ only in surrounding blanks, in case or in Unicode's normal form. Texts that
    only look alike are different keys (NFC, not NFKC), and so are a domain in Punycode and the same domain in letters.

    Args:
        key: A text, or a number, which counts as its digits. Anything else that a server may send is no key: the empty
            text.
    """
    text = str(key).strip() if isinstance(key, str | int | float) else ""
    if text.isascii():
        return text.lower()
    # Case folding undoes the normal form, and works on letters that NFC has put together: one round before, one after.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def same_text(one: object, other: object) -> bool:
    """Whether two texts are the same key; see :func:`fold`."""
    return one == other or fold(one) == fold(other)


def clean_text(value: object, limit: int = SHOWN_LIMIT) -> str:
    """Text from outside, safe to show: cut, with control characters escaped and tokens removed.

    Args:
        value: The text. A number is shown as its digits, and an object or an array, which may be huge, as its type.
        limit: Most characters to show.
    """
    text = (
        value
        if isinstance(value, str)
        else str(value)
        if isinstance(value, int | float)
        else f"({type(value).__name__})"
    )
    text = _JWT.sub("***", text[: 2 * limit])
    text = visible(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def visible(text: str) -> str:
    """Text in which everything that a terminal would obey instead of showing is escaped, line breaks included."""
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), text)
