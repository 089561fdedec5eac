"""The sandbox as a process: a command starts it, one line of output describes it, a signal stops it."""

from __future__ import annotations

import argparse
import asyncio
import gc
import math
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, NoReturn

import attrs
import orjson

from .faults import Faults, did_you_mean
from .server import Sandbox

__all__ = ["main", "serve"]


def serve(
    sandbox: Sandbox,
    *,
    directory: Path | None = None,
    as_json: bool = False,
    as_env: bool = False,
    output: IO[str] | None = None,
) -> None:
    """Run a sandbox until SIGINT or SIGTERM.

    Once it listens, it writes to `output` (standard output if None) how to reach it; with `as_json`, in one line with
    the keys `url`, `username`, `private_key_file`, `app_id`, `client_id`, `client_secret`, `token_url` and `pid`.

    Args:
        sandbox: Not started yet.
        directory: Where the bot's private key is written, with mode 0600; a new temporary folder if None. The key
            file is removed at the end.
        as_json: One line of JSON instead of lines for people.
        as_env: Lines for a shell to evaluate, with the variables that clients and the command line read.
        output: Where to describe it.

    Raises:
        OSError: The port is taken, or the key file cannot be written or is there already.

    """
    # The state is large, long-lived and free of cycles. With the default thresholds, listing 100,000 users spent most
    # of its time in the garbage collector.
    gc.set_threshold(200_000, 20, 100)
    asyncio.run(_serve(sandbox, directory, as_json=as_json, as_env=as_env, output=output or sys.stdout))


async def _serve(sandbox: Sandbox, directory: Path | None, *, as_json: bool, as_env: bool, output: IO[str]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # as on Windows: the process's handler wakes the loop
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    temporary = None
    if directory is None:
        temporary = tempfile.TemporaryDirectory(prefix="aiosymphony-sandbox-")
        directory = Path(temporary.name)
    key_file = directory / "bot.pem"
    _write_private(key_file, sandbox.bot.private_key)
    try:
        async with sandbox:
            facts = {
                "url": sandbox.url,
                "username": sandbox.bot.username,
                "private_key_file": str(key_file),
                "app_id": sandbox.app.username,
                "client_id": sandbox.client_credentials.client_id,
                "client_secret": sandbox.client_credentials.client_secret,
                "token_url": f"{sandbox.url}/oauth/token",
                "pid": os.getpid(),
            }
            if as_env:
                text = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in _variables(sandbox, key_file))
            elif as_json:
                text = orjson.dumps(facts).decode()
            else:
                width = max(map(len, facts))
                text = "\n".join(f"{name:<{width}}  {value}" for name, value in facts.items())
            output.write(text + "\n")
            output.flush()
            await stop.wait()
    finally:
        key_file.unlink(missing_ok=True)
        if temporary is not None:
            temporary.cleanup()


def _variables(sandbox: Sandbox, key_file: Path) -> Iterator[tuple[str, str]]:
    """The variables of a login to the pod and to Connect, and a company that is COMPLETED."""
    given = sandbox.client_credentials
    yield "SYMPHONY_POD_URL", sandbox.url
    yield "SYMPHONY_BOT_USERNAME", sandbox.bot.username
    yield "SYMPHONY_PRIVATE_KEY", str(key_file)
    yield "SYMPHONY_CONNECT_URL", sandbox.url
    yield "SYMPHONY_TOKEN_URL", f"{sandbox.url}/oauth/token"
    yield "SYMPHONY_CLIENT_ID", given.client_id
    yield "SYMPHONY_CLIENT_SECRET", given.client_secret
    for company in sandbox.state.db.companies:
        yield "COMPANY", company.id
        break


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # A key that is there already may be a real bot's: it is neither overwritten nor removed at the end.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _faults(text: str) -> Faults:
    """Read faults from JSON text, or from the JSON file of this name."""
    try:
        raw = text if text.lstrip().startswith("{") else Path(text).read_text()
        return Faults.from_json(orjson.loads(raw))
    except OSError as error:
        why = f"{text!r} is neither an object of JSON nor a file that can be read: {error.strerror}"
        raise argparse.ArgumentTypeError(why) from None
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _between(kind: type[int | float], least: float, most: float = math.inf) -> Callable[[str], float]:
    """The type of an option: a number in a range."""

    def read(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            what = "whole number" if kind is int else "number"
            raise argparse.ArgumentTypeError(f"{text!r} is no {what}") from None
        if not least <= number <= most:
            msg = f"{text} is not {least:g} or more" if most == math.inf else f"{text} is not {least:g} to {most:g}"
            raise argparse.ArgumentTypeError(msg)
        return number

    return read


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, as the command line does."""

    def error(self, message: str) -> NoReturn:
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown != message:
            options = [option for action in self._actions for option in action.option_strings]
            message = f"there is no option {next(did_you_mean(unknown.split()[:1], options))}"
        self.exit(64, f"{self.prog}: {message}; {self.prog} --help lists the options\n")


def make_parser(prog: str) -> argparse.ArgumentParser:
    """The options of the sandbox."""
    names = ", ".join(one.name for one in attrs.fields(Faults))
    example = orjson.dumps({"rate_429": 0.02, "rate_503": 0.01}).decode()
    parser = _Parser(prog=prog, description="A fake Pod, Connect and OAuth server on loopback.", allow_abbrev=False)
    add = parser.add_argument
    add("--port", type=_between(int, 0, 65_535), default=0, help="port; a free one if not given")
    add("--users", type=_between(int, 0), default=0, help="made-up users of the pod; none but the bot if not given")
    add("--external-users", type=_between(int, 0), default=0, help="made-up users of another pod; none if not given")
    add("--companies", type=_between(int, 0), default=0, help="Connect companies that are COMPLETED; none if not given")
    add("--page-base", type=int, choices=(0, 1), default=0, help="number of Connect's first page; 0 if not given")
    add("--page-cap", type=_between(int, 1), help="largest page of any list; no bound if not given")
    add("--token-ttl", type=_between(float, 0), help="seconds until a token expires; never if not given")
    add("--expires-in", action="store_true", help="send expires_in in answers of /oauth/token")
    add("--no-uniqueness", dest="uniqueness", action="store_false", help="accept userNames and emails that are taken")
    add(
        "--company-seconds",
        type=_between(float, 0),
        default=0.3,
        help="seconds from STARTED to COMPLETED; else 0.3",
    )
    add(
        "--failing-company",
        action="append",
        default=[],
        metavar="VANITY",
        help="vanity name of a company whose creation fails",
    )
    add("--trusted-certificate", metavar="USERNAME", help="user that certificate logins get over plain http")
    add(
        "--key-manager",
        choices=("optional", "required", "none"),
        default="optional",
        help="whether the Agent accepts or needs the key manager's token, or there is no key manager",
    )
    add("--validate-responses", action="store_true", help="check each response against the API documents")
    add("--faults", type=_faults, metavar="JSON|FILE", help=f"an object with any of {names}, such as {example}")
    add("--dir", type=Path, help="folder for the bot's private key; a temporary one if not given")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="print how to reach the sandbox as one line of JSON")
    how.add_argument(
        "--env", action="store_true", help="print it as variables for a shell, with a company that is ready as $COMPANY"
    )
    return parser


def main(arguments: Sequence[str] | None = None, *, prog: str = "python -m aiosymphony.sandbox") -> int:
    """Run the command line, under the name `prog`; returns the exit code."""
    given = make_parser(prog).parse_args(arguments)
    sandbox = Sandbox(
        given.users,
        max(1, given.companies) if given.env else given.companies,
        external_users=given.external_users,
        page_base=given.page_base,
        page_cap=given.page_cap,
        token_ttl=given.token_ttl,
        faults=given.faults,
        port=given.port,
        expires_in=given.expires_in,
        uniqueness=given.uniqueness,
        company_seconds=given.company_seconds,
        failing_companies=given.failing_company,
        trusted_certificate=given.trusted_certificate,
        key_manager=given.key_manager,
        validate_responses=given.validate_responses,
    )
    try:
        serve(sandbox, directory=given.dir and given.dir.absolute(), as_json=given.json, as_env=given.env)
    except OSError as error:
        sys.stderr.write(f"the sandbox cannot start: {error}\n")
        return 64
    return 0
