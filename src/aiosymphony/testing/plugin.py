"""pytest plugin: a sandbox, and clients of it, as fixtures. pytest loads it wherever aiosymphony is installed.

    async def test_paging(symphony_pod): ...

    @pytest.mark.symphony_sandbox(users=500, page_cap=50)
    async def test_many_users(symphony_sandbox, symphony_pod): ...

The fixtures need the extra `sandbox`, and pytest-asyncio in either mode or anyio's plugin. They run in the event loop
of the test if `asyncio_default_fixture_loop_scope` and `asyncio_default_test_loop_scope` have the same value.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

# Wherever aiosymphony is installed, every run of pytest loads this module: fixtures import what they need.
if TYPE_CHECKING:
    from pytest_asyncio import fixture

    from aiosymphony import ConnectClient, PodClient

    from .sandbox import SandboxWithClients
else:
    try:
        from pytest_asyncio import fixture
    except ModuleNotFoundError:
        from pytest import fixture  # noqa: PT013 - the plugin of anyio takes async fixtures as they are

__all__ = ["symphony_connect", "symphony_pod", "symphony_sandbox"]


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker that passes arguments to the sandbox."""
    config.addinivalue_line("markers", "symphony_sandbox(**options): arguments of the test's Sandbox")


@fixture
async def symphony_sandbox(request: pytest.FixtureRequest) -> AsyncIterator[SandboxWithClients]:
    """A running sandbox, with `pod()` and `connect()` for more clients than the fixtures'.

    It checks its own answers; the test fails if one is not as documented. Arguments come from the marker
    `symphony_sandbox`.
    """
    marker = request.node.get_closest_marker("symphony_sandbox")
    options: dict[str, Any] = {"validate_responses": True, **(marker.kwargs if marker else {})}
    async with _sandbox(**options) as sandbox:
        yield sandbox
    if sandbox.violations:
        pytest.fail("\n".join(sandbox.violations))


@fixture
async def symphony_pod(symphony_sandbox: SandboxWithClients) -> AsyncIterator[PodClient]:
    """A PodClient with the key of the sandbox's service account; its first call logs in."""
    async with symphony_sandbox.pod() as pod:
        yield pod


@fixture
async def symphony_connect(symphony_sandbox: SandboxWithClients) -> AsyncIterator[ConnectClient]:
    """A ConnectClient with the credentials of the sandbox's partner; its first call logs in."""
    async with symphony_sandbox.connect() as connect:
        yield connect


def _sandbox(**options: Any) -> SandboxWithClients:
    try:
        from .sandbox import SandboxWithClients  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("aiosymphony"):
            raise
        pytest.fail(f"the fixture needs {error.name}: pip install 'aiosymphony[sandbox]'", pytrace=False)
    return SandboxWithClients(**options)
