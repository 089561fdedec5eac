"""``aiosymphony provision map`` and ``template``: what helps to write the files of a job. Neither needs a network."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ..errors import ConfigError
from ..provisioning.rows.registry import KINDS, user_class
from ..provisioning.sources.base import Options
from ..provisioning.sources.column_map import ColumnMap
from ..provisioning.sources.detect import open_source
from ..provisioning.sources.mapped import look_at
from ..provisioning.sources.proposal import propose
from ..provisioning.template import FORMATS, needed, template
from .input_files import EncodingOption, SheetOption, named_file, place_of
from .output import JsonOption, console, print_json, print_lines, say

__all__ = ["map_command", "template_command"]

KindOption = Annotated[
    str,
    typer.Option(
        "--target",
        metavar="|".join(KINDS),
        help="; ".join(f"{kind}: {what}" for kind, what in KINDS.items()) + ".",
    ),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")]


def map_command(
    file: Annotated[Path, typer.Argument(help="A file of people whose columns have other names than the API's.")],
    target: KindOption,
    out: Annotated[
        Path | None,
        typer.Option("--output", "-o", callback=named_file, help="Where to write the map, such as map.toml."),
    ] = None,
    overwrite: OverwriteOption = False,
    encoding: EncodingOption = None,
    sheet: SheetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose a column map for a file, from its header and first rows. Look it over before you use it."""
    names, samples, _ = look_at(open_source(place_of(file), Options(encoding, sheet)), ColumnMap(target))
    proposed = propose(names, target, samples)
    if out is not None:
        _write(out, proposed.toml.encode(), overwrite=overwrite)
    if as_json:
        written = {"written": str(out)} if out is not None else {}
        print_json({"map": proposed.table, "to_decide": proposed.notes, "toml": proposed.toml} | written)
    elif out is None:
        print_lines(proposed.toml)
    else:
        for note in proposed.notes:
            say(f"To decide: {note}.")
        say(f"Wrote {out}. Look it over, and give it to plan or apply: --map {shlex.quote(str(out))}")


def template_command(
    target: KindOption,
    out: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", callback=named_file, help=f"Where to write the empty file: {' or '.join(FORMATS)}."
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Explain every column of a file of people, and write an empty one."""
    columns = user_class(target).columns()
    must = needed(target)
    if out is not None:
        _write(out, template(target, out.suffix), overwrite=overwrite)
    if as_json:
        told = [{"name": name, "needed": name in must, "about": known.about} for name, known in columns.items()]
        print_json({"columns": told} | ({"written": str(out)} if out is not None else {}))
        return
    table = Table("column", "needed", "what it holds", title=f"Columns of {target} users", title_justify="left")
    for name, known in columns.items():
        table.add_row(name, "yes" if name in must else "", known.about)
    console().print(table)
    if out is not None:
        say(f"Wrote {out}. Columns that are not needed may be deleted.")


def _write(path: Path, content: bytes, *, overwrite: bool) -> None:
    try:
        with path.open("wb" if overwrite else "xb") as file:
            file.write(content)
    except FileExistsError:
        raise ConfigError(f"{path} is there already: give another name, or --overwrite to replace it") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
