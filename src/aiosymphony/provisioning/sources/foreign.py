"""Files that people hand in by mistake, and what to say of each."""

from __future__ import annotations

from typing import Final

from .base import unreadable
from .content import Content

__all__ = ["refuse_foreign"]

_FIRST_BYTES: Final = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old workbook, or has a password: save it as XLSX, and without one"),
    (b"%PDF", "is a PDF: export the table as XLSX or CSV"),
    (b"\x1f\x8b", "is packed twice: unpack it once"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive: unpack it"),
    (b"Rar!", "is a RAR archive: unpack it"),
    (b"BZh", "is packed by bzip2: unpack it, or pack it by gzip"),
    (b"\xfd7zXZ\0", "is packed by xz: unpack it, or pack it by gzip"),
    (b"\x28\xb5\x2f\xfd", "is packed by zstd: unpack it, or pack it by gzip"),
    (b"SQLite format 3\0", "is a database: export the table as CSV"),
    (b"\x89PNG", "is a picture"),
    (b"\xff\xd8\xff", "is a picture"),
    (b"GIF8", "is a picture"),
    (b"\x7fELF", "is a program"),
    (b"{\\rtf", "is a text document: save the table as XLSX or CSV"),
)  # fmt: skip


def refuse_foreign(content: Content) -> None:
    """Refuse a file that is known to have none of the formats.

    Raises:
        JobRefused: It is such a file.
    """
    for mark, told in _FIRST_BYTES:
        if content.first.startswith(mark):
            raise unreadable(f"{content.where} {told}")
    text = content.first.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<"):
        raise unreadable(f"{content.where} is HTML or XML, whatever its name says: save it as XLSX or CSV")
