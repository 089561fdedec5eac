"""Every block of code in README.md and ``docs/`` is run, or says why it is not and is at least well-formed."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from itertools import groupby
from pathlib import Path

import pytest
import yaml

from aiosymphony.sandbox import Sandbox
from tests.docs.blocks import BLOCKS, PAGES, PYTHON, ROOT, Block
from tests.docs.programs import environment_of

COMMANDS = ("sh", "console")
DATA = ("toml", "yaml", "json", "sql", "csv", "mermaid", "text", "")
BY_PAGE = {page: list(blocks) for page, blocks in groupby(BLOCKS, lambda block: block.page)}
SESSIONS = [
    page for page, blocks in BY_PAGE.items() if any(each.language in COMMANDS and not each.reason for each in blocks)
]
# What these pages say of installing, `make extras` does.
PREAMBLE = """
set -e
pip() { [ "$1" = install ]; }
ln -sf "$CHECKOUT/specs" "$CHECKOUT/examples" .
"""


def test_every_fence_is_a_block_that_is_known() -> None:
    fences = sum(len(re.findall(r"^ *```", page.read_text(encoding="utf-8"), re.MULTILINE)) for page in PAGES)
    assert fences == 2 * len(BLOCKS)
    assert [block.name for block in BLOCKS if block.language not in {"python", *COMMANDS, *DATA}] == []


@pytest.mark.parametrize("block", [each for each in BLOCKS if each.language in DATA], ids=lambda each: each.name)
def test_data_is_well_formed(block: Block) -> None:
    match block.language:
        case "toml":
            tomllib.loads(block.code)
        case "yaml":
            assert yaml.safe_load(block.code)
        case "json":
            json.loads(block.code)
        case _:
            assert block.code.strip()


@pytest.mark.parametrize("block", [each for each in BLOCKS if each.language in COMMANDS], ids=lambda each: each.name)
def test_commands_are_well_formed(block: Block) -> None:
    code = "\n".join(command for command, _ in steps(block)).replace("…", "dots")
    done = subprocess.run(["bash", "-n"], input=code, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("block", PYTHON, ids=lambda each: each.name)
def test_python_can_be_imported(block: Block) -> None:
    """Imports are there, and definitions work; complete programs run elsewhere."""
    code = compile(block.code, block.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if "asyncio.run(" in block.code:
        return
    if code.co_flags & 0x80:  # it awaits outside of a function
        assert block.reason, "a fragment that awaits cannot run: make it a function, or say why"
        return
    exec(code, {"__name__": "page"})


def steps(block: Block) -> list[tuple[str, list[str]]]:
    """The commands of a block, each with the output that is shown; of ``sh`` one, without."""
    if block.language == "sh":
        return [(block.code, [])]
    found: list[tuple[str, list[str]]] = []
    for line in block.code.splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        else:
            assert found, f"{block.name}: output without a command"
            found[-1][1].append(line)
    return found


@pytest.mark.symphony_sandbox(users=8, companies=1)
@pytest.mark.parametrize("page", SESSIONS)
async def test_the_commands_of_a_page_run(page: str, symphony_sandbox: Sandbox, tmp_path: Path) -> None:
    """In one shell and one folder, in the order of the page; what a page saves under a title lies there."""
    script, wanted = [PREAMBLE], []
    for block in BY_PAGE[page]:
        if block.title:
            script.append(f"cat > {block.title} <<'END_OF_FILE'\n{block.code}END_OF_FILE")
        if block.language in COMMANDS and not block.reason:
            for command, output in steps(block):
                script.append(f"echo '@@{len(wanted)}'\n{command}\necho; echo '@@end'")
                wanted.append((command, output))
    environment = environment_of(symphony_sandbox, tmp_path) | {
        "CHECKOUT": str(ROOT),
        "COLUMNS": "120",
        "HOME": str(tmp_path),
    }
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    (tmp_path / "page.sh").write_text("\n".join(script))
    # Files, and no pipes: a sandbox that the page starts in the background holds them open.
    with (tmp_path / "out").open("wb") as stdout, (tmp_path / "err").open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            "bash", "page.sh", cwd=tmp_path, env=environment, start_new_session=True, stdout=stdout, stderr=stderr
        )
        try:
            code = await process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    out, err = (tmp_path / "out").read_text(), (tmp_path / "err").read_text()
    assert code == 0, f"{out}\n{err}"
    for number, (command, output) in enumerate(wanted):
        shown = out.split(f"@@{number}\n", 1)[1].split("\n@@end", 1)[0].strip("\n")
        if output:
            assert matches(output, shown), f"{command}\nshould print\n" + "\n".join(output) + f"\nand prints\n{shown}"


def matches(shown: list[str], printed: str) -> bool:
    """Whether an output is the one that is shown; ``…`` stands for anything, on a line of its own for any lines."""
    pattern = "".join(
        r"(?:.*\n)*" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n" for line in shown
    )
    return re.fullmatch(pattern, printed + "\n") is not None


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        (["a", "b"], "a\nb", True),
        (["a", "b"], "a\nc", False),
        (["a"], "a\nb", False),
        (["…", "b"], "a\nx\nb", True),
        (["…", "b"], "a\nb\nc", False),
        (["a … c"], "a b c", True),
        (["a … c"], "a b\nc", False),
    ],
)
def test_outputs_are_compared(shown: list[str], printed: str, same: bool) -> None:
    assert matches(shown, printed) is same
