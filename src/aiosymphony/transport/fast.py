"""A transport of our own, for programs that make thousands of requests a second: asyncio's protocols and httptools.

Needs the extra ``aiosymphony[fast]``. It keeps the promises of the default transport with a third of its work for a
request. ``fast_connection`` reads answers, ``fast_pool`` decides which connection a request gets, ``fast_dial`` makes
connections.

It is stricter about answers than the default: a line must end with CR and LF, a body must be encoded in a way that was
asked for, and ``Transfer-Encoding`` must be ``chunked``.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from yarl import URL

from ..auth.secrets import keeps_arguments_secret
from ..errors import ConfigError, TransportError
from . import failures
from .base import COMMON_HEADERS, MAX_BYTES, Response, checked_headers
from .inflate import encodings
from .tls import client_context, default_context

try:
    from .fast_connection import Connection
    from .fast_dial import Dialer, Proxy
    from .fast_origin import Origin, origin_of
    from .fast_pool import Pool
except ImportError as error:
    if error.name not in ("httptools", "aiohappyeyeballs"):
        raise
    raise ConfigError("the fast transport needs its extra: pip install 'aiosymphony[fast]'") from None

__all__ = ["FastTransport"]

_WITHOUT_LENGTH: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods whose requests say no length when they have no body."""


class FastTransport:
    """Sends requests over a pool of kept-alive connections of HTTP/1.1.

    The pool belongs to the event loop of the first request. TLS is 1.2 or newer. Certificates are always verified,
    against the system's authorities and ``ca_file``.
    """

    @keeps_arguments_secret
    def __init__(
        self,
        *,
        limit: int = 256,
        limit_per_host: int | None = None,
        connect_timeout: float = 10.0,
        ca_file: str | Path | None = None,
        client_cert: str | Path | None = None,
        client_key: str | Path | None = None,
        client_key_password: str | None = None,
        proxy: str | None = None,
        headers: Mapping[str, str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Configure the transport; nothing is opened yet.

        Args:
            limit: Connections in the pool. It should be at least the concurrency: waiting for a free connection counts
                against a request's time.
            limit_per_host: Connections to one server; None for as many as ``limit``.
            connect_timeout: Seconds to get a connection, DNS and TLS included.
            ca_file: A PEM file of certificate authorities to trust besides the system's.
            client_cert: A PEM file with the client certificate (and its key, unless ``client_key`` is given).
            client_key: A PEM file with the client certificate's key.
            client_key_password: The password of that key.
            proxy: An ``http://`` proxy to go through, with ``user:password@`` before the host if it asks for them.
                Proxies in the environment are ignored.
            headers: What every request carries besides, such as those that a gateway of yours wants.
            ssl_context: Verifies servers, in place of what the files say.

        Raises:
            ConfigError: A certificate file is missing or unusable, or the proxy's URL is; a header is not to be set; or
                a context and files are given.
        """
        common = {**COMMON_HEADERS, "Accept-Encoding": encodings(), **checked_headers(headers or {})}
        self._common = {name.lower(): f"{name}: {value}\r\n" for name, value in common.items()}
        # Almost all requests have the same few sets of names.
        self._fixed = lru_cache(maxsize=64)(self._headers_beside)
        if ssl_context is not None and (ca_file is not None or client_cert is not None):
            raise ConfigError("ssl_context knows whom to trust: leave out ca_file and client_cert")
        self._limit = limit
        self._limit_per_host = limit if limit_per_host is None else limit_per_host
        self._connect_timeout = connect_timeout
        self._proxy = None if proxy is None else _proxy(proxy)
        has_proxy = proxy is not None
        del proxy  # its password must not stand in the traceback of what fails below
        if has_proxy and self._proxy is None:
            raise ConfigError("proxy must be the URL of an HTTP proxy, such as http://proxy.example:3128")
        if ssl_context is None:
            ssl_context = client_context(ca_file, client_cert, client_key, client_key_password) or default_context()
        self._ssl = ssl_context
        self._user_agent = common["User-Agent"]
        self._pool: Pool | None = None
        self._retired: list[Pool] = []

    def __repr__(self) -> str:
        return f"FastTransport(limit={self._limit})"

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        timeout: float,  # noqa: ASYNC109 - see Transport.send
        max_bytes: int = MAX_BYTES,
        repeatable: bool = True,
    ) -> Response:
        """See :meth:`Transport.send`."""
        pool = self._pool or self._open()
        connection: Connection | None = None
        deadline = pool.deadlines.enter(timeout)
        try:
            slash = url.index("/", 8)
            origin = origin_of(url[:slash])
            connection = pool.take(origin, repeatable=repeatable)
            if connection is None:
                connection = await self._connect(pool, origin, timeout, repeatable=repeatable)
            # The head is made here and goes at once: it holds tokens, and no frame that waits must.
            outcome = await connection.ask(
                self._head(method, origin, url, slash, headers, body),
                body,
                max_bytes=max_bytes,
                no_body=method == "HEAD",
            )
            if type(outcome) is Response:
                if self._proxy is None or outcome.status != 407:
                    return outcome
                has_login = self._proxy.has_login
                failure = failures.proxy_refused(407, self._proxy.name, origin.authority, has_login=has_login)
            else:
                assert isinstance(outcome, TransportError)  # noqa: S101 - the one other outcome
                failure = outcome
        except TransportError as error:
            failure = error.with_traceback(None)
        except ValueError:
            failure = failures.unwritable() if connection is not None else failures.unusable_url()
        except asyncio.CancelledError:
            if not deadline.caused():
                raise
            # Without a connection, time was up twice while the loop was blocked.
            failure = failures.timed_out() if connection is not None else failures.timed_out_connecting(_server(url))
        finally:
            del headers, body
            deadline.leave()
            if connection is not None:
                pool.release(connection)
            if pool is not self._pool and pool.is_empty and pool in self._retired:
                self._retired.remove(pool)
        # Raised here, not in a handler, whose exception would be its __context__.
        raise failure

    def reset(self) -> None:
        """See :meth:`Transport.reset`."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.retire()
            if not pool.is_empty:
                self._retired.append(pool)

    async def close(self) -> None:
        """Close every connection."""
        pool, self._pool = self._pool, None
        for each in [*self._retired, *([] if pool is None else [pool])]:
            await each.close()
        self._retired.clear()

    async def _connect(self, pool: Pool, origin: Origin, timeout: float, *, repeatable: bool) -> Connection:  # noqa: ASYNC109
        """A connection, within the time for one.

        It ends before the whole does: only then is it known that nothing was sent.
        """
        deadline = pool.deadlines.enter(min(0.9 * timeout, self._connect_timeout))
        try:
            return await pool.connect(origin, repeatable=repeatable)
        except asyncio.CancelledError:
            if not deadline.caused():
                raise
        finally:
            deadline.leave()
        raise failures.timed_out_connecting(origin.authority)

    def _open(self) -> Pool:
        dialer = Dialer(tls=self._ssl, proxy=self._proxy, user_agent=self._user_agent)
        self._pool = Pool(limit=self._limit, limit_per_host=self._limit_per_host, dial=dialer.dial)
        return self._pool

    def _head(
        self, method: str, origin: Origin, url: str, slash: int, headers: Mapping[str, str], body: bytes | None
    ) -> bytes:
        """The request line and the headers.

        Raises:
            ValueError: They hold what cannot be sent.
        """
        target = url[slash:]
        if " " in target or not target.isascii():
            raise ValueError
        fixed, count, has_type = self._fixed(tuple(headers))
        if self._proxy is not None and origin.scheme == "http":
            # The proxy reads the whole URL.
            target = f"http://{origin.header}{target}"
            fixed += self._proxy.lines()
            count += self._proxy.has_login
        if body is not None:
            kind = "" if has_type else "Content-Type: application/octet-stream\r\n"
            count += 2 - has_type
            length = f"{kind}Content-Length: {len(body)}\r\n"
        elif method in _WITHOUT_LENGTH:
            length = ""
        else:
            count += 1
            length = "Content-Length: 0\r\n"
        given = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        head = f"{method} {target} HTTP/1.1\r\nHost: {origin.header}\r\n{fixed}{given}{length}\r\n"
        # A header with a line break of its own would be two.
        if head.count("\n") != count or head.count("\r") != count or "\0" in head:
            raise ValueError
        return head.encode()

    def _headers_beside(self, names: tuple[str, ...]) -> tuple[str, int, bool]:
        """What goes out beside headers of these names.

        Returns:
            The common headers that are not among them; how many lines that makes with theirs, the request line, Host
            and the empty line; and whether one of them is the content type.
        """
        given = {name.lower() for name in names}
        kept = [line for name, line in self._common.items() if name not in given]
        return "".join(kept), len(kept) + len(names) + 3, "content-type" in given


def _server(url: str) -> str:
    return origin_of(url[: url.index("/", 8)]).authority


def _proxy(text: str) -> Proxy | None:
    try:
        url = URL(text)
    except ValueError:
        return None
    return Proxy(url) if url.scheme == "http" and url.host else None
