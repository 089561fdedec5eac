"""A transport that sends each host's requests by a transport of its own, as where each has its own proxy."""

from __future__ import annotations

from collections.abc import Mapping

from .base import MAX_BYTES, Response, Transport

__all__ = ["TransportByHost"]


class TransportByHost:
    """Picks a transport by the scheme, host and port of a request.

    Args:
        others: By origin, such as ``https://agent.acme.com:8443``.
        default: For every other origin.
    """

    def __init__(self, others: Mapping[str, Transport], default: Transport) -> None:
        self._others = dict(others)
        self._default = default

    def __repr__(self) -> str:
        return f"TransportByHost({', '.join(self._others)})"

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
        chosen = self._others.get(url[: url.index("/", 8)], self._default)
        return await chosen.send(
            method, url, headers, body, timeout=timeout, max_bytes=max_bytes, repeatable=repeatable
        )

    def reset(self) -> None:
        """See :meth:`Transport.reset`."""
        for transport in (self._default, *self._others.values()):
            transport.reset()

    async def close(self) -> None:
        """Close every connection."""
        for transport in (self._default, *self._others.values()):
            await transport.close()
