"""A sandbox that hands out clients of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..sandbox import Sandbox

if TYPE_CHECKING:
    from ..connect.client import ConnectClient
    from ..pod.client import PodClient

__all__ = ["SandboxWithClients"]


class SandboxWithClients(Sandbox):
    """A :class:`~aiosymphony.sandbox.Sandbox`, and clients that log in to it::

    async with SandboxWithClients(users=10) as sandbox, sandbox.pod() as pod:
        me = await pod.session.info()
    """

    def pod(self) -> PodClient:
        """A client with the key of the service account; its first call logs in."""
        from .. import PodClient, RsaAuth  # noqa: PLC0415

        return PodClient(self.url, RsaAuth(self.bot.username, self.bot.private_key))

    def connect(self) -> ConnectClient:
        """A client with the credentials of the partner; its first call logs in."""
        from .. import ClientCredentials, ConnectClient  # noqa: PLC0415

        given = self.client_credentials
        auth = ClientCredentials(given.client_id, given.client_secret, token_url=f"{self.url}/oauth/token")
        return ConnectClient(auth, base_url=self.url)
