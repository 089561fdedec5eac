"""A transport over httpx, for programs that hold an httpx client already, and for tests with respx.

Needs the extra ``aiosymphony[httpx]``. Under load it is several times slower than the default transport.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from ..errors import TransportError
from .base import COMMON_HEADERS, MAX_BYTES, Response


class HttpxTransport:
    """Sends requests with an :class:`httpx.AsyncClient`; TLS, proxy and pool are those of the client."""

    def __init__(self, client: httpx.AsyncClient | None = None) -> None:
        """Use ``client``, which stays the caller's to close, or a new one, which :meth:`close` closes."""
        self._owned = client is None
        # A jar that takes no cookie, as the default transport has none: a token is all that tells who is calling.
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        self._client = client or httpx.AsyncClient(trust_env=False, cookies=no_cookies)

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        timeout: float,  # noqa: ASYNC109 - see Transport.send
        max_bytes: int = MAX_BYTES,
        repeatable: bool = True,  # noqa: ARG002 - for the connection that is chosen
    ) -> Response:
        """See :meth:`Transport.send`."""
        try:
            request = self._client.build_request(
                method, url, headers={**COMMON_HEADERS, **headers}, content=body, timeout=timeout
            )
            # httpx has a timeout for each phase alone; the deadline for the whole is kept here.
            async with asyncio.timeout(timeout):
                response = await self._client.send(request, stream=True, follow_redirects=False, auth=None)
                try:
                    content = await _read(response, max_bytes)
                finally:
                    await response.aclose()
            if content is not None:
                return Response(response.status_code, response.headers, content)
            failure = TransportError(f"the answer is larger than {max_bytes} bytes", permanent=True, kind="too_large")
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            server = httpx.URL(url).netloc.decode("ascii")
            failure = (
                TransportError(f"the TLS handshake with {server} failed", sent=False, permanent=True, kind="tls")
                if _is_tls(error)
                else TransportError(f"the connection to {server} could not be made", sent=False, kind="connect")
            )
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError, ValueError):
            failure = TransportError("the request could not be written", sent=False, permanent=True, kind="protocol")
        except (httpx.TimeoutException, TimeoutError):
            failure = TransportError("no whole answer came in time", kind="timeout")
        except (httpx.RemoteProtocolError, httpx.DecodingError):
            failure = TransportError("the answer was not whole or not well-formed", kind="protocol")
        except httpx.HTTPError:
            failure = TransportError("the connection was lost", kind="disconnected")
        # Raised here, not in the handlers, so that no exception of httpx (which holds the request) hangs on to it.
        raise failure

    def reset(self) -> None:
        """Nothing to do: httpx reads ahead on no idle connection, and the pool belongs to the client's owner."""

    async def close(self) -> None:
        """Close the client if it was made here."""
        if self._owned:
            await self._client.aclose()


def _is_tls(error: BaseException | None) -> bool:
    """Whether certificates or protocols do not fit: httpx says no more than that there is no connection."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


async def _read(response: httpx.Response, max_bytes: int) -> bytes | None:
    """The whole body, unpacked; None if it is larger than the cap."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > max_bytes:
            return None
        chunks.append(chunk)
    return b"".join(chunks)
