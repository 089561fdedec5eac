"""Every example is run against a sandbox, and so is every complete program in the documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aiosymphony.sandbox import Sandbox
from aiosymphony.sandbox.state import Connection
from tests.docs.blocks import PYTHON, Block
from tests.docs.programs import run_program

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
COMPLETE = [block for block in PYTHON if "asyncio.run(" in block.code and not block.is_for_bdk]


@pytest.mark.symphony_sandbox(users=8, external_users=3)
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
async def test_an_example(path: Path, symphony_sandbox: Sandbox, tmp_path: Path) -> None:
    bot = next(user for user in symphony_sandbox.state.users() if user.username == symphony_sandbox.bot.username)
    # Two requests for the example of connections to answer.
    for other in [user for user in symphony_sandbox.state.db.users if user.external][1:]:
        symphony_sandbox.state.db.connections.put(Connection(sender=other.id, receiver=bot.id, first_requested=1))

    out = await run_program([str(path)], symphony_sandbox, tmp_path)

    for line in EXPECTED[path.stem]:
        assert re.search(line, out, re.MULTILINE), out


EXPECTED = {
    "users": ["^found Ada Abbott", "^the pod has 9 users", "^updated Grace Hopper to Rear Admiral",
              "^allowed: .*canCreatePublicRoom", "^roles: INDIVIDUAL, USER_PROVISIONING$", "AUDIT_TRAIL_MANAGEMENT"],
    "rooms": ["^talking to .* which is the same$", "^found room Rates desk", r"^member \d+ who owns it$",
              "^active: False$", "^in .*IM"],
    "extension_app": ["^a pair that is valid: True$", "^refused: the JWT is not valid", "^as .+ in .+"],
    "connections": ["^asked .* PENDING_OUTGOING$", r"^answered \d+ ACCEPTED$", r"^answered \d+ REJECTED$",
                    r"^connected to \d+ ACCEPTED$", r"^removed \d+$"],
    "presence": ["^I am BUSY$", r"^\d+ is AWAY$", r"^everybody: \d+ AWAY$", r"^changed: \d+ BUSY$"],
    "audit_trail": ["^0 actions in 6 hours$"],
    "sponsored_company": ["^ada@lyondell.example created$", "^luigi@elsewhere.example not created: .*domain",
                          "^charles@lyondell.example is active$"],
}  # fmt: skip


def test_every_example_is_expected_to_say_something_and_listed() -> None:
    assert {path.stem for path in EXAMPLES} == set(EXPECTED)
    listed = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in EXAMPLES if f"]({path.name})" not in listed] == []


async def test_the_audit_trail_tells_of_the_other_examples(symphony_sandbox: Sandbox, tmp_path: Path) -> None:
    await run_program([str(ROOT / "examples" / "users.py")], symphony_sandbox, tmp_path)
    out = await run_program([str(ROOT / "examples" / "audit_trail.py")], symphony_sandbox, tmp_path)
    assert "1 x v2 admin user create post by provisioning-bot" in out
    assert "5 actions in 6 hours" in out


@pytest.mark.symphony_sandbox(users=3, companies=1)
@pytest.mark.parametrize("block", COMPLETE, ids=lambda block: block.name)
async def test_a_program_in_the_documents(block: Block, symphony_sandbox: Sandbox, tmp_path: Path) -> None:
    """The programs name a pod and credentials that nobody has; the sandbox stands in for them."""
    url = symphony_sandbox.url
    code = block.code.replace("https://acme.symphony.com", url)
    code = code.replace(
        'ConnectClient(ClientCredentials("my-client-id", "my-client-secret"))',
        'ConnectClient(ClientCredentials("sandbox-client", "sandbox-secret", '
        f'token_url="{url}/oauth/token"), base_url="{url}")',
    )
    assert "symphony.com" not in code
    program = tmp_path / "program.py"
    program.write_text(code)

    await run_program([str(program)], symphony_sandbox, tmp_path)

    assert symphony_sandbox.stats.requests >= 1


def test_the_readme_has_code_by_line_20() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert any(line.startswith("```python") for line in lines[:20])
    assert any(block.page == "README.md" for block in COMPLETE)
