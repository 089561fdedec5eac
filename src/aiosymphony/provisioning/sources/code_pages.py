"""Which code page a text of one byte a letter is in: only where all its words leave a single answer.

A code page reads any bytes, and mostly as wrong names that look right: byte E8 is the "è" of Lefèvre and the "č" of
Novák's neighbour Čech. So a page is out as soon as a word is none in it: letters of two scripts, capitals in the
middle, marks within letters, or letters of no language of the page. If the pages that are left read all words alike,
that is the text. If they do not, nobody can know, and the user is asked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

import attrs

__all__ = ["Guess", "guess_code_page"]

_WESTERN: Final = (
    "äöüßé",  # German
    "àâæçéèêëîïôœùûüÿ",  # French
    "áéíñóúüçàèòï",  # Spanish and Catalan
    "áàâãçéêíóôõúü",  # Portuguese
    "àèéìíòóùú",  # Italian
    "åäöæøé",  # Danish, Norwegian, Swedish, Finnish
    "áðéíóúýþæö",  # Icelandic
    "éèëïöüáóíú",  # Dutch
)
_CENTRAL: Final = (
    "áčďéěíňóřšťúůýž",  # Czech
    "áäčďéíĺľňóôŕšťúýž",  # Slovak
    "ąćęłńóśźż",  # Polish
    "áéíóöőúüű",  # Hungarian
    "čćđšž",  # Croatian, Slovene, Bosnian
    "ăâîşţ",  # Romanian
    "äöüßé",  # German
)
_TURKISH: Final = ("çğıöşüâîû",)
_BALTIC: Final = ("ąčęėįšųūž", "āčēģīķļņšūž", "äöõüšž", "äöüßé")
_CYRILLIC: Final = (
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
    "абвгдеёжзійклмнопрстуўфхцчшыьэюя",
    "абвгдђежзијклљмнњопрстћуфхцчџш",
)
_GREEK: Final = ("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",)
# What spreadsheets write today: one of these is the answer, or there is none.
_PAGES: Final = {
    "windows-1252": _WESTERN,
    "windows-1250": _CENTRAL,
    "windows-1251": _CYRILLIC,
    "windows-1253": _GREEK,
    "windows-1254": _TURKISH,
    "windows-1257": _BALTIC,
}
# What older and other systems write: a text that may be one of these is not guessed.
_OTHERS: Final = {
    "mac-roman": _WESTERN,
    "cp850": _WESTERN,
    "cp437": _WESTERN,
    "iso-8859-15": _WESTERN,
    "cp852": _CENTRAL,
    "iso-8859-2": _CENTRAL,
    "cp866": _CYRILLIC,
    "koi8-r": _CYRILLIC,
    "mac-cyrillic": _CYRILLIC,
    "iso-8859-5": _CYRILLIC,
    "mac-greek": _GREEK,
    "iso-8859-7": _GREEK,
    "mac-turkish": _TURKISH,
}
_MARKS: Final = frozenset("‘’“”„‚–—…«»·€£§©®°´ªº\u00a0¿¡")
# Of these, the ones that may touch a letter.
_TOUCHING: Final = frozenset("‘’“”„‚…«»´ªº\u00a0¿¡–—")
# Within a word, only what stands for an apostrophe or a hyphen does.
_WITHIN: Final = frozenset("'’")
_VOWELS: Final = frozenset("aeiouyаеёиоуыэюяіїєαεηιουω")


@attrs.frozen
class Guess:
    """A code page, and an example; or none, and why not."""

    name: str | None
    told: str


def guess_code_page(words: Iterable[bytes]) -> Guess:
    """The code page in which all of these words are words, if no other page makes other words of them."""
    words = sorted(words, key=lambda word: (-len(word), word))
    readings: dict[tuple[str, ...], str] = {}
    for name, languages in (_PAGES | _OTHERS).items():
        read = _read(words, name)
        if read is not None and _is_text(read) and _letters(read).issubset("".join(languages)):
            readings.setdefault(read, name)
    if not readings:
        return Guess(None, "no code page makes words of it")
    first, name = next(iter(readings.items()))
    if len(readings) == 1 and name in _PAGES and all(_is_of_a_language(word, _PAGES[name]) for word in first):
        return Guess(name, f" (it reads {_example(first)!r})")
    told = " or ".join(f"{_example(read, readings)!r} ({name})" for read, name in readings.items())
    return Guess(None, f"it may read {told}")


def _read(words: list[bytes], name: str) -> tuple[str, ...] | None:
    try:
        return tuple(word.decode(name) for word in words)
    except UnicodeDecodeError:
        return None


def _example(read: tuple[str, ...], readings: Iterable[tuple[str, ...]] = ()) -> str:
    """A word to show, and if pages differ, one that they read differently."""
    for at, word in enumerate(read):
        if len(word) <= 40 and len({other[at] for other in readings}) != 1:
            return word
    return read[0][:40]


def _is_text(read: tuple[str, ...]) -> bool:
    """Whether words are words and marks are where marks are, and a word that begins with a capital is among them."""
    shown = False
    for text in read:
        for word in _parts(text):
            if word.isascii():
                continue
            if not _is_word(word):
                return False
            # A word of another script has no ASCII letters, and may be anything as long as it has no capital.
            shown = shown or (len(word) > 2 and (word.istitle() or any(map(str.isascii, word))))
        if any(not letter.isascii() and not letter.isalpha() and letter not in _MARKS for letter in text):
            return False
        if _marks_are_wrong(text):
            return False
    return shown


def _letters(read: Iterable[str]) -> set[str]:
    """The letters beyond ASCII, as small ones."""
    return {letter.lower()[0] for text in read for letter in text if letter.isalpha() and not letter.isascii()} - {"i"}


def _is_of_a_language(word: str, languages: tuple[str, ...]) -> bool:
    return any(_letters([word]).issubset(language) for language in languages)


def _parts(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text)


def _marks_are_wrong(text: str) -> bool:
    """Whether a mark touches a letter, or stands between two, where none does."""
    around = f" {text} "
    for before, mark, after in zip(around, around[1:], around[2:], strict=False):
        if mark.isascii() or mark.isalpha():
            continue
        if before.isalpha() and after.isalpha():
            if mark not in _WITHIN:
                return True
        elif (before.isalpha() or after.isalpha()) and mark not in _TOUCHING:
            return True
    return False


def _is_word(word: str) -> bool:
    """Whether letters are of one script, capitals where they belong, and a vowel among them."""
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in word}
    if len(scripts) > 1:
        return False
    if not (word.islower() or word.isupper() or word.istitle() or _is_double(word)):
        return False
    if scripts == {"LATIN"} and len(word) > 2 and not any(map(str.isascii, word)):
        return False  # No language has so many marks.
    plain = unicodedata.normalize("NFD", word).casefold()
    if len(word) > 2 and not any(letter in _VOWELS or letter in "æœøı" for letter in plain):
        return False
    return scripts != {"GREEK"} or _is_greek(word)


def _is_double(word: str) -> bool:
    """``McMüller``, ``LeBœuf``: two names in one, the border between ASCII letters."""
    parts = re.fullmatch(r"([A-Z][a-z]{1,3})([A-Z]\w+)", word)
    return parts is not None and parts[2].istitle()


def _is_greek(word: str) -> bool:
    """Whether it has the accent that each Greek word of two syllables has, and the final sigma at its end."""
    if word.isupper():
        return True
    if "ς" in word[:-1] or word.endswith("σ"):
        return False
    accents = sum("\u0301" in unicodedata.normalize("NFD", letter) for letter in word)
    vowels = len(re.findall("[αεηιουω]", unicodedata.normalize("NFD", word).casefold()))
    return accents == 1 or (accents == 0 and vowels < 3)
