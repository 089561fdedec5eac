"""Jobs in PostgreSQL from the command line: the same commands, and no password in what they print."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from .cluster import Cluster
from .test_cli import NAMES, company, environment, people, run, sandbox  # noqa: F401 - two of them are fixtures


def test_from_the_file_to_the_report(
    company: str,  # noqa: F811
    tmp_path: Path,
    cluster: Cluster,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = []

    def aiosymphony(*arguments: Any) -> tuple[int, Any]:
        code, out, err = run(capsys, "provision", *arguments)
        said.append(out + err)
        return code, orjson.loads(out) if "--json" in arguments else out

    address = cluster.url()
    shown = address.replace(f":{cluster.password}", "")
    file = people(tmp_path / f"{company}.csv", NAMES)
    command = ("apply", file, "--target", "connect", "--company", company, "--journal", address)
    code, told = aiosymphony(*command, "--shards", "3", "--settle", "0.2", "--json")
    assert (code, told["rows"]["done"]) == (0, len(NAMES))
    assert told["journal"].startswith(f"{shown}?job={company}.csv%40")
    assert not [*tmp_path.glob("*.journal*")]
    # The same command resumes; with a plan, too. All that there is finds the job by the file or by the address.
    code, told = aiosymphony(*command, "--json")
    assert (code, told["rows"]["done"]) == (0, len(NAMES))
    code, out = aiosymphony(*command)
    assert code == 0
    assert f"aiosymphony provision report '{told['journal']}' --html report.html" in out
    job = told["journal"].replace("postgres@", f"postgres:{cluster.password}@")
    for where in ((file, "--journal", address), (f"{file}.plan", "--journal", address), (job,)):
        code, status = aiosymphony("status", *where, "--json")
        assert (code, status["rows"]["done"], status["journal"].partition("?")[0]) == (0, len(NAMES), shown)
        code, report = aiosymphony("report", *where, "--csv", tmp_path / "rows.csv", "--json")
        assert (code, report["rows"]["done"]) == (0, len(NAMES))
        assert len((tmp_path / "rows.csv").read_text().splitlines()) == len(NAMES) + 1
    assert cluster.password not in "".join(said)


def test_what_is_refused_is_one_sentence(
    company: str,  # noqa: F811
    tmp_path: Path,
    cluster: Cluster,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = people(tmp_path / f"{company}.csv", NAMES)
    apply = ("provision", "apply", file, "--target", "connect", "--company", company, "--journal")
    for address, code, why in (
        (f"postgresql://me:{cluster.password}@127.0.0.1:1/db", 75, "cannot be reached"),
        (cluster.url("postgres"), 64, "has no tables for jobs yet: run aiosymphony store init postgresql://"),
        (f"postgresql://me:{cluster.password}@[::1/db", 64, "the address of the database cannot be read"),
        (f"mysql://me:{cluster.password}@h/db", 64, "no store is reached by mysql://"),
    ):
        # In a process of its own: its arguments hold the password, as those of this one must not.
        command = [sys.executable, "-m", "aiosymphony.cli", *map(str, apply), address]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
        assert (ended.returncode, ended.stdout) == (code, "")
        assert why in ended.stderr
        assert cluster.password not in ended.stderr
        assert len(ended.stderr.splitlines()) == 1
    monkeypatch.setenv("PGPASSWORD", cluster.password)
    address = cluster.url().replace(f":{cluster.password}", "")
    code, _, err = run(capsys, "provision", "status", file, "--journal", address)
    assert code == 64
    assert "holds no job yet" in err
    assert err.endswith("; aiosymphony provision jobs lists those of the database\n")
