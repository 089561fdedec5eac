"""The command line behind ``codegen.sh``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .apis import check_tools, regenerate
from .problem import Refused

ROOT = Path(__file__).parent.parent


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="codegen.sh", description="Generate the low-level clients from specs/.")
    parser.add_argument("--check", action="store_true", help="only say how generated/ differs; exit 1 if it does")
    options = parser.parse_args(arguments)
    try:
        check_tools()
        reports, changes = regenerate(ROOT, check=options.check)
    except Refused as problem:
        print(f"codegen.sh: {problem}", file=sys.stderr)
        return 64
    for report in reports:
        print(report)
        for note in report.notes:
            print(f"  {note}")
    if options.check:
        for line in changes:
            print(line, file=sys.stderr)
        if changes:
            print("generated/ is not what specs/ and codegen/ make: run ./codegen.sh", file=sys.stderr)
            return 1
        print("generated/ is up to date")
    else:
        print(f"{len(changes)} files changed" if changes else "nothing changed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
