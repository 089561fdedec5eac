"""Makes clients from the options of the command line and the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..auth.secrets import keeps_arguments_secret
from ..connect.client import ConnectClient
from ..errors import ConfigError
from ..pod.client import PodClient
from ..urls import check_base_url

if TYPE_CHECKING:
    from ..connect.client import ConnectClient
    from ..pod.client import PodClient

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="A configuration file for the pod, in the layout of symphony-bdk-python's."),
]
UrlOption = Annotated[
    str | None, typer.Option("--url", help="The server, instead of SYMPHONY_POD_URL or SYMPHONY_CONNECT_URL.")
]
UsernameOption = Annotated[str | None, typer.Option("--username", help="Instead of SYMPHONY_BOT_USERNAME.")]
KeyOption = Annotated[
    Path | None, typer.Option("--private-key", help="The bot's private key file, instead of SYMPHONY_PRIVATE_KEY.")
]


@keeps_arguments_secret
def open_client(
    api: str,
    config: Path | None = None,
    url: str | None = None,
    username: str | None = None,
    private_key: Path | None = None,
) -> PodClient | ConnectClient:
    """The client for an operation of this API, from options over the environment, or from a configuration file.

    Raises:
        ConfigError: Something is missing or unusable, or options contradict each other.
    """
    if api != "connect":
        return _pod(config, url, username, private_key)
    if config is not None or username is not None or private_key is not None:
        raise ConfigError(
            "Connect takes SYMPHONY_CLIENT_ID and SYMPHONY_CLIENT_SECRET from the environment: "
            "leave out --config, --username and --private-key"
        )
    if url is not None:
        check_base_url(url, "--url")
    environment: Mapping[str, str] = os.environ
    return ConnectClient.from_env(environment if url is None else {**environment, "SYMPHONY_CONNECT_URL": url})


def _pod(config: Path | None, url: str | None, username: str | None, private_key: Path | None) -> PodClient:
    options = {"SYMPHONY_POD_URL": url, "SYMPHONY_BOT_USERNAME": username}
    if private_key is not None:
        options["SYMPHONY_PRIVATE_KEY"] = str(private_key)
    given = {name: value for name, value in options.items() if value is not None}
    if config is not None:
        if given:
            raise ConfigError("--config has the URL and the credentials: leave out --url, --username and --private-key")
        return PodClient.from_config(config)
    if url is not None:
        check_base_url(url, "--url")
    elif not os.environ.get("SYMPHONY_POD_URL") and not os.environ.get("SYMPHONY_PROFILE"):
        raise ConfigError("no pod is named: set SYMPHONY_POD_URL, or give --url, --config or --profile")
    environment = dict(os.environ)
    if "SYMPHONY_BOT_USERNAME" in given or "SYMPHONY_PRIVATE_KEY" in given:
        # An account on the command line counts, even if the environment holds another login.
        for other in ("SYMPHONY_SESSION_TOKEN", "SYMPHONY_CERTIFICATE"):
            environment.pop(other, None)
    return PodClient.from_env(environment | given)
