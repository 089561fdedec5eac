"""``python -m tests.same_wheel ONE OTHER``: the wheel of a checkout and the one of its sdist hold the same files."""

from __future__ import annotations

import sys
import zipfile


def contents(wheel: str) -> dict[str, bytes]:
    """Every file of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


if __name__ == "__main__":
    one, other = map(contents, sys.argv[1:3])
    different = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    sys.exit(f"the wheel of the sdist differs in: {', '.join(different)}" if different else 0)
