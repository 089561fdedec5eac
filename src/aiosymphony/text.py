"""Text, by one rule for the whole package: when two texts are the same key, and what of a text may be shown."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["SHOWN_LIMIT", "clean_text", "fold", "same_text", "visible"]

SHOWN_LIMIT = 2048
"""The most characters that are shown of a text from outside."""

_JWT = re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]*)*")
# Control characters, those that turn the direction of text, and halves of characters, which nothing can print.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def fold(key: object) -> str:
    """The form in which two keys (addresses, login names, names of rooms) are compared.

    Two keys are the same if they differ in surrounding blanks, in case or in Unicode's normal form alone. Forms that
    only look alike stay apart (NFC, not NFKC), and a domain in Punycode is another key than the same in letters.

    Args:
        key: A text; a number as its digits; anything else, as a server may put there, as the empty text: no key.
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
    """Text from outside, fit to be shown: bounded, control characters escaped, tokens removed.

    Args:
        value: The text. A number is its digits; an object or an array, which may be nested without end, its kind.
        limit: The most characters.
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
    """Text with everything in it that a terminal obeys instead of showing it, line breaks included, as escapes."""
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), text)
