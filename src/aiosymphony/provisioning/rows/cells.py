"""Cells of a row: what the API's documents allow in each, and what it becomes."""

from __future__ import annotations

import re
import unicodedata

import attrs
import orjson

from ...text import stray_character

__all__ = [
    "FALSE_WORDS",
    "TRUE_WORDS",
    "OneOf",
    "read_choice",
    "read_email",
    "read_flag",
    "read_items",
    "read_name",
    "read_phone",
    "read_roles",
    "read_switches",
    "read_text",
    "read_user_name",
]

NAME_LIMIT = 64
TEXT_LIMIT = 256
EMAIL_LIMIT = 254
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_EMAIL = re.compile(r"[^@\s,;:<>()\[\]\\\"]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"\+?[\d(][\d\s()./-]*(?:\s?(?:x|ext\.?)\s?\d+)?", re.IGNORECASE)
# A spreadsheet runs a cell that starts like this as a formula, in our reports as in the file it came from.
_FORMULA = ("=", "+", "-", "@")
TRUE_WORDS = frozenset({"true", "1", "yes", "y"})
FALSE_WORDS = frozenset({"false", "0", "no", "n"})
# What programs write where there is nothing. Names such as Null and Nan are other words.
_NOTHING = frozenset(
    {"NULL", "null", "(NULL)", "(null)", "<NULL>", "<null>", "[NULL]", "[null]", "None", "nan", "NaN", "NaT", "<NA>",
     "undefined", "\\N"}
)  # fmt: skip
# The errors of spreadsheets, in whatever language: #NAME?, #BEZUG!, #¡DIV/0!, Err:502; and those without a mark.
_ERROR = re.compile(r"#[¡¿]?[^\W\d_][\w/]*[!?]|#{3,}|Err:5\d\d")
_ERRORS = frozenset(
    {"#N/A", "#NV", "#N/D", "#N/B", "#I/T", "#Н/Д", "#YOK", "#SAKNAS", "#NENÍ_K_DISPOZICI", "#HIÁNYZIK",
     "#GETTING_DATA", "#FMT"}
)  # fmt: skip
# What is no letter of windows-1252, and is left as it was by programs that read text as that or as Latin-1.
_C1 = frozenset(map(chr, range(0x80, 0xA0)))
# A long number as a spreadsheet shows it.
_SCIENTIFIC = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE][+-]\d{1,3}")


def _spoilt(text: str) -> str:
    """Why a text is not what stood there once; empty if nothing shows."""
    if text in _NOTHING:
        return "is what a program writes for nothing: leave the cell empty"
    if text[0] in "#E" and (text in _ERRORS or _ERROR.fullmatch(text)) and text == text.upper().replace("ERR", "Err"):
        return "is an error of the spreadsheet: correct the cell there"
    if (text[0].isdigit() or text[0] in "+-") and _SCIENTIFIC.fullmatch(text):
        return "is a number without its last digits: format the column as text, and enter it again"
    return ""


def _before_misreading(text: str) -> str | None:
    """What a text was, if it is UTF-8 that was read as windows-1252: ``ZoÃ«`` was ``Zoë``; None if it is not."""
    try:
        content = text.encode("cp1252") if _C1.isdisjoint(text) else b"".join(map(_byte, text))
        return content.decode()
    except UnicodeError:
        return None


def _byte(letter: str) -> bytes:
    return letter.encode("latin-1" if letter in _C1 else "cp1252")


def read_text(value: object, limit: int = TEXT_LIMIT) -> str:
    """Text, in NFC and without surrounding blanks."""
    if not isinstance(value, str):
        msg = f"must be text, not {_json_type(value)}"
        raise ValueError(msg)  # noqa: TRY004 - a wrong cell is one kind of error, whatever is wrong with it
    text = value.strip()
    first = text[:1]
    plain = first.isalpha() and first != "E" and text.isascii() and text.isprintable() and len(text) <= limit
    if plain and text not in _NOTHING:  # as most cells are: nothing of what is looked for below is in them
        return text
    if len(text) > limit:
        msg = f"has {len(text)} characters, at most {limit} are allowed"
        raise ValueError(msg)
    if not text.isascii():
        if _SURROGATE.search(text):
            msg = "is not UTF-8"
            raise ValueError(msg)
        if "\ufffd" in text:
            msg = "holds U+FFFD, which stands for a letter that was lost: save the file again, as UTF-8"
            raise ValueError(msg)
        if (meant := _before_misreading(text)) is not None:
            msg = f"{_shown(text)} is {_shown(meant)}, which some program took for windows-1252: save it again as UTF-8"
            raise ValueError(msg)
        text = unicodedata.normalize("NFC", text)
    if text and (why := _spoilt(text)):
        msg = f"{_shown(text)} {why}"
        raise ValueError(msg)
    if not text.isprintable() and (found := _CONTROL.search(text)):
        msg = f"holds the control character U+{ord(found.group()):04X}"
        raise ValueError(msg)
    if text.startswith(_FORMULA):
        msg = f"starts with {text[0]!r}, which a spreadsheet would run as a formula"
        raise ValueError(msg)
    return text


def read_name(value: object) -> str:
    """A short text."""
    return read_text(value, NAME_LIMIT)


def read_email(value: object) -> str:
    """An e-mail address."""
    text = _read_key(value, EMAIL_LIMIT)
    if not _EMAIL.fullmatch(text):
        msg = f"{_shown(text)} is not an e-mail address"
        raise ValueError(msg)
    return text


def read_user_name(value: object) -> str:
    """A login name."""
    text = _read_key(value, TEXT_LIMIT)
    if "," in text:
        msg = f"{_shown(text)} has a comma in it, which no look-up by name allows"
        raise ValueError(msg)
    return text


def _read_key(value: object, limit: int) -> str:
    """Text that tells one user from another, so nothing may be in it that nobody sees."""
    if isinstance(value, str):
        if stray := stray_character(value.strip()):
            msg = f"holds {stray}, which no key may: type it again"
            raise ValueError(msg)
        if value.lstrip().startswith(("'", "\u2018", "\u2019")):
            msg = "starts with an apostrophe, as spreadsheets put it before text: take it off"
            raise ValueError(msg)
    return read_text(value, limit)


def read_phone(value: object) -> str:
    """A telephone number, or any other text that is no formula."""
    # The one place where a leading plus is no formula.
    text = value.strip() if isinstance(value, str) else ""
    if text.startswith("+") and not _SCIENTIFIC.fullmatch(text):
        if len(text) <= TEXT_LIMIT and _PHONE.fullmatch(text):
            return text
        msg = f"{_shown(text)} is not a telephone number"
        raise ValueError(msg)
    return read_text(value)


def read_flag(value: object) -> bool:
    """True or false."""
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else None
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    msg = f"{_shown(value)} is neither true nor false"
    raise ValueError(msg)


@attrs.frozen
class OneOf:
    """A reader of one of these words, in any case."""

    choices: tuple[str, ...]

    def __call__(self, value: object) -> str:
        word = value.strip().upper() if isinstance(value, str) else None
        if word in self.choices:
            return word
        msg = f"{_shown(value)} is none of {', '.join(self.choices)}"
        raise ValueError(msg)


def read_choice(*choices: str) -> OneOf:
    """A reader of one of these words, in any case."""
    return OneOf(choices)


def read_items(value: object) -> list[str]:
    """``a|b`` in a cell, or a JSON list of text, also as the text of a cell."""
    value = _parsed(value, "[]")
    parts = value.split("|") if isinstance(value, str) else value
    if not isinstance(parts, list):
        msg = f"must be a list of text, not {_json_type(value)}"
        raise ValueError(msg)  # noqa: TRY004
    return list(dict.fromkeys(text for part in parts if (text := read_text(part))))


def read_roles(value: object) -> list[str]:
    """``a|-b`` in a cell, or a JSON list of text: the roles to give, and behind a minus those to take away."""
    parts = value.split("|") if isinstance(value, str) else value
    if not isinstance(parts, list):
        return read_items(value)  # which says so
    roles = []
    for part in parts:
        name = part.strip() if isinstance(part, str) else part
        minus = "-" if isinstance(name, str) and name.startswith("-") else ""
        (role,) = read_items([name[1:] if minus else name]) or ("",)
        if role:
            roles.append(minus + role)
    if both := sorted({role[1:] for role in roles if role[0] == "-"} & {*roles}):
        msg = f"both gives and takes away {', '.join(both)}"
        raise ValueError(msg)
    return list(dict.fromkeys(roles))


def read_switches(value: object) -> dict[str, bool]:
    """``a|b=false`` in a cell, or a JSON list of names, or a JSON object of name to true or false, also as text."""
    value = _parsed(value, "{}")
    if isinstance(value, dict):
        return {read_text(name): read_flag(on) for name, on in value.items()}
    switches = {}
    for item in read_items(value):
        name, equals, on = item.partition("=")
        switches[name.strip()] = read_flag(on) if equals else True
    return switches


def _parsed(value: object, ends: str) -> object:
    """The JSON in a cell that begins and ends as JSON does; any other as it is."""
    text = value.strip() if isinstance(value, str) else ""
    if text[:1] + text[-1:] != ends:
        return value
    try:
        return orjson.loads(text)
    except ValueError:
        return value


def _shown(value: object) -> str:
    if isinstance(value, list | dict):
        return _json_type(value)  # as deep as it likes
    text = value if isinstance(value, str) else str(value)
    text = _SURROGATE.sub("�", text)
    return repr(text if len(text) <= 60 else text[:59] + "…")


def _json_type(value: object) -> str:
    names = {type(None): "null", bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "an object" if isinstance(value, dict) else "text")
