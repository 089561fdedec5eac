"""The command that was given, as arguments that can be given again, from whatever folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import typer

from ..errors import ConfigError
from ..provisioning.journal.registry import is_address, without_password

__all__ = ["arguments_of", "host_and_port", "profile_of", "remember_profile"]

_LAST_PORT: Final = 65535
_LEFT_OUT: Final = frozenset({"as_json", "details", "force", "new"})
"""Options that say how to print, or that are decided on each time."""


_PROFILE: Final = "aiosymphony.profile"


def remember_profile(context: typer.Context, name: str) -> None:
    """Note the profile that ``--profile`` named, before the name of the command or after it."""
    context.meta[_PROFILE] = name


def profile_of(context: typer.Context) -> list[str]:
    """``--profile`` as it was given, for a command that follows this one; empty if it was not."""
    return ["--profile", context.meta[_PROFILE]] if _PROFILE in context.meta else []


def arguments_of(context: typer.Context) -> list[str]:
    """The command's name and what was given to it. Paths are whole, and no password is in it."""
    arguments = [str(context.info_name)]
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        if name in _LEFT_OUT or name not in context.params or source is None or source.name != "COMMANDLINE":
            continue
        value: Any = context.params[name]
        option = "" if parameter.param_type_name == "argument" else parameter.opts[0]
        if isinstance(value, bool):
            arguments.append(option if value else parameter.secondary_opts[0])
            continue
        text = without_password(str(value))
        # Until Typer 0.28 the value is text, and click's type says what it is; from then on it is a path itself.
        kind = getattr(getattr(parameter, "type", None), "name", "")
        is_path = isinstance(value, Path) or kind in ("path", "file") or (name == "journal" and not is_address(text))
        if is_path and text != "-":
            text = os.path.abspath(text)  # noqa: PTH100 - links are not to be followed
        if option and text.startswith("-"):
            arguments.append(f"{option}={text}")
        else:
            arguments += [option, text] if option else [text]
    return arguments + profile_of(context)


def host_and_port(text: str, option: str) -> tuple[str, int]:
    """Where to listen.

    Raises:
        ConfigError: It is no HOST:PORT.
    """
    host, found, port = text.rpartition(":")
    if not found or not port.isdecimal() or int(port) > _LAST_PORT:
        raise ConfigError(f"{option} takes HOST:PORT, such as 127.0.0.1:8765, and not {text}")
    return host.strip("[]"), int(port)
