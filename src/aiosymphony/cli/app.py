"""The commands of ``aiosymphony``, put together."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Annotated

import typer

from .._version import __version__
from ..errors import SymphonyError
from ..logs import show_logs
from . import api, auth, call, dashboard, demo, provision, sandbox, store, worker
from .output import FAILED, INTERRUPTED, USAGE, exit_code_of, make_printable, print_error, say

__all__ = ["app", "run"]

app = typer.Typer(
    name="aiosymphony",
    help="Symphony's Pod and Connect APIs from the command line.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
    profile: Annotated[
        str | None,
        typer.Option("--profile", metavar="NAME", help="Login and server from ~/.symphony/NAME.yaml or .json."),
    ] = None,
    proxy: Annotated[
        str | None, typer.Option("--proxy", metavar="URL", help="Reach every server by this proxy.")
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option("--ca-file", help="Certificate authorities to trust besides the system's.")
    ] = None,
    verbose: Annotated[
        int, typer.Option("-v", "--verbose", count=True, help="Log what is done, on standard error; -vv each request.")
    ] = 0,
) -> None:
    del version  # its callback has done it
    if verbose:
        show_logs("info" if verbose == 1 else "debug")
    given = {"SYMPHONY_PROFILE": profile, "SYMPHONY_PROXY": proxy, "SYMPHONY_CA_FILE": ca_file}
    os.environ.update({name: str(value) for name, value in given.items() if value is not None})


app.command("call")(call.call)
app.command("dashboard")(dashboard.dashboard)
app.command("demo")(demo.demo)
app.command("worker")(worker.worker)
app.command(
    "sandbox",
    # The sandbox reads its own options, and knows what they are: they are handed on as they come.
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)(sandbox.sandbox)
app.add_typer(auth.app)
app.add_typer(provision.app)
app.add_typer(store.app)
app.add_typer(api.app)


def _say_warning(message: Warning | str, *_where: object, **_more: object) -> None:
    say(f"aiosymphony: {message}", stderr=True)


def run(arguments: list[str]) -> int:
    """Run a command line; returns the exit code."""
    as_json = "--json" in arguments
    make_printable()
    warnings.showwarning = _say_warning
    try:
        code = typer.main.get_command(app).main(arguments, prog_name="aiosymphony", standalone_mode=False)
    except SymphonyError as error:
        code = exit_code_of(error)
        print_error(error, code, as_json=as_json)
    except OSError as error:  # the library's are SymphonyErrors: what is left is output that cannot be written
        code = FAILED
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        print_error(f"the output cannot be written: {error.strerror}", code, as_json=False)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        # Wrong use is the one kind of exception of typer's that is left. Its class has moved between releases.
        describe = getattr(error, "format_message", None)
        if describe is None:
            raise
        code = USAGE
        if told := " ".join(describe().split()):  # empty where the help was printed instead
            print_error(told, code, as_json=as_json)
    if code == INTERRUPTED:  # typer makes either of Ctrl-C, the exception or the code
        print_error("interrupted", code, as_json=as_json)
    return code if isinstance(code, int) else 0
