"""A program's life, its health over HTTP, the caller's trace id, and the fields of log records."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import respx
from httpx import Response

from aiosymphony import (
    AuthError,
    ConfigError,
    Life,
    PodClient,
    RetryPolicy,
    RsaAuth,
    StaticToken,
    run,
    serve_health,
    trace_id,
)
from aiosymphony.sandbox import Sandbox
from aiosymphony.transport.httpx import HttpxTransport


def test_main_ends_by_itself_with_its_result_or_its_error() -> None:
    async def well(life: Life) -> int:
        assert not life.is_stopping
        return 7

    async def badly(_life: Life) -> None:
        raise ValueError("wrong")

    assert run(well) == 7
    with pytest.raises(ValueError, match="wrong"):
        run(badly)
    with pytest.raises(ConfigError, match="HOST:PORT"):
        run(well, health="nowhere")


async def test_what_waits_ends_when_it_is_asked_to_stop() -> None:
    life, seen, ended = Life(), [], []

    async def source() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
            await asyncio.sleep(3600)
        finally:
            ended.append(True)

    async def follow() -> None:
        seen.extend([item async for item in life.until_stopped(source())])

    task = asyncio.create_task(follow())
    assert await life.sleep(0.01)
    assert seen == []
    life.stop()
    await task
    assert (seen, ended) == ([1, 2], [True])
    assert not await life.sleep(3600)
    assert [item async for item in life.until_stopped(source())] == []


async def test_health_is_told_as_an_object_and_over_http() -> None:
    async with Sandbox(users=1, token_ttl=600.0) as sandbox, aiohttp.ClientSession() as session:
        life = Life()
        async with (
            PodClient(sandbox.url, RsaAuth(sandbox.bot.username, sandbox.bot.private_key)) as pod,
            serve_health(lambda: life.is_ready, port=0, details=life.to_dict) as port,
        ):
            life.watch(pod)
            before = pod.health()
            assert (before.is_ready, before.tokens, before.success_ago) == (True, [], None)
            await pod.session.info()
            health = pod.health()
            (token,) = health.tokens
            assert (token.scheme, token.held, token.refused) == ("sessionToken", True, "")
            assert health.success_ago is not None
            assert (health.in_flight, health.waiting, health.failure) == (0, 0, "")
            assert health.concurrency == pod.limiter.concurrency

            async def status(path: str) -> int:
                async with session.get(f"http://127.0.0.1:{port}/{path}") as response:
                    return response.status

            assert [await status(path) for path in ("healthz", "readyz", "health", "other")] == [200, 200, 200, 404]
            async with session.get(f"http://127.0.0.1:{port}/health") as response:
                told = await response.json()
            assert told["clients"][0]["tokens"][0]["scheme"] == "sessionToken"
            secret = (await pod.token()).reveal()
            assert secret not in repr(told) + repr(health)
            life.stop()
            assert [await status(path) for path in ("healthz", "readyz")] == [200, 503]
            with pytest.raises(ConfigError, match="health cannot be told"):
                async with serve_health(lambda: True, port=port):
                    pass
        assert pod.health().is_closed
        assert not life.is_ready


async def test_a_refused_login_is_told() -> None:
    async with Sandbox(users=1) as sandbox, PodClient(sandbox.url, RsaAuth("nobody", sandbox.bot.private_key)) as pod:
        with pytest.raises(AuthError):
            await pod.session.info()
        (token,) = pod.health().tokens
        assert "was refused" in token.refused
        assert not pod.health().is_ready


@pytest.fixture
async def pod() -> AsyncIterator[PodClient]:
    transport, retry = HttpxTransport(), RetryPolicy(base=0.001)
    async with PodClient("https://acme.symphony.test", StaticToken("t"), transport=transport, retry=retry) as made:
        yield made


async def test_the_callers_trace_id_is_sent_and_told(pod: PodClient) -> None:
    with respx.mock(base_url="https://acme.symphony.test") as wire:
        route = wire.get("/pod/v2/sessioninfo").respond(json={"id": 7})
        with trace_id("ticket-4711"):
            await asyncio.gather(pod.session.info(), pod.session.info())
        await pod.session.info()
        sent = [call.request.headers["X-Trace-Id"] for call in route.calls]
    assert sent[:2] == ["ticket-4711"] * 2
    assert len(sent[2]) == 6
    for wrong in ("", "a b", "a\nb", "é"):
        with pytest.raises(ConfigError, match="trace id"), trace_id(wrong):
            pass


async def test_each_attempt_is_a_record_with_fields(pod: PodClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "aiosymphony")
    with respx.mock(base_url="https://acme.symphony.test") as wire:
        wire.get("/pod/v2/sessioninfo").mock(side_effect=[Response(503), Response(200, json={"id": 7})])
        with trace_id("abc123"):
            await pod.session.info()
    records: list[Any] = [record for record in caplog.records if record.levelno == logging.DEBUG]
    fields = [(record.operation, record.status, record.trace_id, record.attempt) for record in records]
    assert fields == [("v2_sessioninfo_get", 503, "abc123", 1), ("v2_sessioninfo_get", 200, "abc123", 2)]
    assert all(0 <= record.duration < 5 for record in records)
    (retried,) = [record for record in caplog.records if record.name == "aiosymphony.session" and record.levelno == 20]
    assert (retried.operation, retried.status, retried.trace_id) == ("v2_sessioninfo_get", 503, "abc123")


async def test_a_program_whose_records_have_such_fields_already_fails_no_call(
    pod: PodClient, caplog: pytest.LogCaptureFixture
) -> None:
    """As those of a program that uses symphony-bdk-python do."""
    caplog.set_level(logging.DEBUG, "aiosymphony")
    factory = logging.getLogRecordFactory()

    def with_fields(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = factory(*args, **kwargs)
        record.trace_id = record.operation = record.status = "theirs"
        return record

    logging.setLogRecordFactory(with_fields)
    try:
        with respx.mock(base_url="https://acme.symphony.test") as wire:
            wire.get("/pod/v2/sessioninfo").mock(side_effect=[Response(503), Response(200, json={"id": 7})])
            assert (await pod.session.info()).id == 7
    finally:
        logging.setLogRecordFactory(factory)
    records: list[Any] = [record for record in caplog.records if record.levelno == logging.DEBUG]
    assert [record.status for record in records if record.name == "aiosymphony.session"] == [503, 200]


@pytest.mark.parametrize(("level", "shown"), [("debug", 2), ("info", 1), ("error", 0), ("nonsense", 1), ("", 0)])
def test_the_environment_shows_the_log(level: str, shown: int) -> None:
    script = (
        "import logging, aiosymphony, aiosymphony.logs\n"
        "log = logging.getLogger('aiosymphony.session')\n"
        "log.debug('one'); log.info('two')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, env={"AIOSYMPHONY_LOG": level,
        "PYTHONPATH": ":".join(filter(None, sys.path))},
    )  # fmt: skip
    assert len(done.stderr.splitlines()) == shown
