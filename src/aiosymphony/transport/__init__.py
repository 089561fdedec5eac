"""Transports: aiohttp by default (``transport.aiohttp``), httpx as an extra (``transport.httpx``)."""

from .base import COMMON_HEADERS, MAX_BYTES, RequestHeaders, Response, Transport

__all__ = ["COMMON_HEADERS", "MAX_BYTES", "RequestHeaders", "Response", "Transport"]
