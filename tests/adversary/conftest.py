"""What every test here gets, and the look behind it afterwards: the same as the fault tests."""

from tests.faults.conftest import (
    certificates,
    clients,
    clock,
    frozen,
    may_block,
    other,
    over,
    pem,
    pytest_asyncio_loop_factories,
    server,
    trail,
)

__all__ = [
    "certificates",
    "clients",
    "clock",
    "frozen",
    "may_block",
    "other",
    "over",
    "pem",
    "pytest_asyncio_loop_factories",
    "server",
    "trail",
]
