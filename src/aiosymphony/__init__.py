"""The asyncio SDK for Symphony's Pod and Connect APIs.

Everything public is named here and loaded when it is first used: importing this package loads none of the generated
models, no HTTP library, no command line and no sandbox.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from ._lazy import lazy
from ._version import __version__ as __version__

if TYPE_CHECKING:
    from ._bulk import BulkRun as BulkRun
    from ._bulk import Failed as Failed
    from ._bulk import Ok as Ok
    from ._bulk import bulk as bulk
    from ._create_once import create_once as create_once
    from .auth.app_certificate import CertificateOnBehalfOf as CertificateOnBehalfOf
    from .auth.base import Auth as Auth
    from .auth.base import Grant as Grant
    from .auth.base import OwnLoginHost as OwnLoginHost
    from .auth.base import OwnLoginTransport as OwnLoginTransport
    from .auth.base import Source as Source
    from .auth.certificate import CertificateAuth as CertificateAuth
    from .auth.oauth import ClientCredentials as ClientCredentials
    from .auth.on_behalf_of import OnBehalfOf as OnBehalfOf
    from .auth.rsa import RsaAuth as RsaAuth
    from .auth.secrets import HeaderSecret as HeaderSecret
    from .auth.secrets import Secret as Secret
    from .auth.static import StaticToken as StaticToken
    from .auth.store import FileTokenStore as FileTokenStore
    from .auth.store import StoredToken as StoredToken
    from .auth.store import TokenStore as TokenStore
    from .bdk import BdkAuth as BdkAuth
    from .bdk import share_login as share_login
    from .connect.client import ConnectClient as ConnectClient
    from .context import trace_id as trace_id
    from .errors import ApiError as ApiError
    from .errors import AuthError as AuthError
    from .errors import BadRequest as BadRequest
    from .errors import CompanyFailed as CompanyFailed
    from .errors import CompanyTimeout as CompanyTimeout
    from .errors import ConfigError as ConfigError
    from .errors import ConfigWarning as ConfigWarning
    from .errors import Conflict as Conflict
    from .errors import DecodeError as DecodeError
    from .errors import Forbidden as Forbidden
    from .errors import JobError as JobError
    from .errors import JobInterrupted as JobInterrupted
    from .errors import JobRefused as JobRefused
    from .errors import MissingField as MissingField
    from .errors import NotFound as NotFound
    from .errors import OutcomeUnknown as OutcomeUnknown
    from .errors import PaginationError as PaginationError
    from .errors import RateLimited as RateLimited
    from .errors import ServerError as ServerError
    from .errors import SymphonyError as SymphonyError
    from .errors import TransportError as TransportError
    from .errors import Unauthorized as Unauthorized
    from .health import Health as Health
    from .health import TokenHealth as TokenHealth
    from .health import serve_health as serve_health
    from .ids import standard_id as standard_id
    from .ids import tenant_of as tenant_of
    from .ids import url_safe_id as url_safe_id
    from .life import Life as Life
    from .life import run as run
    from .limits import Limit as Limit
    from .limits import Limits as Limits
    from .observer import Attempt as Attempt
    from .observer import Observer as Observer
    from .paging import Pager as Pager
    from .pod.client import PodClient as PodClient
    from .pod.extension_app import ExtensionApp as ExtensionApp
    from .pod.extension_app import TokenPair as TokenPair
    from .pod.extension_app import TokenPairStore as TokenPairStore
    from .pod.presence_feed import MissedChanges as MissedChanges
    from .pod.presence_feed import PresenceFeed as PresenceFeed
    from .pod.roles import Role as Role
    from .retry import RetryPolicy as RetryPolicy
    from .transport import RequestHeaders as RequestHeaders
    from .transport import Response as Response
    from .transport import Transport as Transport
    from .wire.operation import Caller as Caller
    from .wire.operation import Operation as Operation
    from .wire.operation import Request as Request

# Without it, Python prints warnings of libraries on stderr in programs that set up no logging.
logging.getLogger(__name__).addHandler(logging.NullHandler())
if _level := os.environ.get("AIOSYMPHONY_LOG"):
    from .logs import show_logs

    show_logs(_level)

# Name -> module. A test holds this against the imports above, which type-checkers read.
_HOMES = {
    "ApiError": "errors",
    "Attempt": "observer",
    "Auth": "auth.base",
    "AuthError": "errors",
    "BadRequest": "errors",
    "BdkAuth": "bdk",
    "BulkRun": "_bulk",
    "Caller": "wire.operation",
    "CertificateAuth": "auth.certificate",
    "CertificateOnBehalfOf": "auth.app_certificate",
    "ClientCredentials": "auth.oauth",
    "CompanyFailed": "errors",
    "CompanyTimeout": "errors",
    "ConfigError": "errors",
    "ConfigWarning": "errors",
    "Conflict": "errors",
    "ConnectClient": "connect.client",
    "DecodeError": "errors",
    "ExtensionApp": "pod.extension_app",
    "Failed": "_bulk",
    "FileTokenStore": "auth.store",
    "Forbidden": "errors",
    "Grant": "auth.base",
    "HeaderSecret": "auth.secrets",
    "Health": "health",
    "JobError": "errors",
    "JobInterrupted": "errors",
    "JobRefused": "errors",
    "Life": "life",
    "Limit": "limits",
    "Limits": "limits",
    "MissedChanges": "pod.presence_feed",
    "MissingField": "errors",
    "NotFound": "errors",
    "Observer": "observer",
    "Ok": "_bulk",
    "OnBehalfOf": "auth.on_behalf_of",
    "Operation": "wire.operation",
    "OutcomeUnknown": "errors",
    "OwnLoginHost": "auth.base",
    "OwnLoginTransport": "auth.base",
    "Pager": "paging",
    "PaginationError": "errors",
    "PodClient": "pod.client",
    "PresenceFeed": "pod.presence_feed",
    "RateLimited": "errors",
    "Request": "wire.operation",
    "RequestHeaders": "transport",
    "Response": "transport",
    "RetryPolicy": "retry",
    "Role": "pod.roles",
    "RsaAuth": "auth.rsa",
    "Secret": "auth.secrets",
    "ServerError": "errors",
    "Source": "auth.base",
    "StaticToken": "auth.static",
    "StoredToken": "auth.store",
    "SymphonyError": "errors",
    "TokenHealth": "health",
    "TokenPair": "pod.extension_app",
    "TokenPairStore": "pod.extension_app",
    "TokenStore": "auth.store",
    "Transport": "transport",
    "TransportError": "errors",
    "Unauthorized": "errors",
    # Their modules have names of their own: a module that is imported hides what has its name.
    "bulk": "_bulk",
    "create_once": "_create_once",
    "url_safe_id": "ids",
    "tenant_of": "ids",
    "standard_id": "ids",
    "trace_id": "context",
    "run": "life",
    "serve_health": "health",
    "share_login": "bdk",
}

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 - the keys are names

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy(__name__, _HOMES)
