"""The command line behind ``codegen.sh``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from aiosymphony.apidiff import (
    FAIL_ON,
    fails,
    to_html,
    to_json,
    to_markdown,
    wire_differences,
    without_accepted,
)

from .apis import check_tools, regenerate
from .bump.command import bump_command
from .changes import changes_of
from .document import generate_from, read_any
from .package import Report
from .problem import CodegenError, fault

ROOT = Path(__file__).parent.parent


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["bump"]:
        return bump_command(ROOT, arguments[1:])
    parser = argparse.ArgumentParser(
        prog="codegen.sh",
        description="Generate the low-level clients from specs/.",
        epilog="codegen.sh bump FILE takes in a new version of a document; see codegen.sh bump --help.",
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing; list how generated/ differs, exit 1 if it does"
    )
    parser.add_argument(
        "--spec", type=Path, metavar="FILE", help="generate from this Swagger 2.0 or OpenAPI 3 document"
    )
    parser.add_argument("--api", metavar="NAME", help="with --spec: the package's name")
    parser.add_argument("--out", type=Path, metavar="DIR", help="with --spec: the folder to put the package into")
    parser.add_argument(
        "--fixes",
        type=Path,
        metavar="FILE",
        help="an OpenAPI Overlay with fixes for the published document: with --spec, for NEW, or for VENDOR",
    )
    parser.add_argument("--fixes-old", type=Path, metavar="FILE", help="with --diff: the same for OLD")
    parser.add_argument(
        "--strict", action="store_true", help="with --spec: refuse flaws that change nothing, instead of mending them"
    )
    parser.add_argument(
        "--allow-files", type=Path, metavar="DIR", help="with --spec: the folder of files that the document refers to"
    )
    parser.add_argument(
        "--diff", nargs=2, type=Path, metavar=("OLD", "NEW"), help="say what changed; exit 1 if it breaks callers"
    )
    parser.add_argument(
        "--against-vendor",
        nargs=2,
        type=Path,
        metavar=("VENDOR", "OURS"),
        help="say where a document in own words means something else on the wire; exit 1 if it does",
    )
    parser.add_argument("--json", action="store_true", help="with --diff: as JSON instead of Markdown")
    parser.add_argument(
        "--fail-on", choices=FAIL_ON, default="breaking", help="with --diff: the severity that exits with 1"
    )
    parser.add_argument(
        "--accept", type=Path, metavar="FILE", help="with --diff: changes that are known, with their reasons"
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="with --diff: also write an HTML page")
    options = parser.parse_args(arguments)
    if options.spec and not (options.api and options.out):
        parser.error("--spec needs --api and --out")
    if not options.spec and (options.api or options.out or options.strict or options.allow_files):
        parser.error("--api, --out, --strict and --allow-files go with --spec")
    if options.fixes and not (options.spec or options.diff or options.against_vendor):
        parser.error("--fixes goes with --spec, --diff or --against-vendor")
    of_diff = options.json or options.html or options.accept or options.fixes_old or options.fail_on != "breaking"
    if not options.diff and of_diff:
        parser.error("--json, --html, --fail-on, --accept and --fixes-old go with --diff")
    try:
        check_tools()
        if options.diff:
            return _diff(options)
        if options.against_vendor:
            return _against_vendor(options)
        if options.spec:
            return _one(options)
        return _all(check=options.check)
    except CodegenError as problem:
        print(f"codegen.sh: {problem}", file=sys.stderr)
        return 64
    except Exception as error:
        if not options.spec:
            raise
        print(f"codegen.sh: {options.spec}: {fault(error)}", file=sys.stderr)
        return 70


def _one(options: argparse.Namespace) -> int:
    report, done = generate_from(
        options.spec,
        api=options.api,
        out=options.out,
        fixes=options.fixes,
        strict=options.strict,
        allow_files=options.allow_files,
    )
    for line in done:
        print(f"fixed {line}")
    _tell(report)
    return 0


def _diff(options: argparse.Namespace) -> int:
    old, new = options.diff
    found = changes_of(ROOT, old, new, fixes_old=options.fixes_old, fixes=options.fixes)
    if options.accept is not None:
        try:
            found, accepted = without_accepted(found, options.accept)
        except ValueError as error:
            raise CodegenError("--accept", str(error)) from None
        for line in accepted:
            print(f"accepted: {line}", file=sys.stderr)
    if options.html is not None:
        options.html.write_text(to_html(found), encoding="utf-8")
    print(to_json(found) if options.json else to_markdown(found), end="\n" if options.json else "")
    return 1 if fails(found, options.fail_on) else 0


def _against_vendor(options: argparse.Namespace) -> int:
    vendor, ours = options.against_vendor
    documents = read_any(vendor, options.fixes).published, read_any(ours).published
    try:
        found = wire_differences(*documents)
    except ValueError as error:
        raise CodegenError(f"{vendor} or {ours}", str(error)) from None
    for each in found:
        print(each)
    print(f"{len(found)} difference{'' if len(found) == 1 else 's'} on the wire" if found else "the same on the wire")
    return 1 if found else 0


def _all(*, check: bool) -> int:
    reports, changes = regenerate(ROOT, check=check)
    for report in reports:
        _tell(report)
    if not check:
        print(f"{len(changes)} files changed" if changes else "nothing changed")
        return 0
    for line in changes:
        print(line, file=sys.stderr)
    if changes:
        print("generated/ does not match specs/ and codegen/: run ./codegen.sh", file=sys.stderr)
        return 1
    print("generated/ is up to date")
    return 0


def _tell(report: Report) -> None:
    """Print a report. Notes that differ only in their place become one line."""
    print(report)
    places: dict[str, list[str]] = {}
    for note in report.notes:
        place, _, what = note.partition(": ")
        places.setdefault(what, []).append(place)
    for what, found in places.items():
        print(f"  {found[0]}{f' and {len(found) - 1} more' if len(found) > 1 else ''}: {what}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
