"""Why rows are not done: grouped by state, code and the pattern of their messages, in bounded memory.

The pattern of a message is the message without what belongs to a single row: the values of the row, and whatever looks
like an address, a number, an id or a quotation. So a thousand rows, each refused with its own address, have one cause.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

import attrs

from ...codes import ConnectCode
from ..journal.base import JobRow
from ..journal.states import CANCELLED, GONE, INVALID, State

__all__ = ["Cause", "Causes", "pattern_of"]

MARK: Final = "…"
"""What a pattern has in the place of what was left out."""
CAUSES: Final = 500
"""Causes that are told apart; further ones are counted by state and code, as many again, and then by state."""
ALWAYS, KEPT, KEPT_IN_ALL = 5, 200, 2000
"""Rows of a cause that are kept by name: so many of each, up to so many while there are fewer than so many in all."""
LONGEST: Final = 1000
"""Characters of a message that its pattern is made of; a job writes 500 at most."""
HEADLINE: Final = 200
"""Characters of a pattern."""
OTHER: Final = "other reasons"
WORD: Final = 4
"""From how many characters on a value is found anywhere; a shorter one only as a word of its own."""

# Each alternative looks at a character once or twice, whatever the message is: none tries to take less than it took.
_IN_ADDRESS: Final = r"[^\s@=<>()\[\]{},;:\"“”«»`|]"
_VARIABLE: Final = re.compile(
    r"(?<!\w)'[^']*+'(?!\w)"
    r"|\"[^\"]*+\"|`[^`]*+`|“[^“”]*+”|‘[^‘’]*+’|«[^«»]*+»"
    rf"|(?<!{_IN_ADDRESS}){_IN_ADDRESS}++(?:@{_IN_ADDRESS}*+)++"
    # The status of an answer says why; it is no value of a row.
    r"|(?<=\banswered )(?P<status>[1-5]\d\d)\b"
    # An id: a word with a digit in it, or one that is longer than words are.
    r"|(?<![\w-])(?:[^\W\d]|-)*+\d[\w-]*+|(?<![\w-])[\w-]{20,}+"
)
_MARKS: Final = re.compile(rf"{MARK}(?:[\s.,:;/|+%-]*+{MARK})++")


@attrs.define
class Cause:
    """Rows that are not done for the same reason.

    Attributes:
        state, code: As in the journal.
        message: The pattern of the rows' messages: without any value of a row, which ``…`` stands for.
        count: How many rows.
        rows: The first of them: (line, user, id, message).
    """

    state: State
    code: str
    message: str
    count: int = 0
    rows: list[tuple[int, str, str | None, str]] = attrs.field(factory=list)

    @property
    def headline(self) -> str:
        """State, code and message in one line."""
        return f"{self.state.lower()}{self.code and ' '}{self.code}: {self.message or 'no reason was given'}"

    @property
    def advice(self) -> str:
        """What to do about it."""
        if self.state == "UNKNOWN":
            return (
                "Run the same command again: each of these rows is looked up, and tried again only if it is not there."
            )
        return _ADVICE.get(self.code, _ADVICE_BY_STATE.get(self.state, ""))


_ADVICE = {
    CANCELLED: "Apply the file that `provision report --rest` writes, if they shall be carried out after all.",
    INVALID: "Correct these lines in the file, or let the tenant take them; nothing was sent for them.",
    str(
        ConnectCode.DOMAIN_NOT_ALLOWED.value
    ): "The e-mail domain is not one of the company's: correct the address, or add the domain to the company.",
    str(
        ConnectCode.EMAIL_EXISTS.value
    ): "The address has an account that is not this company's. Ask Symphony, or take the row out.",
    str(ConnectCode.COMPANY_NOT_READY.value): "The company does not exist or is not complete yet.",
    "403": "The account of this job lacks an entitlement.",
    GONE: "The user was there when the plan was made. Plan again.",
}
_ADVICE_BY_STATE: dict[str, str] = {
    "CONFLICT": "Left alone, because only you can say what is meant. Resolve it there or in the file, then plan again.",
    "FAILED": "Correct the rows, and run the CSV of what is not done as a new job.",
}


class Causes:
    """Groups rows as they come; what it keeps does not grow with their number, nor with that of their messages."""

    def __init__(self) -> None:
        self._causes: dict[tuple[State, str, str], Cause] = {}
        self._others: dict[tuple[State, str], Cause] = {}
        self._kept = 0

    def add(self, row: JobRow) -> None:
        """Count a row that is not done."""
        cause = self._cause_of(row)
        cause.count += 1
        kept = len(cause.rows)
        if kept < ALWAYS or (kept < KEPT and self._kept < KEPT_IN_ALL):
            cause.rows.append((row.line, row.label, row.id, row.message[:LONGEST]))
            self._kept += 1

    def sorted(self) -> list[Cause]:
        """All causes, the most frequent first."""
        return sorted((*self._causes.values(), *self._others.values()), key=lambda cause: -cause.count)

    def _cause_of(self, row: JobRow) -> Cause:
        pattern = pattern_of(row)
        code = row.code[:LONGEST]
        key = (row.state, code, pattern)
        if key in self._causes:
            return self._causes[key]
        if len(self._causes) < CAUSES:
            return self._causes.setdefault(key, Cause(row.state, code, pattern))
        if (row.state, code) not in self._others and len(self._others) >= CAUSES:
            code = ""
        return self._others.setdefault((row.state, code), Cause(row.state, code, OTHER))


def pattern_of(row: JobRow) -> str:
    """The message of a row without what belongs to this row alone: it holds no value of the row of four characters."""
    text = row.message[:LONGEST]
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    text = text.replace("%40", "@")
    values = sorted({value for value in _values(row) if len(value) > 1}, key=len, reverse=True)
    for value in values:
        text = _without(text, value)
    text = _VARIABLE.sub(lambda match: match["status"] or MARK, text)
    text = _MARKS.sub(MARK, text).strip()
    # Cut here, and not before, so that messages are cut at the same word whatever the length of a row's values.
    text = text if len(text) < HEADLINE else text[: HEADLINE - 1] + MARK
    # What was left out may have brought the ends of a value together.
    folded = _in_one_case(text)
    return MARK if any(len(value) >= WORD and _in_one_case(value) in folded for value in values) else text


def _values(row: JobRow) -> Iterator[str]:
    """Text that belongs to a row."""
    yield row.label
    yield row.id or ""
    for value in row.values.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from value


def _without(text: str, value: str) -> str:
    """A text with a mark in the place of a value."""
    anywhere = len(value) >= WORD
    where, what = _in_one_case(text), _in_one_case(value)
    at = where.find(what)
    if at < 0:
        return text
    parts: list[str] = []
    begin = 0
    while at >= 0:
        end = at + len(what)
        if anywhere or not (where[at - 1 : at].isalnum() or where[end : end + 1].isalnum()):
            parts += (text[begin:at], MARK)
            begin = end
        at = where.find(what, end)
    return "".join((*parts, text[begin:]))


def _in_one_case(text: str) -> str:
    """A text without upper and lower case, and as long as it was."""
    folded = text.casefold()
    if len(folded) == len(text):
        return folded
    return "".join(each if len(each := one.casefold()) == 1 else one for one in text)
