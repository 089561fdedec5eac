"""``aiosymphony sandbox``: a fake Pod, Connect and OAuth server on loopback."""

from __future__ import annotations

import typer

from ..errors import ConfigError
from .exit_codes import USAGE


def sandbox(context: typer.Context) -> None:
    """Run a fake Pod, Connect and OAuth server on loopback until Ctrl-C; see `aiosymphony sandbox --help`."""
    try:
        from ..sandbox.serve import main  # needs an extra
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("aiosymphony"):
            raise
        raise ConfigError(f"the sandbox needs {error.name}: pip install 'aiosymphony[sandbox]'") from None
    try:
        code = main(context.args, prog="aiosymphony sandbox")
    except SystemExit as end:  # it has printed help, or what is wrong
        code = USAGE if end.code else 0
    raise typer.Exit(code)
