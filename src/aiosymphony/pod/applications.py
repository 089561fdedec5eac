"""``pod.applications``: applications of the pod's app store."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from aiosymphony_api.pod.api.application import (
    v1_admin_app_create_post,
    v1_admin_app_id_delete_post,
    v1_admin_app_id_get_get,
    v1_admin_app_id_update_post,
)
from aiosymphony_api.pod.models import (
    AppAuthenticationKey,
    AppAuthenticationKeys,
    ApplicationDetail,
    ApplicationInfo,
    SuccessResponse,
)
from aiosymphony_api.users.api.apps import v5_users_apps_group_app_id_get
from aiosymphony_api.users.models import AppUser, PageInfo

from ..errors import ConfigError
from ..paging import CurrentPage, Page, Pager, Query
from ..resource import Resource, check_echo, texts
from ..wire.models import or_none


class Applications(Resource):
    """Applications that a pod's administrators publish to its users.

    Besides the errors that each method names, all raise those of :meth:`Session.execute`, and
    :class:`Forbidden` if the account may not administer applications.
    """

    async def create(
        self,
        application: ApplicationDetail | None = None,
        *,
        app_id: str | None = None,
        name: str | None = None,
        app_url: str | None = None,
        domain: str | None = None,
        publisher: str | None = None,
        description: str | None = None,
        icon_url: str | None = None,
        allow_origins: str | None = None,
        permissions: Iterable[str] | None = None,
        cert: str | None = None,
        public_key: str | None = None,
    ) -> ApplicationDetail:
        """Create an application (``POST /pod/v1/admin/app/create``), from keyword arguments or from a model.

        Args:
            application: The application, in place of all that follow.
            app_id: A new id; needed.
            name: Its name; needed.
            app_url: Its address, with https.
            domain: The domain of the address.
            publisher: Who publishes it.
            description: What it is for.
            icon_url: The address of its icon, with https.
            allow_origins: Domains that may call it from a browser (CORS).
            permissions: What it asks for, such as ``SEND_MESSAGES`` or ``ACT_AS_USER``.
            cert: Its certificate, in PEM.
            public_key: The RSA key that it logs in with, in PEM.

        Returns:
            The application as the pod keeps it.

        Raises:
            ConfigError: Neither a model nor an id and a name were given, or both.
            BadRequest: The id is taken, or a part of it is not acceptable.
            OutcomeUnknown: It may have been created: look for it with :meth:`get`.
        """
        information = ApplicationInfo(name=name, app_url=app_url, domain=domain, publisher=publisher)
        if app_id is not None:
            information.app_id = app_id
        given = ApplicationDetail(
            application_info=information,
            description=description,
            icon_url=icon_url,
            allow_origins=allow_origins,
            permissions=None if permissions is None else texts("permissions", permissions),
            cert=cert,
            authentication_keys=None
            if public_key is None
            else AppAuthenticationKeys(current=AppAuthenticationKey(action="SAVE", key=public_key)),
        )
        if application is None:
            if app_id is None or name is None:
                raise ConfigError(
                    "applications.create needs app_id and name, or an ApplicationDetail. Nothing was sent."
                )
            application = given
        elif given != ApplicationDetail(application_info=ApplicationInfo()):
            raise ConfigError(
                "applications.create takes an ApplicationDetail or keyword arguments, not both. Nothing was sent."
            )
        request = v1_admin_app_create_post.build(body=application)
        created = await self._session.execute(request)
        check_echo(
            self._session,
            request.operation,
            ("appId", or_none(_app_id, application), or_none(_app_id, created)),
        )
        return created

    async def get(self, app_id: str) -> ApplicationDetail:
        """An application (``GET /pod/v1/admin/app/{id}/get``).

        Raises:
            BadRequest: There is no such application.
        """
        return await self._session.execute(v1_admin_app_id_get_get.build(app_id))

    async def update(self, app_id: str, application: ApplicationDetail) -> ApplicationDetail:
        """Change an application (``POST /pod/v1/admin/app/{id}/update``).

        Args:
            app_id: The application.
            application: Its new state. An authentication key with the action ``SAVE`` replaces the present one.

        Returns:
            The application as it is now.

        Raises:
            BadRequest: There is no such application, or a part of it is not acceptable.
            OutcomeUnknown: A key may have been changed: compare with :meth:`get`.
        """
        request = v1_admin_app_id_update_post.build(app_id, body=application)
        if application.authentication_keys is None:
            request = request.as_operation(_UPDATE_WITHOUT_KEY)
        return await self._session.execute(request)

    def list_users(self, app_id: str, *, installed: bool | None = None, page_size: int = 100) -> Pager[AppUser]:
        """The users of an application (``GET /users/v5/users/apps/{groupAppId}``).

        The application itself asks: ``pod.as_app().applications.list_users(…)``.

        Args:
            app_id: The application.
            installed: Only users who have it installed, or only those who have not; all if None.
            page_size: Users per request.

        Raises:
            NotFound: There is no such application.
        """

        async def fetch(query: Query) -> Page[AppUser]:
            answer = await self._session.execute(
                v5_users_apps_group_app_id_get.build(app_id, installed=installed, **query)
            )
            page = answer.page or PageInfo()
            return Page(answer.users or (), total=page.total_elements, number=page.number)

        return Pager(fetch, lambda: CurrentPage(page_size, argument="page", size="size"), key=lambda user: user.user_id)

    async def delete(self, app_id: str) -> SuccessResponse:
        """Delete an application (``POST /pod/v1/admin/app/{id}/delete``).

        Raises:
            BadRequest: There is no such application.
            OutcomeUnknown: It may be deleted: look for it with :meth:`get`.
        """
        return await self._session.execute(v1_admin_app_id_delete_post.build(app_id))


# The table speaks for the worst body; one without keys only says what is to be.
_UPDATE_WITHOUT_KEY = attrs.evolve(v1_admin_app_id_update_post.OPERATION, idempotent=True)


def _app_id(application: ApplicationDetail) -> str:
    return application.application_info.app_id
