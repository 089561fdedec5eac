"""The default transport: aiohttp, without those of its features that are not safe here.

``aiohttp_connector`` decides which connection a request gets, ``aiohttp_failures`` what a failure means.

* Redirects are not followed: aiohttp would send ``sessionToken`` and the body to another host.
* aiohttp's own retry after a disconnect is off: only the session retries.
* Exceptions of aiohttp hold the request headers: ours are raised outside the handler and do not refer to them.
* Proxies in the environment and ``.netrc`` are ignored; a proxy must be given.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import aiohttp
from aiohttp import hdrs
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from ..auth.secrets import keeps_arguments_secret
from ..errors import ConfigError, TransportError
from . import aiohttp_direct
from .aiohttp_connector import UNREPEATABLE, Connector
from .aiohttp_direct import Answer, Direct
from .aiohttp_failures import Peers, TooLarge, explain, proxy_refused
from .base import COMMON_HEADERS, MAX_BYTES, Response, checked_headers
from .deadlines import Deadlines
from .tls import client_context

if TYPE_CHECKING:
    from aiohttp.client import ClientTimeout

_NO_CONTENT_TYPE: Final = (hdrs.CONTENT_TYPE,)
_READ_SIZE: Final = 64 * 1024
# A pod behind several gateways adds long policy headers; aiohttp's 8 kB for one is too tight, 32 kB is no bomb.
_MAX_FIELD: Final = 32 * 1024


class AiohttpTransport:
    """Sends requests with aiohttp over a pool of kept-alive connections.

    The pool belongs to the event loop of the first request. TLS is 1.2 or newer. Certificates are always verified,
    against the system's authorities and ``ca_file``.
    """

    @keeps_arguments_secret
    def __init__(
        self,
        *,
        limit: int = 256,
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
        self._headers = {**COMMON_HEADERS, **checked_headers(headers or {})}
        if ssl_context is not None and (ca_file is not None or client_cert is not None):
            raise ConfigError("ssl_context knows whom to trust: leave out ca_file and client_cert")
        self._limit = limit
        self._connect_timeout = connect_timeout
        self._proxy = None if proxy is None else _proxy_url(proxy)
        has_proxy = proxy is not None
        del proxy  # its password must not stand in the traceback of what fails below
        if has_proxy and self._proxy is None:
            raise ConfigError("proxy must be the URL of an HTTP proxy, such as http://proxy.example:3128")
        # True is aiohttp's own context, made once per process: verified, TLS 1.2 at least.
        self._ssl = ssl_context or client_context(ca_file, client_cert, client_key, client_key_password) or True
        self._connecting = _connecting(connect_timeout)
        self._pool: _Pool | None = None
        self._retired: list[_Pool] = []
        self._closing: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"AiohttpTransport(limit={self._limit})"

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
        response: aiohttp.ClientResponse | Answer | None = None
        deadline = pool.deadlines.enter(timeout)
        if not repeatable:
            UNREPEATABLE.set(True)
        try:
            # Getting a connection ends before the whole does: only then is it known that nothing was sent.
            connecting = self._connecting if 0.9 * timeout > self._connect_timeout else _connecting(0.9 * timeout)
            if pool.direct is not None:
                response = await pool.direct.request(method, url, headers, body, timeout=connecting)
            else:
                response = await pool.session.request(
                    method,
                    _url(url),
                    headers=headers,
                    data=body,
                    allow_redirects=False,
                    timeout=connecting,
                    proxy=self._proxy,
                    # aiohttp would make up a content type for a POST without a body, which some pods' logins refuse.
                    skip_auto_headers=_NO_CONTENT_TYPE if body is None and method != "GET" else None,
                )
            declared = response.headers.get(hdrs.CONTENT_LENGTH)
            if declared is None or int(declared) > max_bytes or hdrs.CONTENT_ENCODING in response.headers:
                content = await _read(response, max_bytes)
            else:
                content = await response.read()
        except (aiohttp.ClientError, HttpProcessingError, OSError, TimeoutError, ValueError, EOFError) as error:
            failure = explain(error, self._peers(url), answered=response is not None)
        except asyncio.CancelledError:
            if response is not None:
                response.close()
            if not deadline.caused():
                raise
            failure = TransportError("timed out before the whole answer had arrived", kind="timeout")
        except BaseException:
            if response is not None:
                response.close()
            raise
        else:
            if response.status != 407 or self._proxy is None:
                return Response(response.status, response.headers, content)
            failure = proxy_refused(407, self._peers(url))
        finally:
            if not repeatable:
                UNREPEATABLE.set(False)
            deadline.leave()
            if pool is not self._pool and not pool.deadlines.in_use:
                self._drop(pool)
        if response is not None:
            response.close()
        # Raised here, not in the handler: as its __context__, aiohttp's exception would keep the tokens in reach.
        raise failure

    def reset(self) -> None:
        """See :meth:`Transport.reset`. A retired pool is closed when its last request is over."""
        pool, self._pool = self._pool, None
        if pool is not None:
            self._retired.append(pool)
            if not pool.deadlines.in_use:
                self._drop(pool)

    async def close(self) -> None:
        """Close every connection."""
        pool, self._pool = self._pool, None
        for retired in [*self._retired, *([] if pool is None else [pool])]:
            await retired.session.close()
        self._retired.clear()
        await asyncio.gather(*self._closing)

    def _drop(self, pool: _Pool) -> None:
        """Close a retired pool; its last request is the one that finds it unused."""
        if pool in self._retired:
            self._retired.remove(pool)
            task = asyncio.get_running_loop().create_task(pool.session.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _peers(self, url: str) -> Peers:
        return Peers(_origin(url[: url.index("/", 8)])[1], self._proxy)

    def _open(self) -> _Pool:
        connector = Connector(limit=self._limit, tls=self._ssl)
        session = aiohttp.ClientSession(
            connector=connector,
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            max_field_size=_MAX_FIELD,
        )
        # No public switch exists; a test counts the hits at a server that hangs up.
        session._retry_connection = False
        # Proxies want other request lines and headers, which are left to aiohttp.
        fits = aiohttp_direct.FITS and self._proxy is None
        direct = Direct(session, connector, self._headers, max_field=_MAX_FIELD) if fits else None
        self._pool = _Pool(session, direct, Deadlines())
        return self._pool


class _Pool(NamedTuple):
    """Connections, and the deadlines of the requests that are under way on them."""

    session: aiohttp.ClientSession
    direct: Direct | None
    """How requests are sent; None for by the session."""
    deadlines: Deadlines


def _connecting(seconds: float) -> ClientTimeout:
    """The timeout of getting a connection; the deadline bounds the whole.

    aiohttp rounds timeouts beyond ``ceil_threshold`` up to whole seconds, which would let the deadline win.
    """
    return aiohttp.ClientTimeout(total=None, connect=seconds, ceil_threshold=float("inf"))


@lru_cache(maxsize=16)
def _origin(text: str) -> tuple[str, str]:
    url = URL(text)
    # As it is sent: yarl's plain authority has neither the brackets of IPv6 nor the ASCII form of other hosts.
    return url.scheme, url.raw_authority


def _url(text: str) -> URL:
    """The URL as it stands. Its origin is parsed once, which costs a third of parsing each URL whole."""
    slash = text.index("/", 8)
    scheme, authority = _origin(text[:slash])
    path, _, query = text[slash:].partition("?")
    return URL.build(scheme=scheme, authority=authority, path=path, query_string=query, encoded=True)


async def _read(response: aiohttp.ClientResponse | Answer, max_bytes: int) -> bytes:
    """The whole body, unless it is larger than the cap. A compressed body is counted while it unpacks."""
    chunks: list[bytes] = []
    size = 0
    while chunk := await response.content.read(_READ_SIZE):
        size += len(chunk)
        if size > max_bytes:
            raise TooLarge(max_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


def _proxy_url(text: str) -> URL | None:
    try:
        url = URL(text)
    except ValueError:
        return None
    return url if url.scheme == "http" and url.host else None
