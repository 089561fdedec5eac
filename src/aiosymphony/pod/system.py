"""``pod.system``: settings of the whole pod: features, roles, protocols, file types, single sign-on."""

from __future__ import annotations

from aiosymphony_api.pod.api.file_extension import (
    file_ext_v1_allowed_extensions_extension_delete,
    file_ext_v1_allowed_extensions_extension_put,
    file_ext_v1_allowed_extensions_get,
)
from aiosymphony_api.pod.api.pod import v1_files_allowed_types_get, v1_languages_get
from aiosymphony_api.pod.api.sso_configuration import (
    v1_admin_sso_configuration_get,
    v1_admin_sso_configuration_patch,
    v1_admin_sso_configuration_post,
)
from aiosymphony_api.pod.api.system import (
    v1_admin_system_features_list_get,
    v1_admin_system_protocols_list_get,
    v1_admin_system_protocols_post,
    v1_admin_system_protocols_scheme_delete,
    v2_system_protocols_get,
)
from aiosymphony_api.pod.api.user_administration import v1_admin_system_roles_list_get
from aiosymphony_api.pod.models import FileExtension, Protocol, RoleDetail, SsoConfiguration, SuccessResponse

from ..paging import Cursor, Page, Pager, Query
from ..resource import Resource
from ..wire.models import or_none
from .pagers import array_pager, next_cursor

PROTOCOLS_PAGE_SIZE = 1000
"""Schemes per page: a pod's maximum. Its default is 100."""

EXTENSIONS_PAGE_SIZE = 100
"""File extensions per page; Symphony documents neither a default nor a maximum."""


class System(Resource):
    """Settings of the pod. Methods that are not for administrators alone say so.

    Besides the errors that each method names, all raise those of :meth:`Session.execute`, and
    :class:`Forbidden` if the account lacks the role.
    """

    async def list_features(self) -> list[str]:
        """Names of all feature entitlements that exist (``GET /pod/v1/admin/system/features/list``)."""
        return await self._session.execute(v1_admin_system_features_list_get.build())

    async def list_roles(self) -> list[RoleDetail]:
        """All roles that users can have (``GET /pod/v1/admin/system/roles/list``)."""
        return await self._session.execute(v1_admin_system_roles_list_get.build())

    async def list_languages(self) -> list[str]:
        """The languages of the pod, such as ``en-US`` (``GET /pod/v1/languages``). For every account."""
        return (await self._session.execute(v1_languages_get.build())).languages or []

    # --- URI protocols ------------------------------------------------------------------------------------------------

    def list_protocols(self, *, page_size: int = PROTOCOLS_PAGE_SIZE) -> Pager[str]:
        """Schemes that users may link to, such as ``skype`` (``GET /pod/v2/system/protocols``). For every account.

        Args:
            page_size: Schemes per request, at most 1,000.
        """
        return array_pager(self._session, v2_system_protocols_get.build, page_size, key=str)

    async def admin_list_protocols(self) -> list[str]:
        """The same in one answer, for administrators (``GET /pod/v1/admin/system/protocols/list``)."""
        return await self._session.execute(v1_admin_system_protocols_list_get.build())

    async def add_protocol(self, scheme: str) -> Protocol:
        """Let users link to a scheme (``POST /pod/v1/admin/system/protocols``).

        Raises:
            BadRequest: It is allowed already, or is no scheme. If ``may_have_acted`` is true, an earlier attempt may
                have allowed it, and its answer was lost.
        """
        return await self._session.execute(v1_admin_system_protocols_post.build(body=Protocol(scheme=scheme)))

    async def remove_protocol(self, scheme: str) -> None:
        """Stop users from linking to a scheme (``DELETE /pod/v1/admin/system/protocols/{scheme}``).

        Raises:
            BadRequest: It was not allowed.
        """
        await self._session.execute(v1_admin_system_protocols_scheme_delete.build(scheme))

    # --- files --------------------------------------------------------------------------------------------------------

    async def list_file_types(self) -> list[str]:
        """Types of files that may be sent, as extensions such as ``.pdf`` (``GET /pod/v1/files/allowedTypes``).

        For every account.
        """
        return await self._session.execute(v1_files_allowed_types_get.build())

    def list_file_extensions(self, *, page_size: int = EXTENSIONS_PAGE_SIZE) -> Pager[FileExtension]:
        """Allowed file extensions, with where files of them may go (``GET /pod/file_ext/v1/allowed_extensions``).

        Args:
            page_size: Extensions per request.
        """

        async def fetch(query: Query) -> Page[FileExtension]:
            answer = await self._session.execute(file_ext_v1_allowed_extensions_get.build(**query))
            return Page(or_none(lambda: answer.data) or (), next=next_cursor(or_none(lambda: answer.paging)))

        return Pager(fetch, lambda: Cursor(page_size), key=lambda item: item.extension)

    async def allow_file_extension(
        self,
        extension: str,
        *,
        internal: bool | None = None,
        external: bool | None = None,
        cross_pod: bool | None = None,
    ) -> FileExtension:
        """Allow a file extension, or change where its files may go.

        ``PUT /pod/file_ext/v1/allowed_extensions/{extension}``

        Args:
            extension: The extension, as :meth:`list_file_extensions` writes it.
            internal: Whether its files may be sent within the pod; the pod decides if None, as with all that follow.
            external: Whether they may be sent to other pods.
            cross_pod: Whether they may be received from other pods.

        Returns:
            The extension as it is now.
        """
        body = FileExtension(
            extension=extension, scope_internal=internal, scope_external=external, scope_xpod=cross_pod
        )
        return await self._session.execute(file_ext_v1_allowed_extensions_extension_put.build(extension, body=body))

    async def disallow_file_extension(self, extension: str) -> None:
        """Stop allowing a file extension (``DELETE /pod/file_ext/v1/allowed_extensions/{extension}``).

        Raises:
            BadRequest: It was not allowed.
        """
        await self._session.execute(file_ext_v1_allowed_extensions_extension_delete.build(extension))

    # --- single sign-on -----------------------------------------------------------------------------------------------

    async def get_sso(self) -> SsoConfiguration:
        """How users log in by single sign-on (``GET /pod/v1/admin/sso/configuration``).

        Raises:
            NotFound: Single sign-on is not configured.
        """
        return await self._session.execute(v1_admin_sso_configuration_get.build())

    async def set_sso(self, configuration: SsoConfiguration) -> SuccessResponse:
        """Replace the whole configuration of single sign-on (``POST /pod/v1/admin/sso/configuration``)."""
        return await self._session.execute(v1_admin_sso_configuration_post.build(body=configuration))

    async def update_sso(self, changes: SsoConfiguration) -> SuccessResponse:
        """Change single sign-on; what is None stays as it is (``PATCH /pod/v1/admin/sso/configuration``)."""
        return await self._session.execute(v1_admin_sso_configuration_patch.build(body=changes))
