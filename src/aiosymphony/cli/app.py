"""The commands of ``aiosymphony``, put together."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from .._version import __version__
from ..config_file import profiles
from ..errors import SymphonyError
from ..logs import show_logs
from . import api, auth, call, dashboard, demo, provision, sandbox, store, worker
from .examples import EXAMPLES
from .exit_codes import EXIT_CODES, FAILED, INTERRUPTED, USAGE
from .help_layout import flowing, lay_out_help
from .invocation import remember_profile
from .output import be_quiet, exit_code_of, interruption, make_printable, print_error, say, when_interrupted

__all__ = ["app", "command_tree", "leaves", "run"]

_HELP: Final = frozenset({"-h", "--help"})

app = typer.Typer(
    name="aiosymphony",
    help="Symphony's Pod and Connect APIs from the command line.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": sorted(_HELP)},
    epilog=f"Exit codes: {'; '.join(f'{code} {meaning}' for code, meaning in EXIT_CODES.items())}.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(__version__)
        raise typer.Exit


def _complete_profile(incomplete: str) -> list[str]:
    return [name for name in profiles() if name.startswith(incomplete)]


GLOBAL: Final = "Global options"
"""The panel of the options that every command takes, before its name and after it."""


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="Login and server from ~/.symphony/NAME.yaml or .json.",
            autocompletion=_complete_profile,
            rich_help_panel=GLOBAL,
        ),
    ] = None,
    proxy: Annotated[
        str | None,
        typer.Option("--proxy", metavar="URL", help="Reach every server by this proxy.", rich_help_panel=GLOBAL),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option(
            "--ca-file", help="Certificate authorities to trust besides the system's.", rich_help_panel=GLOBAL
        ),
    ] = None,
    transport: Annotated[
        str | None,
        typer.Option(
            "--transport",
            metavar="KIND",
            help="aiohttp, the default, or fast, which needs its extra.",
            rich_help_panel=GLOBAL,
        ),
    ] = None,
    verbose: Annotated[
        int,
        typer.Option(
            "-v",
            "--verbose",
            count=True,
            show_default=False,
            help="Log what is done, on standard error; -vv each request.",
            rich_help_panel=GLOBAL,
        ),
    ] = 0,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Print no progress and no notes.", rich_help_panel=GLOBAL)
    ] = False,
) -> None:
    del version  # its callback has done it
    given = {"profile": profile, "proxy": proxy, "ca_file": ca_file, "transport": transport}
    _apply(context, {**given, "verbose": verbose, "quiet": quiet})


_VARIABLES = {
    "profile": "SYMPHONY_PROFILE",
    "proxy": "SYMPHONY_PROXY",
    "ca_file": "SYMPHONY_CA_FILE",
    "transport": "AIOSYMPHONY_TRANSPORT",
}
"""The environment variable of each global option that clients read."""


def _apply(context: typer.Context, given: Mapping[str, Any]) -> None:
    """Take the global options into account that were given."""
    if verbose := given.get("verbose"):
        show_logs("info" if verbose == 1 else "debug")
    if given.get("quiet"):
        be_quiet(True)
    for name, variable in _VARIABLES.items():
        if (value := given.get(name)) is not None:
            os.environ[variable] = str(value)
            if name == "profile":
                remember_profile(context, str(value))


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


def command_tree() -> Any:
    """The commands, each with the global options and its examples."""
    root = typer.main.get_command(app)
    shared = [each for each in root.params if getattr(each, "rich_help_panel", None) == GLOBAL]
    for path, command in leaves(root):
        command.help = flowing(command.help or "")
        command.epilog = "\n\n".join(["Examples:", *EXAMPLES[path]])
        if path != "sandbox":  # it reads its own options
            command.params += [_after_the_name(option) for option in shared]
    return root


def leaves(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The commands below a group that do something, by their names, such as "provision plan"."""
    for name, each in getattr(command, "commands", {}).items():
        below = f"{path} {name}".strip()
        if hasattr(each, "commands"):
            yield from leaves(each, below)
        else:
            yield below, each


def _after_the_name(option: Any) -> Any:
    """A global option for a command: it acts at once, and the command's function does not see it."""
    twin = copy.copy(option)
    twin.expose_value = False

    def take(context: Any, parameter: Any, value: Any) -> None:
        _apply(context, {parameter.name: value})

    twin.callback = take
    return twin


def _say_warning(message: Warning | str, *_where: object, **_more: object) -> None:
    say(f"aiosymphony: {message}", stderr=True)


def run(arguments: list[str]) -> int:
    """Run a command line; returns the exit code."""
    as_json = "--json" in arguments
    make_printable()
    be_quiet(False)
    when_interrupted("")
    warnings.showwarning = _say_warning
    if len(arguments) < 2 or not _HELP.isdisjoint(arguments):  # a group without arguments prints its help
        lay_out_help()
    try:
        code = command_tree().main(arguments, prog_name="aiosymphony", standalone_mode=False)
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
            if (where := getattr(error, "ctx", None)) is not None:
                listed = "commands" if hasattr(where.command, "commands") else "arguments and options"
                end = " " if told.endswith("?") else "; "
                told = f"{told.removesuffix('.')}{end}{where.command_path} --help lists the {listed}"
            print_error(told, code, as_json=as_json)
    if code == INTERRUPTED:  # typer makes either of Ctrl-C, the exception or the code
        print_error(interruption(), code, as_json=as_json)
    return code if isinstance(code, int) else 0
