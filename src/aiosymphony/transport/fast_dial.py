"""Makes the connections of the fast transport: addresses, happy eyeballs, tunnels through proxies, TLS."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import socket
import ssl
from collections.abc import Callable
from time import monotonic
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from aiohappyeyeballs import start_connection
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
from yarl import URL

from . import failures
from .fast_connection import Connection
from .fast_origin import Origin

_HAPPY_EYEBALLS_DELAY: Final = 0.25
"""Seconds that an address has before the next one is tried beside it (RFC 8305)."""
_REMEMBERED: Final = 10.0
"""Seconds that the addresses of a host are used for further connections."""
_TURNS: Final = 4
_MAX_TUNNEL_HEAD: Final = 64 * 1024

_Address: TypeAlias = "tuple[int, int, int, str, tuple[Any, ...]]"


class Proxy:
    """A proxy, and what it wants to see; its repr shows no password."""

    __slots__ = ("_authorization", "host", "name", "port")

    def __init__(self, url: URL) -> None:
        self.host = url.raw_host or ""
        self.port = url.port or 80
        self.name = f"the proxy {url.host}:{url.port}"
        self._authorization = ""
        if url.raw_user is not None:
            login = f"{unquote(url.raw_user)}:{unquote(url.raw_password or '')}"
            self._authorization = base64.b64encode(login.encode()).decode()
            del login

    def __repr__(self) -> str:
        return f"Proxy({self.host}:{self.port})"

    @property
    def has_login(self) -> bool:
        """Whether a user was given."""
        return bool(self._authorization)

    def lines(self) -> str:
        """The header with the login, if there is one."""
        return f"Proxy-Authorization: Basic {self._authorization}\r\n" if self._authorization else ""

    def connect_request(self, origin: Origin, user_agent: str) -> bytes:
        """What asks for a tunnel."""
        target = f"[{origin.host}]" if ":" in origin.host else origin.host
        target = f"{target}:{origin.port}"
        return (
            f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: {user_agent}\r\n{self.lines()}\r\n"
        ).encode("latin-1")


class Dialer:
    """Makes connections to any origin."""

    def __init__(self, *, tls: ssl.SSLContext, proxy: Proxy | None, user_agent: str) -> None:
        self._tls = tls
        self._proxy = proxy
        self._user_agent = user_agent
        self._addresses: dict[tuple[str, int], _Addresses] = {}

    async def dial(self, origin: Origin, discard: Callable[[Connection], None]) -> Connection:
        """A connection on which nothing was sent yet.

        Raises:
            TransportError: There is none; nothing was sent.
        """
        sock = await self._reach(origin)
        try:
            if self._proxy is not None and origin.scheme == "https":
                await self._open_tunnel(sock, origin, self._proxy)
            connection = await self._adopt(sock, origin, discard)
        except BaseException:
            sock.close()
            raise
        try:
            # What came with the end of the handshake, such as an alert, asyncio tells after some turns of the loop; and
            # that a connection ends a few turns before why.
            for _ in range(_TURNS if origin.scheme == "https" else 0):
                await asyncio.sleep(0)
            if connection.is_usable:
                return connection
            for _ in range(_TURNS):
                await asyncio.sleep(0)
        except BaseException:
            connection.close()
            raise
        connection.close()
        reason = connection.lost_by
        if isinstance(reason, ssl.SSLError) and connection.is_refusal(reason):
            raise failures.no_handshake(reason, origin.authority)
        if self._proxy is not None:
            raise failures.no_tunnel(self._proxy.name, origin.authority)
        raise failures.closed_unasked(origin.authority)

    async def _reach(self, origin: Origin) -> socket.socket:
        """A socket that is connected to the server, or to the proxy."""
        proxy = self._proxy
        host, port = (origin.host, origin.port) if proxy is None else (proxy.host, proxy.port)
        name = origin.authority if proxy is None else proxy.name
        known = self._addresses.get((host, port))
        if known is None:
            known = self._addresses[host, port] = _Addresses(host, port)
        try:
            addresses = await known.get()
        except (OSError, UnicodeError):
            addresses = []
        if not addresses:
            raise failures.unresolved(name)
        try:
            sock = await start_connection(
                addresses,
                happy_eyeballs_delay=_HAPPY_EYEBALLS_DELAY,
                interleave=1,
            )
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        except (OSError, RuntimeError):  # uvloop raises the latter
            known.forget()
        else:
            return sock
        raise failures.unconnected(name)

    async def _open_tunnel(self, sock: socket.socket, origin: Origin, proxy: Proxy) -> None:
        loop = asyncio.get_running_loop()
        answer = _TunnelAnswer()
        parser = HttpResponseParser(answer)
        status = 0
        try:
            await loop.sock_sendall(sock, proxy.connect_request(origin, self._user_agent))
            while not answer.is_complete:
                data = await loop.sock_recv(sock, 4096)
                answer.received += len(data)
                if not data or answer.received > _MAX_TUNNEL_HEAD:
                    break
                parser.feed_data(data)
            else:
                status = parser.get_status_code()
        except (OSError, HttpParserError, HttpParserUpgrade):
            status = 0
        if not status or answer.has_more:
            raise failures.no_tunnel(proxy.name, origin.authority)
        if not 200 <= status < 300:
            raise failures.proxy_refused(status, proxy.name, origin.authority, has_login=proxy.has_login)

    async def _adopt(self, sock: socket.socket, origin: Origin, discard: Callable[[Connection], None]) -> Connection:
        loop = asyncio.get_running_loop()
        server = origin.authority
        try:
            if origin.scheme == "https":
                _, connection = await loop.create_connection(
                    lambda: Connection(origin, discard),
                    sock=sock,
                    ssl=self._tls,
                    server_hostname=origin.host.rstrip("."),
                )
            else:
                _, connection = await loop.create_connection(lambda: Connection(origin, discard), sock=sock)
        except ssl.SSLCertVerificationError as error:
            failure = failures.untrusted(error, server)
        except ssl.SSLError as error:
            failure = failures.no_handshake(error, server)
        except OSError:
            failure = failures.unconnected(server)
        else:
            return connection
        raise failure


class _TunnelAnswer:
    """What the parser of a proxy's answer calls."""

    def __init__(self) -> None:
        self.received = 0
        self.is_complete = False
        self.has_more = False

    def on_headers_complete(self) -> None:
        self.is_complete = True


class _Addresses:
    """The addresses of a host, which are asked for once for many connections."""

    __slots__ = ("_found", "_host", "_lock", "_port", "_until")

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._lock = asyncio.Lock()
        literal = _literal(host, port)
        self._found: list[_Address] = [] if literal is None else [literal]
        self._until = float("-inf") if literal is None else float("inf")

    async def get(self) -> list[_Address]:
        """Raises OSError or UnicodeError if there is none."""
        if monotonic() < self._until:
            return self._found
        async with self._lock:
            if monotonic() >= self._until:
                loop = asyncio.get_running_loop()
                found: Any = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
                self._found, self._until = found, monotonic() + _REMEMBERED
        return self._found

    def forget(self) -> None:
        """Ask again before the next connection."""
        if self._until != float("inf"):
            self._until = float("-inf")


def _literal(host: str, port: int) -> _Address | None:
    """The address that is written out; None if it is a name, or has a scope that the system must look up."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if address.version == 4:
        return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port)
    if "%" in host:
        return None
    return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, 0, 0)
