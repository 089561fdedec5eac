"""The ``aiosymphony`` command. Needs the extra ``aiosymphony[cli]``; importing this module does not.

Exit codes: 0 done, 1 failed, 2 some rows failed, 3 outcome unknown (the server may have acted: look before repeating),
4 the job is still running (``provision status`` alone), 64 wrong use, 75 stopped and resumable, 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

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
        return 64
    return run(sys.argv[1:] if arguments is None else list(arguments))
