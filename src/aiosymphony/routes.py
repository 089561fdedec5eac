"""The route of an operation: its server, its limiter and its tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Self

import attrs

from .auth.base import LOGIN_API, Auth, Grant, OwnLoginTransport
from .auth.scopes import exchange_session
from .auth.store import BestEffortStore
from .auth.tokens import SharedToken, TokenCache
from .clock import Clock
from .limits import Limiter
from .transport import Transport
from .wire.operation import Caller, Operation

__all__ = ["Route", "Router"]

_HEADERS: Final = {"bearer": ("Authorization", "Bearer "), "appToken": ("sessionToken", "")}
"""The header and its prefix for security schemes that are not named like their header.

What follows a dot in the name of a scheme is the scope of its token.
"""


@attrs.frozen
class Route:
    """The host, the limiter and the tokens of an operation, each token with its header.

    ``others`` are the routes with other tokens. ``proven`` is true if this route is the only one, or the one that the
    server accepts.
    """

    base_url: str
    transport: Transport
    limiter: Limiter | None
    tokens: tuple[tuple[str, str, TokenCache], ...]
    schemes: tuple[str, ...] = ()
    others: tuple[Route, ...] = ()
    proven: bool = True


@attrs.define(kw_only=True, eq=False)
class Router:
    """Makes the routes of operations, with the tokens of one account.

    Args:
        hosts: Gives the base URL of the server that an operation belongs to.
        auth: Where tokens come from.
        transport: Sends the requests.
        owns_transport: Whether :meth:`close` closes it.
        logins_over: Carries logins out, and is closed by another router; None for the transport of ``auth``, if it has
            one of its own, or else ``transport``.
        limiter: The limiter that all operations share.
        families: The limiters in front of it, by family of operations.
        token_store: Shares tokens with other processes.
        token_namespace: Identifies this server's tokens in the store.
        clock: Time, for tests.
    """

    hosts: Callable[[Operation[..., Any]], str]
    auth: Auth
    transport: Transport
    owns_transport: bool = True
    logins_over: Transport | None = None
    limiter: Limiter
    families: Mapping[str, Limiter]
    token_store: BestEffortStore | None
    token_namespace: str
    clock: Clock
    login_transport: Transport = attrs.field(init=False)
    routes: dict[Operation[..., Any], Route] = attrs.field(factory=dict, init=False)
    bare_routes: dict[Operation[..., Any], Route] = attrs.field(factory=dict, init=False)
    """Those of logins and logouts: without tokens and without a limiter."""
    tokens: dict[str, TokenCache] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        auth = self.auth
        own = auth.login_transport if isinstance(auth, OwnLoginTransport) else self.transport
        self.login_transport = own if self.logins_over is None else self.logins_over

    def with_auth(self, auth: Auth, *, same_logins: bool = False) -> Self:
        """Other tokens over the same connections and limits; with ``same_logins`` those of logins, too."""
        logins_over = self.login_transport if same_logins else None
        return attrs.evolve(self, auth=auth, owns_transport=False, logins_over=logins_over)

    def add(self, operation: Operation[..., Any], routes: dict[Operation[..., Any], Route], caller: Caller) -> Route:
        """Make the route of an operation that is called for the first time, and add it to ``routes`` or bare routes.

        ``caller`` carries out the logins.
        """
        base_url = self.hosts(operation)
        transport = self.login_transport if operation.api == LOGIN_API else self.transport
        if routes is self.bare_routes:
            route = Route(base_url, transport, None, ())
        else:
            limiter = self.families.get(operation.family or "", self.limiter)
            route, *others = [
                Route(
                    base_url,
                    transport,
                    limiter,
                    tuple((*_header_of(scheme), self.token_cache(scheme, caller)) for scheme in way),
                    way,
                    proven=not operation.other_auth,
                )
                for way in (operation.auth, *operation.other_auth)
            ]
            route = attrs.evolve(route, others=tuple(others))
        routes[operation] = route
        return route

    def token_cache(self, scheme: str, caller: Caller) -> TokenCache:
        """The cache of a scheme's token; ``caller`` carries out the logins of a new cache."""
        cache = self.tokens.get(scheme)
        if cache is None:
            identity = self.auth.identity
            shared = (
                SharedToken(self.token_store, f"{self.token_namespace} {identity} {scheme}")
                if self.token_store and identity
                else None
            )

            _, _, scope = scheme.partition(".")

            async def login() -> Grant:
                if scope:
                    return await exchange_session(self.token_cache("sessionToken", caller), scope, caller)
                return await self.auth.login(scheme, caller)

            cache = self.tokens[scheme] = TokenCache(login, name=scheme, shared=shared, clock=self.clock)
        return cache

    async def close(self) -> None:
        """Stop logins and close the connections, except for those that belong to another router."""
        for cache in self.tokens.values():
            await cache.close()
        if self.owns_transport:
            await self.limiter.close()
            await self.transport.close()
        if self.logins_over is None and self.login_transport is not self.transport:
            await self.login_transport.close()


def _header_of(scheme: str) -> tuple[str, str]:
    return _HEADERS.get(scheme.partition(".")[0], (scheme, ""))
