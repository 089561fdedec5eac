"""Rules for text, for the whole package: when two texts are the same key, and how a text from outside is shown."""

from __future__ import annotations

import contextlib
import functools
import re
import unicodedata

import idna

__all__ = [
    "SHOWN_LIMIT",
    "clean_text",
    "counted",
    "fold",
    "same_text",
    "skeleton",
    "spellings",
    "stray_character",
    "visible",
]

SHOWN_LIMIT = 2048
"""Most characters of a text from outside that are shown."""

_JWT = re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]*)*")
_LINE_BREAKS = re.compile(r"[ \t]*[\r\n]\s*")
# Control characters, those that turn the direction of text, and halves of characters, which nothing can print.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_STRAY_CATEGORIES = frozenset({"Cf", "Cn", "Co", "Zs"})
# Letters and marks by their category, and yet nobody sees them: fillers, joiners and selectors of variants.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_LONGEST_DOMAIN = 253
_APOSTROPHES = "'\u2018\u2019"


def fold(key: object) -> str:
    """The form in which two keys (addresses, login names, names of rooms) are compared.

    Two keys are the same if they differ only in surrounding blanks, in case, in Unicode's normal form, or in whether
    the domain of an address is written in letters or in ASCII (``xn--``). Texts that only look alike are different
    keys (NFC, not NFKC).

    Args:
        key: A text, or a number, which counts as its digits. Anything else that a server may send is no key: the empty
            text.
    """
    text = _stripped(key)
    if text.isascii():
        return text.lower()
    local, at, domain = text.rpartition("@")
    if at and not domain.isascii() and (ascii_domain := _ascii_domain(domain)):
        return f"{_fold_letters(local)}@{ascii_domain}"
    return _fold_letters(text)


def _stripped(key: object) -> str:
    return str(key).strip() if isinstance(key, str | int | float) else ""


def _fold_letters(text: str) -> str:
    # Case folding undoes the normal form, and works on letters that NFC has put together: one round before, one after.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


@functools.lru_cache(maxsize=1024)
def _ascii_domain(domain: str) -> str:
    """A domain as name servers know it; empty if it can be none."""
    if len(domain) > _LONGEST_DOMAIN:
        return ""
    # What is no domain as it stands may be one once it is folded, and would then be another key than its folded form.
    for text in (unicodedata.normalize("NFC", domain), _fold_letters(domain)):
        with contextlib.suppress(UnicodeError):  # as idna's own errors are
            return idna.encode(text, uts46=True).decode().lower()
    return ""


def skeleton(key: object) -> str:
    """The folded key without what nobody sees in it: two keys with one skeleton were meant to be the same.

    Args:
        key: As for :func:`fold`.
    """
    text = _stripped(key)
    if not text.isascii() and len(text) <= SHOWN_LIMIT:  # longer than any key
        text = "".join(letter for letter in text if not _is_stray(letter))
    return fold(text.lstrip(_APOSTROPHES))


def stray_character(key: str) -> str:
    """The first character that no key is meant to hold, as ``U+200B ZERO WIDTH SPACE``; empty if there is none.

    These are the characters that nobody sees, blanks other than the space, those that no script has, and the one that
    stands for a lost letter.
    """
    if key.isascii():
        return ""
    found = next((letter for letter in key if letter == "\ufffd" or _is_stray(letter)), "")
    return found and f"U+{ord(found):04X} {unicodedata.name(found, '(a character without a name)')}"


def _is_stray(letter: str) -> bool:
    return letter != " " and (
        unicodedata.category(letter) in _STRAY_CATEGORIES or _UNSEEN.fullmatch(letter) is not None
    )


def spellings(address: str) -> list[str]:
    """An address as it is, and with its domain written the other way, in ASCII or in letters."""
    local, at, domain = address.rpartition("@")
    try:
        other = _ascii_domain(domain) if not domain.isascii() else idna.decode(domain) if "xn--" in domain else ""
    except UnicodeError:
        other = ""
    return [address, f"{local}@{other}"] if at and other and other != domain else [address]


def same_text(one: object, other: object) -> bool:
    """Whether two texts are the same key; see :func:`fold`."""
    return one == other or fold(one) == fold(other)


def clean_text(value: object, limit: int = SHOWN_LIMIT) -> str:
    """Text from outside, safe to show in a line: cut, with control characters escaped and tokens removed.

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
    text = visible(_LINE_BREAKS.sub(" ", text))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def counted(number: int, one: str, many: str = "") -> str:
    """A number and what it counts: ``1 row``, ``2,000 rows``. The plural is ``one`` with an s, if ``many`` is empty."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def visible(text: str) -> str:
    """Text in which everything that a terminal would obey instead of showing is escaped, line breaks included."""
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), text)
