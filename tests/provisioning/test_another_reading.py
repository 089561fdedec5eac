"""A job that is not finished goes on with the rows that it began with, however its file is read by now."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiosymphony import JobRefused
from aiosymphony.provisioning import Desired, prepare
from aiosymphony.provisioning.journal.base import JobHeader
from aiosymphony.provisioning.journal.memory import MemoryStore
from aiosymphony.provisioning.plans.file import Plan
from tests.provisioning.tenant import Tenant

FILE = "email,private,firstName,lastName\nann@acme.com,ann@home.example,Ann,Lee\n"
ONE = {"private": None}
OTHER = {"email": None, "private": "email"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(FILE)
    return path


async def begin(store: MemoryStore, tenant: Tenant, desired: Desired) -> Plan:
    made = await prepare(store, tenant, desired)
    assert made is not None
    await store.begin(JobHeader.of(made, made_at=1.0), made.actions())
    return made


async def test_84_another_map_is_no_resumption(file: Path, tmp_path: Path) -> None:
    tenant = Tenant()
    async with MemoryStore() as store:
        made = await begin(store, tenant, Desired.read(file, "connect", columns=ONE))
        assert await prepare(store, tenant, Desired.read(file, "connect", columns=ONE)) is None
        with pytest.raises(JobRefused, match=r"people\.csv is read differently than when the job in .* began"):
            await prepare(store, tenant, Desired.read(file, "connect", columns=OTHER))
        # The saved plan knows how its file was read.
        made.save(tmp_path / "people.plan")
        assert await prepare(store, tenant, Plan.load(tmp_path / "people.plan")) is None


async def test_84_another_encoding_is_no_resumption(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes("email,firstName,lastName\nann@acme.com,Jürgen,Lee\n".encode("windows-1252"))
    tenant = Tenant()
    async with MemoryStore() as store:
        await begin(store, tenant, Desired.read(file, "connect", encoding="windows-1252"))
        # The same rows, by another name of the same encoding.
        assert await prepare(store, tenant, Desired.read(file, "connect", encoding="cp1252")) is None
        with pytest.raises(JobRefused, match="is read differently"):
            await prepare(store, tenant, Desired.read(file, "connect", encoding="mac-roman"))
