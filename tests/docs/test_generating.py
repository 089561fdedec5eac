"""The example of docs/generating.md: the document in it is generated from, and its program is type-checked and run."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from aiohttp import web

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "generating.md").read_text(encoding="utf-8")
TOKEN = "a-token-of-the-shop"


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE.partition("## An example")[2], re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the page's command has made the package, with the program beside it."""
    folder = tmp_path_factory.mktemp("generating")
    (folder / "pet_shop.yaml").write_text(block("yaml"), encoding="utf-8")
    (folder / "program.py").write_text(block("python"), encoding="utf-8")
    command, _, said = block("console").partition("\n")
    words = [str(folder / word) if word in ("pet_shop.yaml", "clients") else word for word in command[2:].split()]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", said)
    return folder


@pytest.mark.parametrize("checker", [("mypy", "--strict", "--no-incremental"), ("pyright",)], ids=lambda each: each[0])
def test_the_program_and_the_package_are_typed(checker: tuple[str, ...], clients: Path) -> None:
    (clients / "pyrightconfig.json").write_text('{"extraPaths": ["clients"]}')
    environment = os.environ | {"MYPYPATH": "clients"}
    python = ("--pythonpath", sys.executable) if checker[0] == "pyright" else ()
    targets = ("program.py", "clients/pet_shop") if checker[0] == "mypy" else ("-p", "pyrightconfig.json")
    done = subprocess.run(
        [sys.executable, "-m", *checker, *python, *targets],
        cwd=clients, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


class Shop:
    """The server of the pet shop: it answers what the document says, and the first time not at all."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.photo: list[tuple[str | None, bytes]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        if request.content_type == "multipart/form-data":
            async for part in await request.multipart():
                self.photo.append((part.name, bytes(await part.read(decode=True))))  # type: ignore[union-attr,arg-type]
        body = await request.text() if request.content_type == "application/json" else ""
        self.asked.append((request.method, request.raw_path, body))
        if len(self.asked) == 1:
            return web.Response(status=503, headers={"Retry-After": "0"})
        rex = {"id": 7, "name": "Rex", "status": "available"}
        if request.path.endswith("/photo"):
            return web.Response(status=204)
        return web.json_response([rex] if request.method == "GET" else rex, status=201 - (request.method == "GET"))


async def test_the_program_sends_what_the_document_says(clients: Path) -> None:
    shop = Shop()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", shop.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    path = os.pathsep.join([str(clients / "clients"), str(ROOT / "src")])
    host, port = runner.addresses[0][:2]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "program.py", cwd=clients,
        env=os.environ | {"PYTHONPATH": path, "PET_SHOP": f"http://{host}:{port}", "PET_TOKEN": TOKEN},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    await runner.cleanup()

    assert (process.returncode, err.decode()) == (0, "")
    assert out.decode() == "7 Rex available\nadded 7\n"
    assert shop.asked == [
        ("GET", "/v3/pets?status=available&pageSize=50", ""),
        ("GET", "/v3/pets?status=available&pageSize=50", ""),
        ("POST", "/v3/pets", '{"name":"Rex","born":"2026-11-27"}'),
        ("POST", "/v3/pets/7/photo", ""),
    ]
    assert shop.photo == [("photo", b"..."), ("caption", b"Rex")]


def test_the_table_has_every_document_that_is_tried() -> None:
    entries = tomllib.loads((ROOT / "tests/codegen/public_documents.toml").read_text(encoding="utf-8"))["document"]
    rows = {row[0].strip().removesuffix(" (with fixes)"): row for row in _rows()}
    assert rows.keys() == {entry["title"] for entry in entries}
    for row in rows.values():
        operations, went = int(row[2]), int(row[3])
        assert operations >= 100
        assert 0 < went <= operations
        assert row[6].strip() == "clean"


def _rows() -> list[list[str]]:
    table = PAGE.partition("## Documents that were tried")[2]
    lines = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    return lines[2:]
