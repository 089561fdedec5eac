"""Clients for the fault tests, on virtual time, and the operations they call."""

from __future__ import annotations

import gc
from typing import Any

import aiohttp
import orjson

from aiosymphony.auth.oauth import ClientCredentials
from aiosymphony.session import Session
from aiosymphony.transport.aiohttp import AiohttpTransport
from aiosymphony.wire.operation import Operation, Request
from aiosymphony.wire.responses import error_from_response

from .canary import CANARY
from .clock import LoopClock
from .server import FaultServer

THING = "/pod/v1/thing"


def operation(
    method: str,
    path: str = THING,
    *,
    idempotent: bool | None = None,
    auth: tuple[str, ...] = ("bearer",),
    api: str = "pod",
    **facts: Any,
) -> Operation[..., Any]:
    """A small operation: a JSON body goes out, a JSON value comes back; only reads are idempotent by default."""

    def build(body: Any = None, query: str = "") -> Request[Any]:
        content = None if body is None else orjson.dumps(body)
        return Request(made, path, query, None, content, None if content is None else "application/json")

    def parse(status: int, headers: Any, content: bytes) -> Any:
        if status == 204:
            return None
        if status not in (200, 201):
            raise error_from_response(made, status, headers, content)
        return parse_json(content)

    def parse_json(content: bytes) -> Any:
        from aiosymphony.wire.decoding import read

        return read(made, 200, content, lambda value: value)

    made: Operation[..., Any] = Operation(
        id=f"{path.strip('/').replace('/', '_')}_{method.lower()}",
        api=api,
        method=method,
        path=path,
        tag="things",
        auth=auth,
        idempotent=method == "GET" if idempotent is None else idempotent,
        build=build,
        parse=parse,
        **facts,
    )
    return made


READ = operation("GET")
CREATE = operation("POST")
REPLACE = operation("PUT", idempotent=True)
OPEN_READ = operation("GET", auth=())
OPEN_CREATE = operation("POST", auth=())


class Clients:
    """Makes clients for a test, and at its end sees that they are idle and closes them."""

    def __init__(self, server: FaultServer) -> None:
        self.server = server
        self.clock = LoopClock()
        self._sessions: list[Session] = []
        self._transports: list[AiohttpTransport] = []

    def transport(self, **options: Any) -> AiohttpTransport:
        made = AiohttpTransport(**options)
        self._transports.append(made)
        return made

    def session(
        self, *, base_url: str = "", auth: Any = None, transport: AiohttpTransport | None = None, **options: Any
    ) -> Session:
        base_url = base_url or self.server.url
        made = Session(
            hosts=lambda _: base_url,
            auth=self.credentials() if auth is None else auth,
            transport=self.transport() if transport is None else transport,
            clock=self.clock,
            **options,
        )
        self._sessions.append(made)
        return made

    def credentials(self) -> ClientCredentials:
        return ClientCredentials("partner", f"secret-{CANARY}", token_url=f"{self.server.url}/oauth/token")

    def busy(self) -> list[str]:
        """Whatever still holds something."""
        limiters = [
            limiter
            for session in self._sessions
            for limiter in (session.limiter, *session._router.families.values())
            if limiter.in_flight or limiter.waiting
        ]
        pools = [thing for thing in gc.get_objects() if isinstance(thing, aiohttp.BaseConnector) and thing._acquired]
        return [
            *(f"{limiter.in_flight} places taken in a limiter, {limiter.waiting} waiting" for limiter in limiters),
            *(f"{len(pool._acquired)} connections acquired" for pool in pools),
        ]

    async def close(self) -> None:
        for session in self._sessions:
            await session.close()
        for transport in self._transports:
            await transport.close()


async def attempt(call: Any) -> Any:
    """The result of a call, or the error it raised: for gathering outcomes."""
    try:
        return await call
    except Exception as error:  # noqa: BLE001 - the caller looks at it
        return error
