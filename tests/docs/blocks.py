"""The blocks of code in README.md and ``docs/``.

A block in ``console`` or ``sh`` is run, and so is a complete program. One that cannot run has a comment before it
that says why: ``<!-- not run: it needs a container engine -->``. A title, as in ``python title="bot.py"``, saves a
block as a file, beside which the commands of its page run.
"""

from __future__ import annotations

import re
from pathlib import Path

import attrs

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(
    r'^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?(?P<indent> *)```(?P<language>\w*)(?: title="(?P<title>[^"\n]+)")?\n'
    r"(?P<code>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@attrs.frozen
class Block:
    """A fenced block.

    Attributes:
        page: The file, relative to the project.
        number: Its number among the blocks of its language on the page, from 1.
        language: Such as ``python``; empty if none is named.
        code: The text, with a line break at its end.
        title: The file that it is saved as; empty for none.
        reason: Why it is not run; empty if it is.
    """

    page: str
    number: int
    language: str
    code: str
    title: str
    reason: str

    @property
    def name(self) -> str:
        """How tests call it."""
        return f"{self.page.removeprefix('docs/')}:{self.language}-{self.number}"

    @property
    def is_for_bdk(self) -> bool:
        """Whether it is a program for symphony-bdk-python, which has no types and is not installed everywhere."""
        return "from symphony.bdk" in self.code


def blocks_of(path: Path) -> list[Block]:
    """All blocks of a page, in their order."""
    counts: dict[str, int] = {}
    found = []
    for match in _BLOCK.finditer(path.read_text(encoding="utf-8")):
        language = match["language"]
        counts[language] = counts.get(language, 0) + 1
        page = path.relative_to(ROOT).as_posix()
        code = "".join(line.removeprefix(match["indent"]) for line in match["code"].splitlines(keepends=True))
        found.append(Block(page, counts[language], language, code, match["title"] or "", match["reason"] or ""))
    return found


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = [block for page in PAGES for block in blocks_of(page)]
# tests/docs/test_generating.py runs and types that page: its program needs a package that is made of the page.
PYTHON = [block for block in BLOCKS if block.language == "python" and block.page != "docs/generating.md"]
