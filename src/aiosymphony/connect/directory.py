"""``connect.directory``: whether a company or a user is known to Symphony already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import orjson

from ..errors import DecodeError
from ..resource import Resource
from ..wire.encoding import query_string
from ..wire.operation import Operation, Request
from ..wire.responses import error_from_response


@attrs.frozen
class DirectoryMatch:
    """What a search of the directory found.

    Attributes:
        user_found: Whether there is a user with the address.
        tenant_sponsored: Whether the user's tenant is sponsored; None if the answer does not say.
        tenant_url: The address of the user's tenant; None if the answer does not say.
    """

    user_found: bool
    tenant_sponsored: bool | None = None
    tenant_url: str | None = None


class Directory(Resource):
    """The two look-ups that Symphony's guide recommends around the creation of a company.

    They are in no published document; their addresses and fields are those of the guide. Besides the errors that each
    method names, all raise those of :meth:`Session.execute`.
    """

    async def search(self, partner_id: str, email: str) -> DirectoryMatch:
        """Whether a user is there already (``GET /directory/search``). Ask before a company is created.

        Args:
            partner_id: The partner's id, as Symphony gave it.
            email: An address of the company to be.
        """
        query = query_string(("partnerId", partner_id), ("email", email))
        return await self._session.execute(Request(_SEARCH, "/directory/search", query))

    async def login_information(self, email: str) -> Mapping[str, Any]:
        """Where the owner of an address logs in (``GET /webcontroller/podLoginInformation``). Needs no token.

        Ask it after the creation of a company was refused: it tells which pod has the domain.

        Args:
            email: An address of the company.

        Returns:
            The answer as it came; its fields are not documented.
        """
        query = query_string(("emailAddress", email), ("fs", "advanced"))
        return await self._session.execute(Request(_LOGIN_INFORMATION, "/webcontroller/podLoginInformation", query))


def _object(operation: Operation[..., Any], status: int, headers: Mapping[str, str], content: bytes) -> dict[str, Any]:
    if status != 200:
        raise error_from_response(operation, status, headers, content)
    try:
        found = orjson.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise DecodeError("the answer is no JSON object", status=status, operation=operation)
    return found


def _match(status: int, headers: Mapping[str, str], content: bytes) -> DirectoryMatch:
    found = _object(_SEARCH, status, headers, content)
    if not isinstance(found.get("matchingUserFound"), bool):
        raise DecodeError("the answer has no matchingUserFound", path="$.matchingUserFound", operation=_SEARCH)
    sponsored, url = found.get("tenantSponsored"), found.get("tenantUrl")
    return DirectoryMatch(
        found["matchingUserFound"],
        sponsored if isinstance(sponsored, bool) else None,
        url if isinstance(url, str) else None,
    )


def _login_information(status: int, headers: Mapping[str, str], content: bytes) -> Mapping[str, Any]:
    return _object(_LOGIN_INFORMATION, status, headers, content)


_SEARCH: Operation[[], DirectoryMatch] = Operation(
    id="directory_search_get",
    api="connect",
    method="GET",
    path="/directory/search",
    tag="Directory",
    auth=("bearer",),
    kind="read",
    idempotent=True,
    build=lambda: Request(_SEARCH, "/directory/search"),
    parse=_match,
)
_LOGIN_INFORMATION: Operation[[], Mapping[str, Any]] = Operation(
    id="webcontroller_pod_login_information_get",
    api="login_service",
    method="GET",
    path="/webcontroller/podLoginInformation",
    tag="Directory",
    kind="read",
    idempotent=True,
    build=lambda: Request(_LOGIN_INFORMATION, "/webcontroller/podLoginInformation"),
    parse=_login_information,
)
