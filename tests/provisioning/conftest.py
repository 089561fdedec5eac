"""The PostgreSQL of this process's tests: started when the first of them asks for it."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from . import cluster as clusters
from .cluster import NONE, Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    if clusters.binaries() is None:
        pytest.skip(NONE)
    with clusters.cluster() as running:
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say it of all tests in one line."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple) and report.longrepr[2].endswith(NONE):
        report.longrepr = (__file__, 1, report.longrepr[2])
    return report
