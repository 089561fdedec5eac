"""An empty file of people, with every column explained."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Final

from ..errors import ConfigError
from .rows.base import Column, Kind
from .rows.registry import user_class

__all__ = ["FORMATS", "needed", "template"]


def needed(kind: Kind) -> frozenset[str]:
    """The columns that a row of a person must have."""
    return frozenset(user_class(kind).missing({}))


def template(kind: Kind, suffix: str) -> bytes:
    """An empty file with all columns.

    Args:
        kind: The kind of users.
        suffix: ``.csv`` or ``.xlsx``. A CSV has nothing but the header; a workbook explains each column in a note.

    Raises:
        ConfigError: It is another suffix, or what writes workbooks is not installed.
    """
    write = _WRITERS.get(suffix.lower())
    if write is None:
        raise ConfigError(f"a template is a file {' or '.join(FORMATS)}, not {suffix or 'one without a suffix'}")
    return write(kind)


def _csv(kind: Kind) -> bytes:
    # The byte order mark tells a spreadsheet that it is UTF-8.
    return b"\xef\xbb\xbf" + ",".join(user_class(kind).columns()).encode() + b"\r\n"


def _xlsx(kind: Kind) -> bytes:
    try:
        import xlsxwriter  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigError(
            "workbooks are written by XlsxWriter: pip install 'aiosymphony[xlsx]', or write a .csv"
        ) from None
    content = io.BytesIO()
    must = needed(kind)
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        # One sheet alone, so that nobody has to say which is meant.
        sheet = book.add_worksheet("Users")
        # As text, a telephone number keeps its plus and its leading zero.
        text = book.add_format({"num_format": "@"})
        head = {True: book.add_format({"bold": True, "bg_color": "#FFE699"}), False: book.add_format({"bold": True})}
        for number, (name, known) in enumerate(user_class(kind).columns().items()):
            sheet.set_column(number, number, max(14, len(name) + 2), text)
            sheet.write_string(0, number, name, head[name in must])
            sheet.write_comment(0, number, _note(known, needed=name in must), {"x_scale": 2})
            if choices := known.choices or (("true", "false") if known.type is bool else ()):
                sheet.data_validation(1, number, 1_048_575, number, {"validate": "list", "source": [*choices]})
        sheet.freeze_panes(1, 0)
    return content.getvalue()


def _note(known: Column, *, needed: bool) -> str:
    return f"{known.about}.{' Needed.' if needed else ''}"


_WRITERS: Final[Mapping[str, Callable[[Kind], bytes]]] = {".csv": _csv, ".xlsx": _xlsx}
FORMATS: Final = (*_WRITERS,)
