"""What an application is that logs in for itself and for users. It loads no key, and so no cryptography."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from ..wire.operation import Caller, Request
from .base import Grant
from .secrets import Secret


@runtime_checkable
class Application(Protocol):
    """An application that logs in for itself and for its users: :class:`OnBehalfOf`, :class:`CertificateOnBehalfOf`."""

    @property
    def app_id(self) -> str:
        """The application's id."""
        ...

    @property
    def identity(self) -> str:
        """Identifies this account in a token store."""
        ...

    async def login(self, scheme: str, caller: Caller) -> Grant:
        """Obtain the application's own token, of the scheme ``appToken``."""
        ...

    def login_for(self, user: int | str) -> Request[Any]:
        """The login for a user, by id or by username; it needs the application's own token."""
        ...

    def grant_for(self, answer: Any) -> Grant:
        """The grant in the answer to such a login."""
        ...

    async def extension_app_login(self, app_token: Secret) -> Request[Any]:
        """The login of the application as an extension app, with the token that it has made up."""
        ...
