"""When two texts are the same key: one rule for the whole package."""

from __future__ import annotations

import unicodedata

__all__ = ["fold", "same_text"]


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
