"""What programs load by importing the package and by making a client: each module costs every start of a process."""

import json
import subprocess
import sys

import pytest

CLIENT = """
import asyncio
from aiosymphony import PodClient, StaticToken
async def main():
    async with PodClient("http://127.0.0.1:1", StaticToken("t")):
        pass
asyncio.run(main())
"""
HEAVY = ("cryptography", "jwt", "difflib", "typer", "rich", "httpx", "yaml", "jsonschema_rs", "sqlite3", "psycopg")
OURS = ("aiosymphony.cli", "aiosymphony.sandbox", "aiosymphony.provisioning", "aiosymphony.transport.httpx",
        "aiosymphony.paging", "aiosymphony.settings", "aiosymphony.auth.keys", "aiosymphony._bulk")  # fmt: skip


@pytest.mark.parametrize(
    ("program", "banned"),
    [
        (
            "import aiosymphony",
            ("aiohttp", "orjson", "attrs", "attr", "yarl", "asyncio", "aiosymphony_api", *HEAVY, *OURS),
        ),
        (CLIENT, ("aiosymphony_api", *HEAVY, *OURS)),
    ],
    ids=["import", "client"],
)
def test_nothing_is_loaded_that_is_not_used(program: str, banned: tuple[str, ...]) -> None:
    script = f"{program}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    assert [name for name in loaded if any(name == each or name.startswith(f"{each}.") for each in banned)] == []
