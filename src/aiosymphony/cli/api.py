"""``aiosymphony api``: lists operations, and compares two versions of an API."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Annotated

import orjson
import typer

from ..apidiff import FAIL_ON, compare, fails, load_document, to_html, to_json, to_markdown, without_accepted
from ..errors import ConfigError
from ..files import private_file
from .exit_codes import FAILED
from .operations import APIS, methods, operations, summary_of
from .output import JsonOption, print_json, print_lines, say

app = typer.Typer(
    name="api", help="List the operations of Symphony's APIs, and compare their documents.", no_args_is_help=True
)


@app.callback()
def _root() -> None:
    """List the operations of Symphony's APIs, and compare their documents."""


@app.command("list")
def list_operations(
    word: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORD]...", help="An API, or words that the name or the summary has; all must match."),
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List the operations that `aiosymphony call` takes: API, id, method of the SDK, and what each does."""
    words = [text.casefold() for text in word or ()]
    chosen = [text for text in words if text in APIS]
    listed = [
        {
            "api": api,
            "operation": each.id,
            "method": methods().get((each.method, each.path)),
            "http": f"{each.method} {each.path}",
            "summary": summary_of(each),
        }
        for api in chosen or APIS
        for each in operations(api).values()
    ]
    wanted = [text for text in words if text not in chosen]
    found = [row for row in listed if all(text in " ".join(filter(None, row.values())).casefold() for text in wanted)]
    if as_json:
        print_json(found)
        return
    if not found:
        known = {part for row in listed for part in re.findall(r"[a-z]{3,}", f"{row['operation']} {row['method']}")}
        near = [close for word in wanted for close in difflib.get_close_matches(word, known, 1)]
        hint = f"; did you mean {' '.join(near)}?" if near else ""
        say(f"no operation has {' and '.join(words)} in its name or summary{hint}", stderr=True)
        raise typer.Exit(FAILED)
    columns = ("api", "operation", "method")
    widths = {name: max(len(row[name] or "-") for row in found) for name in columns}
    cells = ("  ".join((row[name] or "-").ljust(widths[name]) for name in columns) for row in found)
    print_lines("\n".join(f"{line}  {row['summary']}" for line, row in zip(cells, found, strict=True)))


@app.command("diff")
def diff(
    old: Annotated[Path, typer.Argument(help="The document in use: Swagger 2.0 or OpenAPI 3, YAML or JSON.")],
    new: Annotated[Path, typer.Argument(help="The document to compare with it.")],
    *,
    html: Annotated[Path | None, typer.Option(help="Also write a page to this file.")] = None,
    fail_on: Annotated[
        str, typer.Option(help="What exits with 1: breaking, wire (what requests look like, too), any or never.")
    ] = "breaking",
    accept: Annotated[Path | None, typer.Option(help="A TOML file of changes that are known, with reasons.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List what changed between two documents of an API, and which changes break callers.

    Compares what the documents say. How that changes the names of generated Python, ./codegen.sh --diff says.

    Exit code 1 if something breaks, or is of the severity that --fail-on names; 0 if not.
    """
    if fail_on not in FAIL_ON:
        raise ConfigError(f"--fail-on takes {', '.join(FAIL_ON)}, and not {fail_on!r}")
    documents = load_document(old), load_document(new)
    try:
        found = compare(*documents)
    except ValueError as error:
        raise ConfigError(f"{old} or {new}: {error}") from None
    if accept is not None:
        try:
            found, accepted = without_accepted(found, accept)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        for line in accepted:
            say(f"accepted: {line}", stderr=True)
    if html is not None:
        with private_file(html) as file:
            file.write(to_html(found))
    if as_json:
        print_json(orjson.loads(to_json(found)))
    else:
        print_lines(to_markdown(found))
    say("Names and types in Python are compared by ./codegen.sh --diff alone, in the project's folder.", stderr=True)
    if fails(found, fail_on):
        raise typer.Exit(FAILED)
