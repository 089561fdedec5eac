"""In which encoding a text is: as its first bytes say, as its user says, UTF-8, or a guess that is safe and told."""

from __future__ import annotations

import codecs
import contextlib
import io
import re
from typing import Final

import attrs

from .base import unreadable
from .code_pages import guess_code_page
from .content import Content

__all__ = ["Encoding", "encoding_of"]

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
# Where the zero bytes of ASCII stand in two and four bytes a letter.
_ZEROS: Final = (
    (4, (False, True, True, True), "utf-32-le"),
    (4, (True, True, True, False), "utf-32-be"),
    (2, (False, True), "utf-16-le"),
    (2, (True, False), "utf-16-be"),
)
_ESCAPED: Final = re.compile(r"[\udc80-\udcff]")
_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7f\udc80-\udcff]")
_WORD: Final = re.compile(rb"[A-Za-z'\x80-\xff]++")
_LONGEST: Final = 256
_MAX_WORDS: Final = 5000
_BLOCK: Final = 1 << 18


@attrs.frozen
class Encoding:
    """How a text is encoded.

    Attributes:
        name: For Python's decoders.
        told: For people.
        errors: What becomes of bytes that the encoding has no letter for: something that is refused in a cell.
        guess: Why it is no more than a guess; empty if it is certain or was given.
    """

    name: str
    told: str
    errors: str = "replace"
    guess: str = ""


def encoding_of(content: Content, asked: str | None) -> Encoding:
    """The encoding of a text.

    Raises:
        JobRefused: The one that was asked for is none, or no guess is safe.
    """
    if asked is not None:
        return _asked(asked)
    for mark, name, told in _MARKS:
        if content.first.startswith(mark):
            return Encoding(name, told, "surrogateescape" if told == "UTF-8" else "replace")
    if wide := _by_zeros(content.first):
        return Encoding(wide, wide.upper(), guess=_told(wide.upper()))
    words = _words_beyond_utf8(content)
    if words is None:
        return Encoding("utf-8", "UTF-8", "surrogateescape")
    guess = guess_code_page(words)
    if guess.name is None:
        raise unreadable(f"{content.where} is not UTF-8, and {guess.told}: say its encoding by --encoding")
    return Encoding(guess.name, guess.name, guess=_told(guess.name, guess.told))


def _told(name: str, example: str = "") -> str:
    return f"{name} is a guess{example}: say --encoding if it is wrong"


def _asked(asked: str) -> Encoding:
    name = ""
    with contextlib.suppress(LookupError, ValueError, TypeError):
        # Python has codecs of another kind, which a text cannot be read by.
        if io.TextIOWrapper(io.BytesIO("email,".encode(asked)), asked).read() == "email,":
            name = codecs.lookup(asked).name
    if not name:
        raise unreadable(f"there is no encoding {asked!r}: it is such as utf-8, utf-16, windows-1252 or mac-roman")
    if name == "utf-8":  # A mark before it is none of the header's letters.
        return Encoding("utf-8-sig", "UTF-8", "surrogateescape")
    return Encoding(name, asked)


def _by_zeros(first: bytes) -> str | None:
    """An encoding of two or four bytes a letter, if the first eight are ASCII in it."""
    for width, zeros, name in _ZEROS:
        letters = first[: 8 * width]
        if len(letters) == 8 * width and all((byte == 0) == zeros[at % width] for at, byte in enumerate(letters)):
            return name
    return None


def _words_beyond_utf8(content: Content) -> frozenset[bytes] | None:
    """The words with letters beyond ASCII of a text that is not UTF-8; None if it is, but for a few cells at most."""
    letters = lost = 0
    words: set[bytes] = set()
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    tail = b""
    with content.open() as file:
        while block := file.read(_BLOCK):
            text = decoder.decode(block)
            found = 0 if text.isascii() else len(_ESCAPED.findall(text))
            if not text.isascii():
                letters += len(_BEYOND_ASCII.findall(text))
                lost += found
            if (found or not (tail + block).isascii()) and len(words) < _MAX_WORDS:
                # A word that a block breaks off goes on in the next one.
                *whole, last = _WORD.findall(tail + block) or [b""]
                goes_on = block.endswith(last) and len(last) <= _LONGEST
                words.update(word for word in (whole if goes_on else [*whole, last]) if not word.isascii())
                tail = last if goes_on else b""
            else:
                tail = b""
        lost += len(_ESCAPED.findall(decoder.decode(b"", final=True)))
    if lost <= letters:
        return None
    return frozenset(word for word in {*words, tail} if not word.isascii())
