"""A database behind a link of its own, which can be cut: nothing arrives any more, and nobody is told.

The link is a pair of virtual interfaces, one of them in a network namespace. There, a process forwards connections to
the database's socket file. It needs root and ``ip``.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import attrs

from .cluster import Cluster

FORWARD = """
import asyncio, sys

async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()

async def carry(reader, writer):
    from_server, to_server = await asyncio.open_unix_connection(sys.argv[3])
    await asyncio.gather(pump(reader, to_server), pump(from_server, writer))

async def main():
    server = await asyncio.start_server(carry, sys.argv[1], int(sys.argv[2]))
    print("ready", flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


@attrs.frozen
class Partition:
    """The link.

    Attributes:
        namespace: Where its far end lies.
        address: Of the far end.
    """

    namespace: str
    address: str

    def url(self, cluster: Cluster) -> str:
        """The database, through the link."""
        return cluster.url().replace("127.0.0.1", self.address)

    def cut(self) -> None:
        ip("-n", self.namespace, "link", "set", "far", "down")

    def heal(self) -> None:
        ip("-n", self.namespace, "link", "set", "far", "up")


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def is_allowed() -> bool:
    """Whether this machine allows it."""
    if os.getuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"aiosymphony-{secrets.token_hex(4)}"
    try:
        ip("netns", "add", name)
    except subprocess.CalledProcessError:
        return False
    ip("netns", "delete", name)
    return True


@contextmanager
def partition(cluster: Cluster) -> Iterator[Partition]:
    """A link to a cluster."""
    token = secrets.token_hex(3)
    made = Partition(f"aiosymphony-{token}", f"10.213.{secrets.randbelow(250)}.2")
    near = f"near-{token}"
    ip("netns", "add", made.namespace)
    try:
        ip("link", "add", near, "type", "veth", "peer", "name", "far", "netns", made.namespace)
        ip("address", "add", f"{made.address[:-1]}1/30", "dev", near)
        ip("link", "set", near, "up")
        ip("-n", made.namespace, "address", "add", f"{made.address}/30", "dev", "far")
        made.heal()
        socket = cluster.folder / f".s.PGSQL.{cluster.port}"
        forwarder = subprocess.Popen(
            ["ip", "netns", "exec", made.namespace, sys.executable, "-c", FORWARD, made.address, str(cluster.port),
             str(socket)],
            stdout=subprocess.PIPE,
        )  # fmt: skip
        assert forwarder.stdout is not None
        try:
            assert forwarder.stdout.readline() == b"ready\n"
            yield made
        finally:
            forwarder.kill()
            forwarder.wait()
            forwarder.stdout.close()
    finally:
        with suppress(subprocess.CalledProcessError):
            ip("netns", "delete", made.namespace)
