"""A transport over httpx, for programs that hold an httpx client already, and for tests with respx.

Needs the extra ``aiosymphony[httpx]``. Under load it is several times slower than the default transport.

It keeps the promises of the default transport, except where the httpx client decides: authorities, proxies, TLS
versions, the number of connections, cookies and hooks. The connections belong to that client:
:meth:`HttpxTransport.reset` cannot close them, and a request that must not be repeated may get one that was idle.

* Bodies are unpacked here, piece by piece up to the cap: httpx unpacks each packet as a whole, so that a brotli bomb of
  some kilobytes becomes gigabytes. Only gzip and deflate are asked for.
* A connection that holds more than the answer is closed: httpx would take the rest for the next answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpx

from ..errors import TransportError
from . import failures
from .base import COMMON_HEADERS, MAX_BYTES, Response
from .deadlines import Deadlines
from .inflate import BrokenBodyError, UnknownEncodingError, unpacker
from .tls import certificate_problem, ended_handshake, handshake_problem, is_permanent, words

_ENCODINGS: Final = "gzip, deflate"
_CONNECT_TIMEOUT: Final = 10.0


class HttpxTransport:
    """Sends requests with an :class:`httpx.AsyncClient`, which decides on TLS, proxy and pool."""

    def __init__(self, client: httpx.AsyncClient | None = None) -> None:
        """Use ``client``, which stays the caller's to close, or a new one, which :meth:`close` closes."""
        self._owned = client is None
        # A jar that takes no cookie, as the default transport has none: a token is all that tells who is calling.
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        self._client = client or httpx.AsyncClient(trust_env=False, cookies=no_cookies)
        self._deadlines: Deadlines | None = None

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        timeout: float,  # noqa: ASYNC109 - see Transport.send
        max_bytes: int = MAX_BYTES,
        repeatable: bool = True,  # noqa: ARG002 - the pool is the client's, which gives no choice
    ) -> Response:
        """See :meth:`Transport.send`."""
        if self._deadlines is None:
            self._deadlines = Deadlines()
        exchange = _Exchange()
        response: httpx.Response | None = None
        # httpx has a timeout for each phase alone; the deadline for the whole is kept here.
        deadline = self._deadlines.enter(timeout)
        try:
            connecting = min(0.9 * timeout, _CONNECT_TIMEOUT)
            request = self._client.build_request(
                method,
                url,
                headers={**COMMON_HEADERS, "Accept-Encoding": _ENCODINGS, **headers},
                content=body,
                timeout=httpx.Timeout(None, connect=connecting, pool=connecting),
                extensions={"trace": exchange.trace},
            )
            response = await self._client.send(request, stream=True, follow_redirects=False, auth=None)
            content = await _read(response, max_bytes)
            await _keep_only_if_clean(response)
            await response.aclose()
            return Response(response.status_code, response.headers, content)
        except asyncio.CancelledError:
            await _abandon(response)
            if not deadline.caused():
                raise
            failure = TransportError("timed out before the whole answer had arrived", kind="timeout")
        except (
            httpx.HTTPError,
            httpx.InvalidURL,
            httpx.StreamError,
            OSError,
            ValueError,
        ) as error:
            await _abandon(response)
            failure = _transport_error(error, exchange, httpx.URL(url).netloc.decode("ascii"), max_bytes)
        except BaseException:
            await _abandon(response)
            raise
        finally:
            deadline.leave()
        # Raised here, not in the handlers, so that no exception of httpx (which holds the request) hangs on to it.
        raise failure

    def reset(self) -> None:
        """Do nothing: no answer waits on a connection of the pool, and the pool belongs to the client's owner."""

    async def close(self) -> None:
        """Close the client if it was made here."""
        if self._owned:
            await self._client.aclose()


class _Exchange:
    """How far one request came, by httpcore's trace; a client without a network reports nothing."""

    __slots__ = ("may_have_left", "tls")

    def __init__(self) -> None:
        self.may_have_left = False
        """Whether writing the request began."""
        self.tls: ssl.SSLObject | None = None
        """The TLS of the connection, if it was made for this request."""

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            self.may_have_left = True
        elif event.endswith("start_tls.complete"):
            self.tls = info["return_value"].get_extra_info("ssl_object")


class _TooLarge(ValueError):
    """The body is larger than the cap."""


async def _read(response: httpx.Response, max_bytes: int) -> bytes:
    """The whole body, unpacked."""
    chunks: list[bytes] = []
    size = 0
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("br", "zstd"):
        raise UnknownEncodingError
    packed = unpacker(encoding)
    # The stream itself: the iterators of the response would give the connection back to the pool at the end.
    stream = response.stream
    assert isinstance(stream, httpx.AsyncByteStream)  # noqa: S101 - the client of an AsyncClient's answer has no other
    async for data in stream:
        for piece in (data,) if packed is None else packed.pieces(data):
            size += len(piece)
            if size > max_bytes:
                raise _TooLarge
            chunks.append(piece)
    if packed is not None:
        packed.finish()
    return b"".join(chunks)


async def _keep_only_if_clean(response: httpx.Response) -> None:
    """Close the connection of an answer if the server has sent more, which would be taken for the next answer.

    httpx does not say what its parser has left over, so this looks inside; if it cannot, it closes the connection as
    well. Over HTTP/2 each answer has a number.
    """
    network = response.extensions.get("network_stream")
    if network is None or response.http_version == "HTTP/2":
        return
    found: Any = response.stream
    for name in ("_stream", "_httpcore_stream", "_stream", "_connection", "_h11_state"):
        found = getattr(found, name, None)
    tls = network.get_extra_info("ssl_object")
    if found is None or found.trailing_data != (b"", False) or (tls is not None and _has_more(tls)):
        await network.aclose()


def _has_more(tls: ssl.SSLObject) -> bool:
    """Whether TLS holds data or an end that the parser has not seen. Reading takes it out, so the end must follow."""
    try:
        tls.read(1)
    except ssl.SSLWantReadError:
        return False
    except ssl.SSLError:
        pass
    return True


async def _abandon(response: httpx.Response | None) -> None:
    if response is not None:
        with contextlib.suppress(Exception):  # what fails while it closes adds nothing to why it is closed
            await response.aclose()


def _transport_error(error: Exception, exchange: _Exchange, server: str, max_bytes: int) -> TransportError:
    """The error for a failure of httpx, without httpx's own message, which can hold headers and URLs."""
    match error:
        case _TooLarge():
            return failures.too_large(max_bytes)
        case UnknownEncodingError():
            return failures.unknown_encoding()
        case httpx.ProxyError():
            return _proxy_error(error, server)
        case httpx.UnsupportedProtocol() | httpx.InvalidURL() | httpx.LocalProtocolError():
            return TransportError("the request could not be written", sent=False, permanent=True, kind="protocol")
    if (broken := _tls_error(error)) is not None:
        return _tls_failure(broken, exchange, server)
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.PoolTimeout():
            return TransportError(f"connecting to {server} failed", sent=False, kind="connect")
        case httpx.TimeoutException() | TimeoutError():
            return TransportError("timed out before the whole answer had arrived", kind="timeout")
        case httpx.RemoteProtocolError() | httpx.DecodingError() | BrokenBodyError():
            return TransportError("the answer was not whole or not well-formed", kind="protocol")
        case httpx.HTTPError() | httpx.StreamError() | OSError():
            return TransportError("the connection was lost", kind="disconnected")
        case _ if exchange.may_have_left:
            return TransportError("the answer could not be read", kind="protocol")
        case _:
            return TransportError("the request could not be written", sent=False, permanent=True, kind="protocol")


def _proxy_error(error: httpx.ProxyError, server: str) -> TransportError:
    """The error for a proxy that answered instead of opening a tunnel; httpx's message begins with the status."""
    status = str(error)[:3]
    if status == "407":
        what = f"the client's proxy refused its user and password, or asks for them (407): no tunnel to {server}"
        return TransportError(what, sent=False, permanent=True, kind="connect")
    permanent = status.startswith("4") and status not in ("408", "429")
    return TransportError(
        f"the client's proxy opened no tunnel to {server}", sent=False, permanent=permanent, kind="connect"
    )


def _tls_failure(error: ssl.SSLError, exchange: _Exchange, server: str) -> TransportError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return TransportError(certificate_problem(error, server), sent=False, permanent=True, kind="tls")
    if not exchange.may_have_left or ended_handshake(error, exchange.tls):
        what = handshake_problem(error, server)
        return TransportError(what, sent=False, permanent=is_permanent(error), kind="tls")
    return TransportError(f"the TLS connection to {server} broke: {words(error)}", kind="tls")


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """The error of TLS behind one of httpx."""
    seen: set[int] = set()  # a chain may lead back to itself
    while error is not None and id(error) not in seen:
        if isinstance(error, ssl.SSLError):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None
