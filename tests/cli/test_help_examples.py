"""The examples of the help are run, in their order, against a sandbox.

Those that serve until Ctrl-C, or that need a database, are read by the command line without being run.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from aiosymphony.cli.app import command_tree, leaves
from aiosymphony.cli.examples import EXAMPLES
from aiosymphony.sandbox import Sandbox

from .conftest import Run

ROOT = Path(__file__).parents[2]
PEOPLE = "emailAddress,firstName,lastName,displayName,userName\nzoe@acme.example,Zoe,Zimmer,Zoe Zimmer,zoe.zimmer\n"
READ_ONLY = {path for path, each in EXAMPLES.items() if path in ("dashboard", "sandbox") or "postgresql://" in each[0]}
RUN = [(path, example) for path, each in EXAMPLES.items() if path not in READ_ONLY for example in each]


@pytest.mark.symphony_sandbox(users=3, companies=1)
@pytest.mark.usefixtures("credentials")
async def test_they_run(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, symphony_sandbox: Sandbox) -> None:
    monkeypatch.chdir(tmp_path)
    Path("people.csv").write_text(PEOPLE)
    old, new = sorted((ROOT / "specs" / "pod").glob("*.yaml"))
    Path("old.yaml").write_bytes(old.read_bytes())
    Path("new.yaml").write_bytes(new.read_bytes())
    for _, example in RUN:
        done = await run(*shlex.split(example)[1:])
        assert done.code == 0, (example, done)
    for made in ("room.json", "new-people.csv", "people.csv.plan", "report.html", "changes.html"):
        assert Path(made).stat().st_size > 50, made
    assert symphony_sandbox.state.user(username="zoe.zimmer") is not None


@pytest.mark.parametrize("path", sorted(READ_ONLY - {"sandbox"}))
def test_the_others_are_understood(path: str) -> None:
    command = dict(leaves(command_tree()))[path]
    for example in EXAMPLES[path]:
        command.make_context(path, shlex.split(example)[1 + len(path.split()) :])


def test_what_is_only_read_needs_a_server_or_a_database() -> None:
    assert len(READ_ONLY) == 10
