"""pytest plugin: the sandbox as a fixture.

Load it with `pytest_plugins = ["aiosymphony.testing"]`; it needs the extra `sandbox` and pytest-asyncio.

    async def test_me(symphony_sandbox):
        async with PodClient(symphony_sandbox.url, RsaAuth(...)) as pod: ...

    @pytest.mark.symphony_sandbox(users=500, page_cap=50)
    async def test_paging(symphony_sandbox): ...
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from aiosymphony.sandbox import Sandbox

__all__ = ["symphony_sandbox"]


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker that passes arguments to the sandbox."""
    config.addinivalue_line("markers", "symphony_sandbox(**options): arguments of the test's sandbox")


@pytest_asyncio.fixture
async def symphony_sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    """A running Sandbox that checks its own answers; the test fails if one is not as documented.

    Arguments of `Sandbox` come from the marker `symphony_sandbox`.
    """
    marker = request.node.get_closest_marker("symphony_sandbox")
    options: dict[str, Any] = {"validate_responses": True, **(marker.kwargs if marker else {})}
    async with Sandbox(**options) as sandbox:
        yield sandbox
    if sandbox.violations:
        pytest.fail("\n".join(sandbox.violations))
