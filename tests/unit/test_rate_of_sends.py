"""The rate as a server sees it: what leaves the client, and not what its limiter has let through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
import pytest

from aiosymphony.auth.oauth import ClientCredentials
from aiosymphony.limits import Limits
from aiosymphony.session import Session
from aiosymphony.transport import Response
from tests.faults.clients import READ
from tests.faults.clock import JumpingLoop, LoopClock, busiest


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=lambda: JumpingLoop(grace=0.0)) as runner:
        runner.run(main())


class Server:
    """Answers each call after 10 ms and each login after 900; notes when they came in."""

    def __init__(self) -> None:
        self.seen: list[float] = []
        self.logins = 0
        self.revoked = 0

    async def send(self, method: str, url: str, headers: Any, *_: Any, **__: Any) -> Response:
        if url.endswith("/oauth/token"):
            await asyncio.sleep(0.9)
            self.logins += 1
            return Response(200, {}, orjson.dumps({"access_token": f"token-{self.logins}"}))
        self.seen.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.01)
        valid = int(headers["Authorization"].rpartition("-")[2]) > self.revoked
        return Response(200 if valid else 401, {}, b"{}")

    def reset(self) -> None:
        pass

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("rate", [100.0, 400.0])
def test_a_login_holds_nobody_back_who_has_been_counted_already(rate: float) -> None:
    """The first one, which comes before any call, and one in the middle of many, after a 401."""

    async def main() -> None:
        server = Server()
        auth = ClientCredentials("id", "secret", token_url="https://localhost/oauth/token")
        session = Session(
            hosts=lambda _: "https://localhost",
            auth=auth,
            transport=server,
            limits=Limits(rate=rate),
            clock=LoopClock(),
        )
        calls = [asyncio.ensure_future(session.execute(READ.build())) for _ in range(int(4 * rate))]
        while len(server.seen) < 2 * rate:
            await asyncio.sleep(0.01)
        server.revoked = server.logins
        await asyncio.gather(*calls)
        assert server.logins == 2
        assert busiest(server.seen) <= rate
        await session.close()

    run(main)
