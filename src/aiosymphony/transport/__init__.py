"""Transports: aiohttp by default (``transport.aiohttp``); ``transport.fast`` and ``transport.httpx`` as extras."""

from .base import COMMON_HEADERS, MAX_BYTES, RequestHeaders, Response, Transport

__all__ = ["COMMON_HEADERS", "MAX_BYTES", "RequestHeaders", "Response", "Transport"]
