"""Log lines on standard error, for whoever looks into a program without setting logging up.

``AIOSYMPHONY_LOG=debug`` in the environment, or ``-v`` on the command line, shows what the library does. At the level
``debug`` there is a line for each attempt. Every such record has ``operation``, ``status``, ``duration`` (seconds),
``trace_id`` and ``attempt`` as fields, for programs that format logs by themselves.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

__all__ = ["log", "show_logs"]

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def log(logger: logging.Logger, level: int, message: str, *arguments: object, **fields: object) -> None:
    """Log a message with fields of its record.

    Not by ``extra``: that raises if a program's factory of records, such as that of symphony-bdk-python, has set a
    field of the same name, and no call may fail for its log.
    """
    if logger.isEnabledFor(level):
        record = logger.makeRecord(logger.name, level, __file__, 0, message, arguments, None)
        record.__dict__.update(fields)
        logger.handle(record)


class _Shown(logging.StreamHandler[TextIO]):
    """The handler that is added, once."""


def show_logs(level: str) -> None:
    """Show the library's log on standard error, from this level on: ``debug``, ``info``, ``warning`` or ``error``.

    Another word is taken for ``info``: an environment must not keep a program from starting.
    """
    logger = logging.getLogger("aiosymphony")
    logger.setLevel(_LEVELS.get(level.lower(), logging.INFO))
    if not any(isinstance(handler, _Shown) for handler in logger.handlers):
        handler = _Shown(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
