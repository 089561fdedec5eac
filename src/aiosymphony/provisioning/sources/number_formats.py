"""What a number in a cell of XLSX means by its format: a date, a number with leading zeros, or just a number."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from .workbook import number_text

__all__ = ["NumberFormat"]

# The formats that have a number and no code: those of dates and times, in all languages.
_DATES: Final = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_NO_CODE: Final = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]', re.IGNORECASE | re.DOTALL)
_DATE_LETTER: Final = re.compile(r"[dmyhs]", re.IGNORECASE)
_DIGITS: Final = re.compile(r'(?:"(\+?)"|\\?(\+))?(0+|#|General)', re.IGNORECASE)


class NumberFormat:
    """Makes text of the numbers that have one format."""

    def __init__(self, number: int, code: str, since_1904: bool) -> None:
        section = code.split(";", maxsplit=1)[0]
        bare = _NO_CODE.sub("", section)
        self._date = number in _DATES if not code else "general" not in bare.lower() and bool(_DATE_LETTER.search(bare))
        digits = _DIGITS.fullmatch(section)
        self._sign = (digits[1] or digits[2] or "") if digits else ""
        self._width = len(digits[3]) if digits and digits[3].startswith("0") else 0
        self._epoch = datetime(1904, 1, 1) if since_1904 else datetime(1899, 12, 30)  # noqa: DTZ001 - sheets know no zones
        self._since_1904 = since_1904

    def text(self, value: str) -> str:
        """What the cell says.

        Raises:
            ValueError: The value is no number.
        """
        number = float(value)
        if self._date and (moment := self._moment(number)):
            return moment
        if self._width > 1 and number.is_integer() and 0 <= number < 1e15:
            return self._sign + str(int(number)).zfill(self._width)
        return self._sign * (number >= 0) + number_text(number)

    def _moment(self, number: float) -> str:
        """The date, the time or both; nothing if there is no such date."""
        if not 0 <= number < 2_958_466:  # the year 10000
            return ""
        if not self._since_1904 and number < 60:  # Its 1900 is a leap year.
            number += number >= 1
        moment = self._epoch + timedelta(seconds=round(number * 86_400))
        if number < 1:
            return moment.time().isoformat()
        return moment.date().isoformat() if moment.time() == moment.min.time() else moment.isoformat()
