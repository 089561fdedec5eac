"""A wire between a store and its database, which a test cuts, blocks, or makes lose an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs


@attrs.define
class Wire:
    """Forwards bytes to a port.

    Attributes:
        port: Where it listens.
        loses: How many of the next answers it takes, with the connection, without handing them on.
        lost: How many it has taken.
        open: Cleared, nothing passes any more, and nobody is told.
    """

    target: int
    port: int = 0
    loses: int = 0
    lost: int = 0
    open: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.open.wait()
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self.target)
        ways = [
            asyncio.create_task(self._forward(reader, to_server, answers=False)),
            asyncio.create_task(self._forward(from_server, writer, answers=True)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for end in (writer, to_server):
            end.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        while data := await reader.read(65536):
            await self.open.wait()
            if answers and self.loses:
                self.loses -= 1
                self.lost += 1
                return
            writer.write(data)


@asynccontextmanager
async def wire(target: int) -> AsyncIterator[Wire]:
    """A wire to a port of this machine."""
    made = Wire(target)
    made.open.set()
    server = await asyncio.start_server(made.carry, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        made.open.set()
        server.close()
