"""Tries the generator on published documents: ``make documents``, or ``python -m tests.codegen.public_documents NAME``.

Installs the packages that hold them into ``build/documents``, and for each document generates a package, checks it with
``mypy --strict``, calls every operation over a socket (``round_trips``), and lets the stock generator try the same.
Prints the table of docs/generating.md. It takes the network and an hour, so that ``make test`` does not run it.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from codegen.fixes import apply_fixes

from .round_trips import METHODS, read

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "documents"
LIST = Path(__file__).with_name("public_documents.toml")
HEAD = (
    "| document | found in | operations in = out | go round | CPU s | peak MB | `mypy --strict` | stock generator |\n"
    "|---|---|---|---|---|---|---|---|"
)


@cache
def folder_of(package: str) -> Path:
    """The folder of an installed package, such as ``npm @octokit/openapi@23.0.2``."""
    kind, _, wanted = package.partition(" ")
    if kind == "npm":
        name = wanted.rpartition("@")[0]
        folder = BUILD / "npm"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").touch()
        if not (folder / "package.json").read_text():
            (folder / "package.json").write_text("{}")
        if not (folder / "node_modules" / name).exists():
            run("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", wanted, cwd=folder)
        return folder / "node_modules" / name
    folder = BUILD / "pypi" / re.sub(r"\W+", "_", wanted)
    if not folder.exists():
        run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(BUILD / "wheels"), wanted)
        stem = wanted.partition("==")[0].replace("-", "_")
        with ZipFile(next((BUILD / "wheels").glob(f"{stem}-*.whl"))) as wheel:
            wheel.extractall(folder)
    return folder


def run(*command: str, cwd: Path = ROOT) -> None:
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)


def measured(*command: str) -> tuple[int, str, float, int]:
    """Run a command; its exit code, its output, seconds of CPU and the largest memory of one of its processes in MB."""
    log = BUILD / f"log-{os.getpid()}.txt"
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, log.read_text(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


def operations_in(document: dict[str, Any]) -> int:
    return sum(method in item for item in document["paths"].values() for method in METHODS)


def row(entry: dict[str, str]) -> str:
    """The line of the table for a document, of which every part is measured here."""
    name = entry["name"]
    source = folder_of(entry["package"]) / entry["file"]
    path = BUILD / f"{name}{source.with_suffix('').suffix if source.suffix == '.gz' else source.suffix}"
    path.write_bytes(gzip.decompress(source.read_bytes()) if source.suffix == ".gz" else source.read_bytes())
    document = read(path)
    fixes: list[str] = []
    if "fixes" in entry:
        overlay = BUILD / f"{name}.fixes.yaml"
        overlay.write_text(entry["fixes"])
        fixes = ["--fixes", str(overlay)]
        document, _ = apply_fixes(document, overlay)
    out = BUILD / "out"
    shutil.rmtree(out / name, ignore_errors=True)
    code, said, seconds, peak = measured("./codegen.sh", "--spec", str(path), "--api", name, "--out", str(out), *fixes)
    if code:
        return f"| {entry['title']} | {entry['package']} | refused: {said[:500]} |"
    counted = re.search(r"operations (\d+) in, (\d+) out", said)
    assert counted is not None
    assert {int(each) for each in counted.groups()} == {operations_in(document)}
    fixed = BUILD / f"{name}.read.json"
    fixed.write_text(json.dumps(document, default=str))
    _, went, _, _ = measured(sys.executable, "-m", "tests.codegen.round_trips", str(out / name), str(fixed))
    trips = json.loads(went.splitlines()[-1]) if went.startswith("{") else {"went": 0, "failed": [went[-2000:]]}
    for line in trips["failed"]:
        print(f"  {name}: {line}", file=sys.stderr)
    clean, errors, _, _ = measured(
        sys.executable, "-m", "mypy", "--strict", f"--cache-dir={BUILD}/mypy-{os.getpid()}", str(out / name)
    )
    if clean:
        print(errors[-3000:], file=sys.stderr)
    noted = " (with fixes)" if fixes else ""
    return (
        f"| {entry['title']}{noted} | {entry['package'].replace(' ', ' `', 1)}` | {counted[1]} | {trips['went']} "
        f"| {seconds:.0f} | {peak} | {'clean' if clean == 0 else 'fails'} | {stock(path, operations_in(document))} |"
    )


def stock(path: Path, wanted: int) -> str:
    """What openapi-python-client makes of a document by itself."""
    target = BUILD / f"stock-{os.getpid()}"
    shutil.rmtree(target, ignore_errors=True)
    code, said, _, _ = measured(
        str(Path(sys.executable).with_name("openapi-python-client")), "generate", "--path", str(path), "--meta", "none",
        "--output-path", str(target), "--overwrite",
    )  # fmt: skip
    made = sum(1 for each in target.glob("api/*/*.py") if each.name != "__init__.py") if target.exists() else 0
    if not made:
        return "crashes" if "Traceback" in said else "refuses"
    del code
    return "all" if made >= wanted else f"skips {wanted - made}"


def main(names: list[str]) -> int:
    BUILD.mkdir(parents=True, exist_ok=True)
    entries = tomllib.loads(LIST.read_text(encoding="utf-8"))["document"]
    print(HEAD)
    for entry in entries if not names else sorted(entries, key=lambda each: [*names, each["name"]].index(each["name"])):
        if not names or entry["name"] in names:
            print(row(entry), flush=True)
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
