"""The fixtures as others get them: by the entry point of the installed package, in a process of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

# Every warning is an error there, too.
SETTINGS = """
    [pytest]
    filterwarnings = error
    addopts = --strict-markers -p no:cacheprovider
"""
STRICT = ("-o", "asyncio_default_fixture_loop_scope=function")
"""Without it, pytest-asyncio warns."""
AUTO = (*STRICT, "--asyncio-mode=auto")
ANYIO = ("-p", "no:asyncio")
TESTS = """
    import pytest

    pytestmark = pytest.mark.{mark}

    async def test_the_pod(symphony_pod):
        assert (await symphony_pod.session.info()).username == "provisioning-bot"

    @pytest.mark.symphony_sandbox(companies=2)
    async def test_connect(symphony_connect):
        assert len(await symphony_connect.companies.list()) == 2

    @pytest.mark.symphony_sandbox(users=5, page_cap=2)
    async def test_the_sandbox_is_the_one_that_the_client_sees(symphony_sandbox, symphony_pod):
        assert len(await symphony_pod.users.list().collect()) == 6
        assert symphony_sandbox.stats.logins == 1
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(SETTINGS)
    return pytester


@pytest.mark.parametrize(
    ("mark", "options"),
    [("asyncio", STRICT), ("asyncio", AUTO), ("anyio", ANYIO), ("anyio", STRICT)],
)
def test_the_fixtures_are_there_without_a_line(project: pytest.Pytester, mark: str, options: tuple[str, ...]) -> None:
    project.makepyfile(TESTS.format(mark=mark))
    project.makeconftest("import pytest\n\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n")
    project.runpytest_subprocess(*options).assert_outcomes(passed=3)


def test_starting_pytest_loads_nothing_heavy(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import sys

        def test_what_is_loaded():
            heavy = ("aiohttp", "aiosymphony.pod", "aiosymphony.sandbox", "aiosymphony_api", "cryptography",
                     "jsonschema_rs", "jwt", "yaml")
            assert "aiosymphony.testing.plugin" in sys.modules
            assert [name for name in sys.modules if name.startswith(heavy)] == []
    """)
    project.runpytest_subprocess(*STRICT).assert_outcomes(passed=1)


def test_what_is_not_installed_is_named(project: pytest.Pytester) -> None:
    project.makeconftest("import sys\n\nsys.modules['jsonschema_rs'] = None\n")
    project.makepyfile("async def test_it(symphony_sandbox): ...")
    result = project.runpytest_subprocess(*AUTO)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the fixture needs jsonschema_rs: pip install 'aiosymphony[[]sandbox[]]'"])


def test_an_answer_that_is_not_as_documented_fails_the_test(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest
        from aiosymphony import ServerError
        from aiosymphony.sandbox import handlers

        async def test_it(symphony_pod, monkeypatch):
            monkeypatch.setitem(handlers.HANDLERS, "v2_sessioninfo_get", (lambda call: {"id": "seven"}, True))
            with pytest.raises(ServerError):
                await symphony_pod.session.info()
    """)
    result = project.runpytest_subprocess(*AUTO)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*v2_sessioninfo_get answered 200*"])


@pytest.mark.parametrize(("page", "count"), [(0, 3), (1, 1), (2, 3)])
def test_the_examples_of_the_documents_pass(project: pytest.Pytester, page: int, count: int) -> None:
    text = (Path(__file__).parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")
    project.makepyfile(text.split("```python\n")[1 + page].split("```")[0])
    project.runpytest_subprocess(*STRICT).assert_outcomes(passed=count)
