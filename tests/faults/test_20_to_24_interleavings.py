"""Cases 18 and 20 to 24 in any order at once: hypothesis looks for an interleaving that breaks a promise.

A model of a server stands in for the transport; everything above is the real thing, on virtual time. In whatever way
calls, cancellations, expiries, refusals, losses and clock steps interleave: never two logins under way, never a create
carried out twice, never an error that claims a create did not happen when it did, never a call that does not end, and
the limiter back at zero.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import orjson
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from aiosymphony.auth.oauth import ClientCredentials
from aiosymphony.errors import OutcomeUnknown, SymphonyError, TransportError
from aiosymphony.limits import Limit, Limits
from aiosymphony.session import Session
from aiosymphony.transport import Response

from .clients import operation
from .clock import JumpingLoop, LoopClock

READ = operation("GET", family="search")
CREATE = operation("POST")
TIMEOUT = 30.0

CALL_MODES = ["ok", "429", "429 long", "503", "503 door", "unconnected", "lost unacted", "lost acted", "html", "slow"]
LOGIN_MODES = ["ok", "500", "401", "lost", "slow", "429"]
SECONDS = st.sampled_from([0.0, 0.05, 0.1, 0.5, 2.0, 15.0, 40.0, 70.0])


class ModelServer:
    """A transport that behaves as scripted: per call, and per login. Whoever has no script left is served well."""

    def __init__(self) -> None:
        self.scripts: dict[int, list[str]] = {}
        self.login_script: list[str] = []
        self.latency = 0.1
        self.life: float | None = None
        self.issued = self.oldest_valid = 0
        self.logins_in_flight = self.most_logins = 0
        self.in_flight = 0
        self.acts: Counter[int] = Counter()
        self.sends: Counter[int] = Counter()

    async def send(
        self,
        method: str,
        url: str,
        headers: Any,
        body: bytes | None,
        *,
        timeout: float,  # noqa: ASYNC109 - see Transport.send
        max_bytes: int = 0,
        repeatable: bool = True,
    ) -> Response:
        if url.endswith("/oauth/token"):
            self.logins_in_flight += 1
            self.most_logins = max(self.most_logins, self.logins_in_flight)
            try:
                return await self._login(timeout)
            finally:
                self.logins_in_flight -= 1
        self.in_flight += 1
        try:
            return await self._call(int(url.rpartition("=")[2]), headers, timeout)
        finally:
            self.in_flight -= 1

    async def _login(self, limit: float) -> Response:
        mode = self.login_script.pop(0) if self.login_script else "ok"
        await self._travel(mode, limit)
        match mode:
            case "500" | "401" | "429":
                return Response(int(mode), {}, b"{}")
            case "lost":
                raise TransportError("lost")
        self.issued += 1
        answer = {"access_token": f"token-{self.issued}", "expires_in": self.life}
        return Response(200, {}, orjson.dumps(answer))

    async def _call(self, number: int, headers: Any, limit: float) -> Response:
        script = self.scripts.get(number)
        mode = script.pop(0) if script else "ok"
        self.sends[number] += 1
        if mode == "unconnected":
            raise TransportError("refused", sent=False, kind="connect")
        await self._travel(mode, limit)
        if int(headers["Authorization"].rpartition("-")[2]) < self.oldest_valid:
            return Response(401, {}, b"{}")
        match mode:
            case "429":
                return Response(429, {"Retry-After": "2"}, b"{}")
            case "429 long":
                return Response(429, {"Retry-After": "1e9"}, b"{}")
            case "503 door":
                return Response(503, {"Retry-After": "0"}, b"")
            case "503":
                return Response(503, {}, b"")
            case "lost unacted":
                raise TransportError("lost")
        self.acts[number] += 1
        match mode:
            case "lost acted":
                raise TransportError("lost")
            case "html":
                return Response(200, {}, b"<html>")
        return Response(200, {}, orjson.dumps(number))

    async def _travel(self, mode: str, limit: float) -> None:
        if mode == "slow":
            await asyncio.sleep(limit)
            raise TransportError("too slow", kind="timeout")
        await asyncio.sleep(self.latency)

    def reset(self) -> None:
        pass

    async def close(self) -> None:
        pass


class Interleavings(RuleBasedStateMachine):
    @initialize(life=st.sampled_from([None, 20.0, 300.0]), concurrency=st.sampled_from([1, 2, 8]))
    def start(self, life: float | None, concurrency: int) -> None:
        self.loop = JumpingLoop(grace=0.0)
        self.clock = LoopClock()
        self.server = ModelServer()
        self.server.life = life
        self.loop.run_until_complete(self.open(concurrency))
        self.calls: dict[int, asyncio.Task[Any]] = {}

    async def open(self, concurrency: int) -> None:
        self.session = Session(
            hosts=lambda _: "http://127.0.0.1",
            auth=ClientCredentials("id", "secret", token_url="http://127.0.0.1/oauth/token"),
            transport=self.server,
            limits=Limits(concurrency=concurrency, rate=50.0, families={"search": Limit(concurrency=2)}),
            timeout=TIMEOUT,
            clock=self.clock,
        )

    def run(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @rule(
        scripts=st.lists(st.lists(st.sampled_from(CALL_MODES), max_size=5), min_size=1, max_size=6),
        kind=st.sampled_from([CREATE, READ]),
        seconds=SECONDS,
    )
    def begin(self, scripts: list[list[str]], kind: Any, seconds: float) -> None:
        for script in scripts:
            number = len(self.calls)
            self.server.scripts[number] = script
            call = self.session.execute(kind.build(query=f"number={number}"))
            self.calls[number] = self.loop.create_task(call, name=kind.method)
        self.run(seconds)

    @rule(which=st.integers(0, 10**6), seconds=SECONDS)
    @precondition(lambda self: self.calls)
    def cancel(self, which: int, seconds: float) -> None:
        self.calls[which % len(self.calls)].cancel()
        self.run(seconds)

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.run(seconds)

    @rule(script=st.lists(st.sampled_from(LOGIN_MODES), max_size=6))
    def logins_go(self, script: list[str]) -> None:
        self.server.login_script = script

    @rule(latency=st.sampled_from([0.0, 0.1, 1.0, 5.0]))
    def travels_take(self, latency: float) -> None:
        self.server.latency = latency

    @rule()
    def expire(self) -> None:
        self.server.oldest_valid = self.server.issued + 1

    @rule(seconds=st.sampled_from([-3600.0, -30.0, 30.0, 3600.0]))
    def set_clock(self, seconds: float) -> None:
        self.clock.step(seconds)

    @invariant()
    def one_login_at_most(self) -> None:
        if hasattr(self, "server"):
            assert self.server.most_logins <= 1

    @invariant()
    def nothing_is_done_twice(self) -> None:
        for number, call in getattr(self, "calls", {}).items():
            if call.get_name() == "GET":
                continue
            acts = self.server.acts[number]
            assert acts <= 1
            assert self.server.sends[number] <= 7
            if not call.done() or call.cancelled():
                continue
            error = call.exception()
            if error is None:
                assert (acts, call.result()) == (1, number)
            else:
                assert isinstance(error, SymphonyError)
                assert acts == 0 or isinstance(error, OutcomeUnknown)
                assert error.may_have_acted == isinstance(error, OutcomeUnknown)
                assert self.server.sends[number] > 0 or not error.may_have_acted

    @invariant()
    def the_limiter_knows_what_is_under_way(self) -> None:
        if hasattr(self, "server"):
            limiter = self.session.limiter
            assert self.server.in_flight <= limiter.in_flight
            assert 0 <= limiter.in_flight <= limiter._roof

    def teardown(self) -> None:
        if not hasattr(self, "server"):
            return
        self.server.latency = 0.1
        self.server.login_script = []
        # Longer than any call may take: its timeouts, each with a login of as many before, the waits, and the queue.
        self.run(3600.0)
        try:
            assert all(call.done() for call in self.calls.values())
            assert self.session.limiter.in_flight == self.session.limiter.waiting == 0
            assert self.server.in_flight == self.server.logins_in_flight == 0
            self.nothing_is_done_twice()
            assert self.loop.run_until_complete(self.session.execute(CREATE.build(query="number=-2"))) == -2
            self.loop.run_until_complete(self.session.close())
            assert not asyncio.all_tasks(self.loop)
        finally:
            for call in self.calls.values():
                if call.done() and not call.cancelled():
                    call.exception()
            self.loop.close()


def test_case_20_to_24_no_interleaving_breaks_a_promise() -> None:
    run_state_machine_as_test(
        Interleavings,
        settings=settings(
            max_examples=250, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
