"""Clients for the fault tests, on virtual time, and the operations they call."""

from __future__ import annotations

import gc
import ssl
from collections.abc import Callable
from typing import Any

import aiohttp
import httpx
import orjson

from aiosymphony.auth.oauth import ClientCredentials
from aiosymphony.session import Session
from aiosymphony.transport import Transport
from aiosymphony.transport.aiohttp import AiohttpTransport
from aiosymphony.transport.fast import FastTransport
from aiosymphony.transport.fast_pool import Pool
from aiosymphony.transport.httpx import HttpxTransport
from aiosymphony.wire.operation import Operation, Request
from aiosymphony.wire.responses import error_from_response

from .canary import CANARY
from .clock import LoopClock
from .server import FaultServer

TRANSPORTS: dict[str, Callable[..., Transport]] = {"aiohttp": AiohttpTransport, "fast": FastTransport}
"""Those that take the same arguments."""

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

    def __init__(self, server: FaultServer, over: str) -> None:
        self.server = server
        self.over = over
        self.clock = LoopClock()
        self._sessions: list[Session] = []
        self._transports: list[Transport] = []
        self._httpx: list[httpx.AsyncClient] = []

    def transport(self, **options: Any) -> Transport:
        """A transport of the kind that the test is over. With httpx, its client knows ``ca_file`` and nothing else."""
        made = self._over_httpx(**options) if self.over == "httpx" else TRANSPORTS[self.over](**options)
        self._transports.append(made)
        return made

    def _over_httpx(self, *, ca_file: Any = None) -> HttpxTransport:
        if ca_file is None:
            return HttpxTransport()
        trust = ssl.create_default_context(cafile=str(ca_file))
        client = httpx.AsyncClient(trust_env=False, verify=trust)
        self._httpx.append(client)
        return HttpxTransport(client)

    def session(
        self, *, base_url: str = "", auth: Any = None, transport: Transport | None = None, **options: Any
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
        pools_of_ours = [thing for thing in gc.get_objects() if isinstance(thing, Pool) and thing.in_use]
        return [
            *(f"{pool.in_use} connections in use" for pool in pools_of_ours),
            *(f"{limiter.in_flight} places taken in a limiter, {limiter.waiting} waiting" for limiter in limiters),
            *(f"{len(pool._acquired)} connections acquired" for pool in pools),
        ]

    async def close(self) -> None:
        for session in self._sessions:
            await session.close()
        for transport in self._transports:
            await transport.close()
        for client in self._httpx:
            await client.aclose()


async def attempt(call: Any) -> Any:
    """The result of a call, or the error it raised: for gathering outcomes."""
    try:
        return await call
    except Exception as error:  # noqa: BLE001 - the caller looks at it
        return error
