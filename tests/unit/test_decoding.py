"""Reading an answer: the garbage collector waits for it, and is left as it was found."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from aiosymphony.errors import DecodeError
from aiosymphony.wire.decoding import read, read_optional
from aiosymphony_api.pod.api.users import v2_user_get

OPERATION = v2_user_get.OPERATION
LARGE = orjson.dumps([{"id": number} for number in range(1000)])
SMALL = b'[{"id": 1}]'


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    yield
    gc.enable()


def enabled(value: Any) -> bool:
    assert value
    return gc.isenabled()


@pytest.mark.parametrize("reading", [read, read_optional])
def test_the_collector_waits_while_a_large_answer_is_read(reading: Any) -> None:
    assert reading(OPERATION, 200, LARGE, enabled) is False
    assert gc.isenabled()
    assert reading(OPERATION, 200, SMALL, enabled) is True


@pytest.mark.parametrize("reading", [read, read_optional])
def test_a_collector_that_is_off_stays_off(reading: Any) -> None:
    gc.disable()
    assert reading(OPERATION, 200, LARGE, enabled) is False
    assert not gc.isenabled()


@pytest.mark.parametrize("content", [LARGE[:-1], LARGE])
def test_the_collector_works_again_after_an_answer_that_cannot_be_read(content: bytes) -> None:
    def refuse(_: Any) -> Any:
        raise ValueError

    with pytest.raises(DecodeError):
        read(OPERATION, 200, content, refuse)
    assert gc.isenabled()


def test_the_collector_works_again_after_an_interrupt() -> None:
    def interrupted(_: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read(OPERATION, 200, LARGE, interrupted)
    assert gc.isenabled()


@pytest.mark.parametrize("content", [b"null", b" null\r\n", b"\tnull"])
def test_an_empty_answer_is_none(content: bytes) -> None:
    assert read_optional(OPERATION, 200, content, enabled) is None


@pytest.mark.parametrize("content", [b"null\x0b", b"", b"nul"])
def test_what_only_looks_empty_is_refused(content: bytes) -> None:
    with pytest.raises(DecodeError):
        read_optional(OPERATION, 200, content, enabled)
