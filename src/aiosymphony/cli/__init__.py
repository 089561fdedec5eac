"""The ``aiosymphony`` command. Needs the extra ``aiosymphony[cli]``; importing this module does not.

``exit_codes`` has the table of exit codes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .exit_codes import USAGE

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Each error is one sentence on standard error.

    Args:
        arguments: The arguments of the command; those of this process if None.

    Returns:
        The exit code.
    """
    try:
        from .app import run  # typer and rich are an extra
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in ("typer", "rich"):
            raise
        print(f"aiosymphony: the command line needs {missing}: pip install 'aiosymphony[cli]'", file=sys.stderr)
        return USAGE
    return run(sys.argv[1:] if arguments is None else list(arguments))
