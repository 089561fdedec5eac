"""Access: finds the session of a request, and checks that its user may call the operation."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from .auth import Auth, Kind, Session
from .documents import Operation
from .handlers import HttpError
from .pod.roles import is_administrator
from .state import State

__all__ = ["LOGINS", "Access", "certificate_name"]

LOGINS = frozenset(
    {
        "login_pubkey_authenticate_post",
        "relay_pubkey_authenticate_post",
        "sessionauth_v1_authenticate_post",
        "keyauth_v1_authenticate_post",
        "login_pubkey_app_authenticate_post",
        "login_pubkey_app_user_user_id_authenticate_post",
        "login_pubkey_app_username_username_authenticate_post",
        "login_v1_pubkey_app_authenticate_extension_app_post",
        "oauth_token_post",
    }
)
"""Operations that open a session or issue a token."""

_ASKED_BY_APPS = frozenset({"v5_users_apps_group_app_id_get"})
"""Operations for an app's own session token."""

_KEY_MANAGER_LOGINS = frozenset({"relay_pubkey_authenticate_post", "keyauth_v1_authenticate_post"})


class Access:
    """Checks the tokens of requests."""

    def __init__(self, auth: Auth, state: State) -> None:
        self._auth = auth
        self._state = state

    def serves(self, operation: Operation) -> bool:
        """False for a login to the key manager of a pod that has none."""
        return operation.id not in _KEY_MANAGER_LOGINS or self._state.options.key_manager != "none"

    def session(self, operation: Operation, headers: Mapping[str, str]) -> Session | None:
        """The session of a request with these headers; None if anyone may call the operation.

        Raises:
            HttpError: 401 without a valid token, or if the account is disabled; 403 if the user may not call this.

        """
        if not operation.security:
            return None
        for alternative in self._alternatives(operation):
            session = self._find(operation, headers, alternative)
            if session is not None:
                break
        else:
            raise HttpError(401, "Invalid session: the token is missing, unknown or expired")
        if operation.api not in ("connect", "login") and session.app is None:
            user = self._state.db.users.get(session.user)
            if user is None or user.status == "DISABLED":
                raise HttpError(401, "Invalid session: the account is disabled")
            if _administrative(operation) and not is_administrator(user):
                raise HttpError(403, "the caller lacks an administrative role")
        return session

    def _alternatives(self, operation: Operation) -> tuple[frozenset[str], ...]:
        """The sets of tokens that an operation takes. Of Agents there are two kinds: see the option `key_manager`."""
        if operation.api != "agent" or self._state.options.key_manager == "optional":
            return operation.security
        required = self._state.options.key_manager == "required"
        return tuple(names for names in operation.security if ("keyManagerToken" in names) == required)

    def _find(self, operation: Operation, headers: Mapping[str, str], names: frozenset[str]) -> Session | None:
        """The session of a request that has all these tokens, or None."""
        found: Session | None = None
        scheme, _, bearer = headers.get("Authorization", "").partition(" ")
        for name in names:
            if name == "keyManagerToken":
                if self._auth.find(headers.get(name), "keyManagerToken") is None:
                    return None
                continue
            if name in ("sessionToken", "appToken") and "sessionToken" in headers:
                kind: Kind = "app" if name == "appToken" or operation.id in _ASKED_BY_APPS else "sessionToken"
                found = self._auth.find(headers["sessionToken"], kind)
            elif scheme.lower() == "bearer":
                found = self._auth.find(bearer.strip(), "bearer")
                # A partner has no user, and a user is not a partner.
                if found is not None and (found.user == 0) != (operation.api == "connect"):
                    found = None
                _, _, scope = name.partition(".")
                if found is not None and scope and scope not in found.scope.split():
                    found = None
            if found is None:
                return None
        return found


def _administrative(operation: Operation) -> bool:
    return "/admin/" in operation.path or "/companycert/" in operation.path or operation.api == "agent"


def certificate_name(request: web.Request) -> str | None:
    """The common name of the client certificate, if the request came with one."""
    certificate = None if request.transport is None else request.transport.get_extra_info("peercert")
    names = dict(pair for entry in (certificate or {}).get("subject", ()) for pair in entry)
    return names.get("commonName")
