"""The command line of ``codegen.sh bump``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..apis import check_tools
from ..problem import CodegenError, fault
from . import Bumped, bump


def bump_command(root: Path, arguments: list[str]) -> int:
    """Run ``codegen.sh bump``; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="codegen.sh bump",
        description="Take a new version of an API's document into the project: the document by the rules of specs/, "
        "the tables, generated/, methods, handlers, tests, and the changelog. Says what is left for a person. A second "
        "run with the same document changes nothing.",
        epilog="example: ./codegen.sh bump ~/Downloads/pod-api-public.json --fixes what-is-wrong.yaml",
    )
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="the document as published, Swagger 2.0 or OpenAPI 3; several are joined, and the first one counts",
    )
    parser.add_argument("--api", metavar="PACKAGE", help="the package that it is for, if its title does not tell")
    parser.add_argument(
        "--fixes",
        type=Path,
        metavar="FILE",
        help="an OpenAPI Overlay with fixes (default: fixes.yaml beside the old document)",
    )
    parser.add_argument(
        "--keep-words", action="store_true", help="the document is written in our own words: take its descriptions, too"
    )
    parser.add_argument(
        "--removed-is-meant", action="store_true", help="let a quarter of the operations go, or take a lower version"
    )
    parser.add_argument("--no-types", action="store_true", help="do not look for uses of what is gone with mypy")
    options = parser.parse_args(arguments)
    try:
        check_tools()
        bumped = bump(
            root,
            options.files,
            package=options.api,
            fixes=options.fixes,
            keep_words=options.keep_words,
            removed_is_meant=options.removed_is_meant,
            types=not options.no_types,
        )
    except CodegenError as problem:
        print(f"codegen.sh bump: {problem}", file=sys.stderr)
        return 64
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told in a line
        undo = "git checkout . && git clean -fd specs generated changelog.d"
        print(
            f"codegen.sh bump: {options.files[0]}: {fault(error)}\n  {undo} undoes what was written.", file=sys.stderr
        )
        return 70
    _tell(bumped)
    return 0


def _tell(bumped: Bumped) -> None:
    for line in (
        *(f"fixed: {each}" for each in bumped.fixed),
        *(f"mended: {each}" for each in bumped.notes),
        *bumped.done,
    ):
        print(line)
    if bumped.left:
        print(f"\nLeft for you ({len(bumped.left)}):")
        for line in bumped.left:
            print(f"  {line}")
    else:
        print("Nothing is left to do. Run the tests.")
