"""Transports: aiohttp by default (``transport.aiohttp``), httpx as an extra (``transport.httpx``)."""

from .base import MAX_BYTES, RequestHeaders, Response, Transport

__all__ = ["MAX_BYTES", "RequestHeaders", "Response", "Transport"]
