"""``pod.users``: the directory of users, and their administration."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from os import PathLike
from typing import Generic, TypeVar, overload
from urllib.parse import quote

import attrs

from aiosymphony_api.pod.api.user_administration import (
    v1_admin_user_find_post,
    v1_admin_user_uid_avatar_get,
    v1_admin_user_uid_avatar_update_post,
    v1_admin_user_uid_delegates_get,
    v1_admin_user_uid_delegates_update_post,
    v1_admin_user_uid_features_get,
    v1_admin_user_uid_features_update_post,
    v1_admin_user_uid_roles_add_post,
    v1_admin_user_uid_roles_remove_post,
    v1_admin_user_uid_status_get,
    v1_admin_user_uid_status_update_post,
    v1_admin_user_user_id_suspension_update_put,
    v2_admin_user_create_post,
    v2_admin_user_list_get,
    v2_admin_user_uid_get,
    v2_admin_user_uid_update_post,
    v3_admin_user_list_get,
)
from aiosymphony_api.pod.api.users import (
    v1_user_search_post,
    v1_user_uid_follow_post,
    v1_user_uid_followers_get,
    v1_user_uid_following_get,
    v1_user_uid_unfollow_post,
    v1_users_uid_sessions_get,
    v1_users_uid_sessions_logout_post,
    v1_users_uid_sessions_sid_logout_post,
    v2_user_get,
    v3_users_get,
)
from aiosymphony_api.pod.models import (
    Avatar,
    AvatarUpdate,
    DelegateAction,
    DelegateActionAction,
    Feature,
    FollowersList,
    StringId,
    SuccessResponse,
    UserDetail,
    UserFilter,
    UserFilterStatus,
    UserSearchFilter,
    UserSearchQuery,
    UserStatus,
    UserStatusStatus,
    UserSuspension,
    UserSystemInfo,
    UserV2,
    V1Session,
    V2UserAttributes,
    V2UserAttributesAccountType,
    V2UserCreate,
    V2UserDetail,
    V3UserDetail,
)

from .._bulk import Failed, bulk
from ..errors import ConfigError
from ..paging import Cursor, Page, Pager, Query, SkipLimit
from ..resource import Resource, check_echo, texts
from ..text import fold
from ..wire.models import or_none
from .pagers import array_pager, next_cursor
from .pictures import download, picture

K = TypeVar("K", int, str)

MAX_IDS = 100
"""Most users in one look-up."""

MAX_KEYS_LENGTH = 6000
"""Most characters of the keys in the URL of one look-up, as servers limit the length of URLs."""

"""A picture must have fewer bytes."""


@attrs.frozen
class FoundUsers(Generic[K]):
    """The result of a look-up of many users.

    Attributes:
        found: The users, each once, in no particular order.
        missing: The ids, addresses or names without a user, in the order given.
    """

    found: list[UserV2]
    missing: list[K]


class Users(Resource):
    """Users of this pod and, where the directory is asked, of pods that the caller can see.

    Only administrators may use detail, list, find, create, update, and the methods for status, roles, features,
    delegates, avatars and sessions; others get :class:`Forbidden`. Users cannot be deleted, only disabled.
    Besides the errors that each method names, all raise those of :meth:`Session.execute`.
    """

    # --- look up ------------------------------------------------------------------------------------------------------

    async def get(
        self,
        *,
        uid: int | None = None,
        email: str | None = None,
        username: str | None = None,
        local: bool | None = None,
    ) -> UserV2 | None:
        """The directory's view of one user (``GET /pod/v2/user``).

        Args:
            uid: The user's id. Exactly one of ``uid``, ``email`` and ``username`` must be given.
            email: The user's email address.
            username: The user's login name; searched only in this pod.
            local: True to search only this pod, False to search others, too; False if None, except with ``username``.

        Returns:
            The user; None if there is none, or the caller may not see it.

        Raises:
            ConfigError: Not exactly one of the three was given, or ``local=False`` with ``username``.
        """
        if (uid is None) + (email is None) + (username is None) != 2:
            raise ConfigError("users.get takes exactly one of uid, email and username. Nothing was sent.")
        if username is not None:
            local = _local_for_usernames(local)
        return await self._session.execute(v2_user_get.build(uid=uid, email=email, username=username, local=local))

    @overload
    async def get_many(
        self, *, uids: Iterable[int], local: bool | None = None, active: bool | None = None, concurrency: int = 8
    ) -> FoundUsers[int]: ...

    @overload
    async def get_many(
        self, *, emails: Iterable[str], local: bool | None = None, active: bool | None = None, concurrency: int = 8
    ) -> FoundUsers[str]: ...

    @overload
    async def get_many(
        self, *, usernames: Iterable[str], local: bool | None = None, active: bool | None = None, concurrency: int = 8
    ) -> FoundUsers[str]: ...

    async def get_many(
        self,
        *,
        uids: Iterable[int] | None = None,
        emails: Iterable[str] | None = None,
        usernames: Iterable[str] | None = None,
        local: bool | None = None,
        active: bool | None = None,
        concurrency: int = 8,
    ) -> FoundUsers[int] | FoundUsers[str]:
        """The directory's view of any number of users, a hundred per request (``GET /pod/v3/users``).

        Args:
            uids: Ids. Exactly one of ``uids``, ``emails`` and ``usernames`` must be given. Duplicates are sent once.
            emails: Email addresses; case does not matter.
            usernames: Login names; searched only in this pod.
            local: As for :meth:`get`.
            active: True for enabled users only, False for disabled ones only; both if None.
            concurrency: Requests under way at once.

        Returns:
            The users found, and the keys without a user.

        Raises:
            ConfigError: Not exactly one kind of key was given, or a key is empty or has a comma in it.
            SymphonyError: A request failed. The results of the others are dropped; the call can be repeated.
        """
        if (uids is None) + (emails is None) + (usernames is None) != 2:
            raise ConfigError("users.get_many takes exactly one of uids, emails and usernames. Nothing was sent.")
        if uids is not None:
            return await self._get_many("uid", uids, _id_of, local, active, concurrency)
        if emails is not None:
            emails = texts("emails", emails)
            return await self._get_many("email", emails, lambda user: user.email_address, local, active, concurrency)
        local, usernames = _local_for_usernames(local), texts("usernames", usernames or ())
        return await self._get_many("username", usernames, lambda user: user.username, local, active, concurrency)

    async def _get_many(
        self,
        parameter: str,
        keys: Iterable[K],
        key_of: Callable[[UserV2], object],
        local: bool | None,
        active: bool | None,
        concurrency: int,
    ) -> FoundUsers[K]:
        asked = list(dict.fromkeys(keys))
        found: dict[object, UserV2] = {}

        async def look_up(chunk: str) -> None:
            answer = await self._session.execute(v3_users_get.build(**{parameter: chunk}, local=local, active=active))
            # Its errors name the keys without a user; so does every other key that no user comes back for.
            for user in (answer and answer.users) or ():
                uid = or_none(_id_of, user)
                found[uid if isinstance(uid, int) else id(user)] = user

        async with bulk(_chunks(parameter, asked), look_up, concurrency=concurrency) as run:
            async for outcome in run:
                if isinstance(outcome, Failed):
                    raise outcome.error
        present = {fold(or_none(key_of, user)) for user in found.values()}
        return FoundUsers(list(found.values()), [key for key in asked if fold(key) not in present])

    async def detail(self, uid: int) -> V2UserDetail:
        """The administrator's view of one user of this pod (``GET /pod/v2/admin/user/{uid}``).

        Raises:
            BadRequest: There is no such user.
        """
        return await self._session.execute(v2_admin_user_uid_get.build(uid))

    def list(self, *, include_features: bool = False, page_size: int = 1000) -> Pager[V3UserDetail]:
        """All users of this pod, disabled ones too (``GET /pod/v3/admin/user/list``).

        Args:
            include_features: Whether to include each user's features.
            page_size: Users per request, at most 1,000.
        """
        build = partial(v3_admin_user_list_get.build, include_features=include_features or None)
        return array_pager(self._session, build, page_size, key=_id_of_detail)

    def list_details(self, *, page_size: int = 1000) -> Pager[V2UserDetail]:
        """All users of this pod with the ids of their apps, groups and disclaimers (``GET /pod/v2/admin/user/list``).

        Args:
            page_size: Users per request, at most 1,000.
        """
        return array_pager(self._session, v2_admin_user_list_get.build, page_size, key=_id_of_detail)

    def find(
        self, *, role: str | None = None, feature: str | None = None, status: str | None = None, page_size: int = 1000
    ) -> Pager[UserDetail]:
        """Users of this pod by role, feature and status (``POST /pod/v1/admin/user/find``).

        Args:
            role: Id of a role that they have, such as ``INDIVIDUAL``.
            feature: A feature that they are entitled to.
            status: ``ENABLED`` or ``DISABLED``.
            page_size: Users per request, at most 1,000.
        """
        body = UserFilter(role=role, feature=feature, status=None if status is None else UserFilterStatus(status))
        build = partial(v1_admin_user_find_post.build, body=body)
        return array_pager(self._session, build, page_size, key=_id_of_detail)

    def search(
        self,
        query: str,
        *,
        local: bool | None = None,
        title: str | None = None,
        company: str | None = None,
        location: str | None = None,
        market_coverage: str | None = None,
        responsibility: str | None = None,
        function: str | None = None,
        instrument: str | None = None,
        account_types: Iterable[str] | None = None,
        page_size: int = 50,
    ) -> Pager[UserV2]:
        """Search the directory by words of names and addresses, and by attributes (``POST /pod/v1/user/search``).

        Args:
            query: What to search for.
            local: True to search only this pod, False to search others, too; False if None.
            title: Only users with this job title. Each further argument narrows the search in the same way.
            company: Company.
            location: Place of work.
            market_coverage: Market coverage.
            responsibility: Responsibility.
            function: Function.
            instrument: Instrument.
            account_types: Kinds of account, such as ``NORMAL`` and ``SYSTEM``.
            page_size: Users per request. A pod's default is 50; its maximum is not documented.
        """
        filters = UserSearchFilter(
            account_types=None if account_types is None else texts("account_types", account_types),
            title=title,
            company=company,
            location=location,
            market_coverage=market_coverage,
            responsibility=responsibility,
            function=function,
            instrument=instrument,
        )
        body = UserSearchQuery(query=query, filters=filters if filters.to_dict() else None)

        async def fetch(asked: Query) -> Page[UserV2]:
            answer = await self._session.execute(v1_user_search_post.build(body=body, local=local, **asked))
            return Page(()) if answer is None else Page(answer.users or (), total=answer.count, answer=answer)

        return Pager(fetch, lambda: SkipLimit(page_size), key=lambda user: user.id)

    # --- create and change --------------------------------------------------------------------------------------------

    async def create(
        self,
        user: V2UserCreate | None = None,
        *,
        user_name: str | None = None,
        email: str | None = None,
        first_name: str | None = None,
        last_name: str | None = None,
        display_name: str | None = None,
        roles: Iterable[str] | None = None,
        account_type: str | None = None,
        department: str | None = None,
        division: str | None = None,
        title: str | None = None,
        location: str | None = None,
        company_name: str | None = None,
        job_function: str | None = None,
        work_phone_number: str | None = None,
        mobile_phone_number: str | None = None,
    ) -> V2UserDetail:
        """Create a user (``POST /pod/v2/admin/user/create``).

        A person without a password logs in by single sign-on. To set a password, or the public key of a service
        account, give a ``V2UserCreate``.

        Args:
            user: The complete user, instead of all that follows.
            user_name: Login name, unique in the pod.
            email: Email address, unique in the pod.
            first_name: First name, up to 64 characters.
            last_name: Last name, up to 64 characters.
            display_name: The name that others see.
            roles: Ids of roles, such as ``INDIVIDUAL``; :meth:`System.list_roles` lists them.
            account_type: ``NORMAL`` for a person, ``SYSTEM`` for a service account.
            department: Up to 256 characters, as all that follow.
            division: Division.
            title: Job title.
            location: Place of work.
            company_name: Company.
            job_function: What the user does.
            work_phone_number: Phone number at work.
            mobile_phone_number: Mobile phone number.

        Returns:
            The user as administrators see it, with its id in ``user_system_info``.

        Raises:
            BadRequest: The name or the address is taken, or a field is wrong.
            ConfigError: Neither a user nor ``user_name`` and ``email`` were given, or a user and more.
            OutcomeUnknown: The user may have been created: look for it with :meth:`get` before trying again.
        """
        attributes = V2UserAttributes(
            user_name=user_name,
            email_address=email,
            first_name=first_name,
            last_name=last_name,
            display_name=display_name,
            account_type=None if account_type is None else V2UserAttributesAccountType(account_type),
            department=department,
            division=division,
            title=title,
            location=location,
            company_name=company_name,
            job_function=job_function,
            work_phone_number=work_phone_number,
            mobile_phone_number=mobile_phone_number,
        )
        if user is None:
            if user_name is None or email is None:
                raise ConfigError("users.create needs user_name and email, or a V2UserCreate. Nothing was sent.")
            user = V2UserCreate(user_attributes=attributes, roles=None if roles is None else texts("roles", roles))
        elif roles is not None or attributes.to_dict():
            raise ConfigError("users.create takes a V2UserCreate or keyword arguments, not both. Nothing was sent.")
        request = v2_admin_user_create_post.build(body=user)
        created = await self._session.execute(request)
        asked = user.user_attributes or V2UserAttributes()
        came = or_none(lambda: created.user_attributes) or V2UserAttributes()
        check_echo(
            self._session,
            request.operation,
            ("userName", asked.user_name, came.user_name),
            ("emailAddress", asked.email_address, came.email_address),
        )
        return created

    async def update(
        self,
        uid: int,
        attributes: V2UserAttributes | None = None,
        *,
        user_name: str | None = None,
        email: str | None = None,
        first_name: str | None = None,
        last_name: str | None = None,
        display_name: str | None = None,
        department: str | None = None,
        division: str | None = None,
        title: str | None = None,
        location: str | None = None,
        company_name: str | None = None,
        job_function: str | None = None,
        work_phone_number: str | None = None,
        mobile_phone_number: str | None = None,
    ) -> V2UserDetail:
        """Change attributes of a user (``POST /pod/v2/admin/user/{uid}/update``).

        Args:
            uid: The user.
            attributes: What to change, instead of all that follows. With a ``current_key``, it saves, rotates or
                revokes the public key of a service account, and is never sent twice.
            user_name: New login name; None leaves it unchanged, as with all that follow.
            email: Email address.
            first_name: First name.
            last_name: Last name.
            display_name: The name that others see.
            department: Department.
            division: Division.
            title: Job title.
            location: Place of work.
            company_name: Company.
            job_function: What the user does.
            work_phone_number: Phone number at work.
            mobile_phone_number: Mobile phone number.

        Returns:
            The user as it is now.

        Raises:
            ConfigError: Nothing to change was given, or attributes and more.
            BadRequest: There is no such user, or the new login name or address is taken.
            OutcomeUnknown: A key may have been changed: check with :meth:`detail` before trying again.
        """
        given = V2UserAttributes(
            user_name=user_name,
            email_address=email,
            first_name=first_name,
            last_name=last_name,
            display_name=display_name,
            department=department,
            division=division,
            title=title,
            location=location,
            company_name=company_name,
            job_function=job_function,
            work_phone_number=work_phone_number,
            mobile_phone_number=mobile_phone_number,
        )
        if (attributes is None) == (not given.to_dict()):
            raise ConfigError("users.update takes either V2UserAttributes or keyword arguments. Nothing was sent.")
        request = v2_admin_user_uid_update_post.build(uid, body=given if attributes is None else attributes)
        if attributes is None or (attributes.current_key is None and attributes.previous_key is None):
            request = request.as_operation(_UPDATE_WITHOUT_KEY)
        return await self._session.execute(request)

    async def get_status(self, uid: int) -> UserStatus:
        """Whether a user is enabled and whether suspended (``GET /pod/v1/admin/user/{uid}/status``)."""
        return await self._session.execute(v1_admin_user_uid_status_get.build(uid))

    async def set_status(self, uid: int, status: UserStatus) -> SuccessResponse:
        """Set status and suspension of a user at once (``POST /pod/v1/admin/user/{uid}/status/update``).

        Args:
            uid: The user.
            status: The new values; absent ones stay unchanged.
        """
        return await self._session.execute(v1_admin_user_uid_status_update_post.build(uid, body=status))

    async def enable(self, uid: int) -> SuccessResponse:
        """Let a user log in again (``POST /pod/v1/admin/user/{uid}/status/update``)."""
        return await self.set_status(uid, UserStatus(status=UserStatusStatus.ENABLED))

    async def disable(self, uid: int) -> SuccessResponse:
        """Stop a user from logging in (``POST /pod/v1/admin/user/{uid}/status/update``)."""
        return await self.set_status(uid, UserStatus(status=UserStatusStatus.DISABLED))

    async def suspend(self, uid: int, *, until: int | None = None, reason: str | None = None) -> SuccessResponse:
        """Suspend a user (``PUT /pod/v1/admin/user/{userId}/suspension/update``).

        Args:
            uid: The user.
            until: When the suspension ends, since the epoch; sent unchanged. Documents disagree on the unit, seconds or
                milliseconds: read it back with :meth:`get_status`. Open-ended if None.
            reason: The reason.
        """
        body = UserSuspension(suspended=True, suspended_until=until, suspension_reason=reason)
        return await self._session.execute(v1_admin_user_user_id_suspension_update_put.build(uid, body=body))

    async def unsuspend(self, uid: int) -> SuccessResponse:
        """End the suspension of a user (``PUT /pod/v1/admin/user/{userId}/suspension/update``)."""
        body = UserSuspension(suspended=False)
        return await self._session.execute(v1_admin_user_user_id_suspension_update_put.build(uid, body=body))

    # --- what a user may do, and who may act for it -------------------------------------------------------------------

    async def add_role(self, uid: int, role: str) -> SuccessResponse:
        """Give a user a role (``POST /pod/v1/admin/user/{uid}/roles/add``).

        Args:
            uid: The user.
            role: Id of the role, such as ``USER_PROVISIONING``; :meth:`System.list_roles` lists them.
        """
        return await self._session.execute(v1_admin_user_uid_roles_add_post.build(uid, body=StringId(id=role)))

    async def remove_role(self, uid: int, role: str) -> SuccessResponse:
        """Take a role from a user (``POST /pod/v1/admin/user/{uid}/roles/remove``).

        Raises:
            ApiError: The user does not have it. If ``may_have_acted`` is true, an earlier attempt may have taken it,
                and its answer was lost.
        """
        return await self._session.execute(v1_admin_user_uid_roles_remove_post.build(uid, body=StringId(id=role)))

    async def list_features(self, uid: int) -> builtins.list[Feature]:
        """The feature entitlements of a user (``GET /pod/v1/admin/user/{uid}/features``)."""
        return await self._session.execute(v1_admin_user_uid_features_get.build(uid))

    async def update_features(self, uid: int, features: Mapping[str, bool]) -> SuccessResponse:
        """Switch features of a user on and off (``POST /pod/v1/admin/user/{uid}/features/update``).

        Args:
            uid: The user.
            features: Name to whether it is on, such as ``{"canCreatePublicRoom": True}``; others stay unchanged.
        """
        body = [Feature(entitlment=name, enabled=enabled) for name, enabled in features.items()]
        return await self._session.execute(v1_admin_user_uid_features_update_post.build(uid, body=body))

    async def list_delegates(self, uid: int) -> builtins.list[int]:
        """Ids of the users that may act for a user (``GET /pod/v1/admin/user/{uid}/delegates``)."""
        return await self._session.execute(v1_admin_user_uid_delegates_get.build(uid))

    async def add_delegate(self, uid: int, delegate: int) -> SuccessResponse:
        """Let the user ``delegate`` act for the user ``uid`` (``POST /pod/v1/admin/user/{uid}/delegates/update``)."""
        return await self._update_delegate(uid, delegate, DelegateActionAction.ADD)

    async def remove_delegate(self, uid: int, delegate: int) -> SuccessResponse:
        """No longer let ``delegate`` act for ``uid`` (``POST /pod/v1/admin/user/{uid}/delegates/update``)."""
        return await self._update_delegate(uid, delegate, DelegateActionAction.REMOVE)

    async def _update_delegate(self, uid: int, delegate: int, action: DelegateActionAction) -> SuccessResponse:
        body = DelegateAction(user_id=delegate, action=action)
        return await self._session.execute(v1_admin_user_uid_delegates_update_post.build(uid, body=body))

    async def get_avatar(self, uid: int) -> builtins.list[Avatar]:
        """A user's picture, once per size (``GET /pod/v1/admin/user/{uid}/avatar``)."""
        return await self._session.execute(v1_admin_user_uid_avatar_get.build(uid))

    async def set_avatar(self, uid: int, image: bytes | str | PathLike[str]) -> SuccessResponse:
        """Replace a user's picture (``POST /pod/v1/admin/user/{uid}/avatar/update``).

        Args:
            uid: The user.
            image: A picture file's path, or its bytes; less than 2 MB.

        Raises:
            ConfigError: The picture cannot be read, is empty or too large.
        """
        body = AvatarUpdate(image=await picture(image))
        return await self._session.execute(v1_admin_user_uid_avatar_update_post.build(uid, body=body))

    async def download_avatar(self, uid: int, *, size: str | None = None) -> bytes | None:
        """A user's picture: :meth:`get_avatar`, then a request for its content.

        The documents do not say how an avatar's address is read. The token is sent along, and to the pod alone.

        Args:
            uid: The user.
            size: One of the sizes that :meth:`get_avatar` lists, such as ``"150"``; the largest if None.

        Returns:
            The picture's bytes; None if the user has no picture of this size.

        Raises:
            ConfigError: The picture is at another server.
            NotFound: There is nothing at its address.
        """
        found = [(avatar.size or "", avatar.url) for avatar in await self.get_avatar(uid) if avatar.url]
        fitting = [(each, url) for each, url in found if size in (None, each)]
        if not fitting:
            return None
        # Sizes are pixels in text; what is no number is the picture as it was given.
        _, url = max(fitting, key=lambda pair: int(pair[0]) if pair[0].isdecimal() else sys.maxsize)
        return await download(self._session, url)

    # --- sessions and followers ---------------------------------------------------------------------------------------

    async def list_sessions(self, uid: int) -> builtins.list[V1Session]:
        """The sessions of a user (``GET /pod/v1/users/{uid}/sessions``)."""
        answer = await self._session.execute(v1_users_uid_sessions_get.build(str(uid)))
        return [] if answer is None else answer.sessions or []

    async def end_session(self, uid: int, session_id: str) -> SuccessResponse:
        """Log a user out of one session (``POST /pod/v1/users/{uid}/sessions/{sid}/logout``).

        Raises:
            OutcomeUnknown: It may have ended; :meth:`list_sessions` tells.
        """
        return await self._session.execute(v1_users_uid_sessions_sid_logout_post.build(str(uid), session_id))

    async def end_all_sessions(self, uid: int) -> SuccessResponse:
        """Log a user out everywhere (``POST /pod/v1/users/{uid}/sessions/logout``).

        Raises:
            OutcomeUnknown: They may have ended, and the user may have logged in again; :meth:`list_sessions` tells.
        """
        return await self._session.execute(v1_users_uid_sessions_logout_post.build(str(uid)))

    async def follow(self, uid: int, followers: Iterable[int]) -> SuccessResponse:
        """Make users follow the user ``uid`` (``POST /pod/v1/user/{uid}/follow``).

        Args:
            uid: The user to be followed.
            followers: Ids of the users who should follow.
        """
        body = _followers(uid, followers)
        return await self._session.execute(v1_user_uid_follow_post.build(uid, body=body))

    async def unfollow(self, uid: int, followers: Iterable[int]) -> SuccessResponse:
        """Make users no longer follow the user ``uid`` (``POST /pod/v1/user/{uid}/unfollow``).

        Args:
            uid: The user who is followed.
            followers: Ids of the users who should stop.
        """
        body = _followers(uid, followers)
        return await self._session.execute(v1_user_uid_unfollow_post.build(uid, body=body))

    def list_followers(self, uid: int, *, page_size: int = 100) -> Pager[int]:
        """Ids of the users who follow a user (``GET /pod/v1/user/{uid}/followers``).

        Args:
            uid: The user who is followed.
            page_size: Ids per request.
        """

        async def fetch(query: Query) -> Page[int]:
            answer = await self._session.execute(v1_user_uid_followers_get.build(uid, **query))
            return Page(answer.followers or (), answer.count, next=next_cursor(answer.pagination))

        return Pager(fetch, lambda: Cursor(page_size), key=int)

    def list_following(self, uid: int, *, page_size: int = 100) -> Pager[int]:
        """Ids of the users whom a user follows (``GET /pod/v1/user/{uid}/following``).

        Args:
            uid: The user who follows.
            page_size: Ids per request.
        """

        async def fetch(query: Query) -> Page[int]:
            answer = await self._session.execute(v1_user_uid_following_get.build(uid, **query))
            return Page(answer.following or (), answer.count, next=next_cursor(answer.pagination))

        return Pager(fetch, lambda: Cursor(page_size), key=int)


# The table speaks for the worst body: a key that was rotated must not be rotated once more, which would revoke the one
# before too early. Any other body only says what is to be.
_UPDATE_WITHOUT_KEY = attrs.evolve(v2_admin_user_uid_update_post.OPERATION, idempotent=True)


def _followers(uid: int, followers: Iterable[int]) -> FollowersList:
    """Followers as the body of a request.

    Raises:
        ConfigError: The two were given in the other order, which is the one of symphony-bdk-python.
    """
    if not isinstance(uid, int) or isinstance(followers, int):
        raise ConfigError(
            f"the user is {uid!r} and the followers {followers!r}: the user comes first. Nothing was sent."
        )
    return FollowersList(followers=[*followers])


def _local_for_usernames(local: bool | None) -> bool:
    if local is False:
        raise ConfigError("login names are searched only in this pod: leave out local=False. Nothing was sent.")
    return True


def _chunks(parameter: str, keys: Sequence[int | str]) -> Iterator[str]:
    """Keys joined by commas, at most a hundred, and at most as many as fit into a URL.

    Raises:
        ConfigError: A key cannot be one of several; before the first chunk is given out.
    """
    chunks: list[list[str]] = [[]]
    length = 0
    for key in keys:
        text = str(key)
        if not text or "," in text:
            raise ConfigError(f"{parameter}: {text!r} is empty or has a comma in it. Nothing was sent.")
        size = len(quote(text, safe="")) + len("%2C")
        if len(chunks[-1]) == MAX_IDS or (chunks[-1] and length + size > MAX_KEYS_LENGTH):
            chunks.append([])
            length = 0
        chunks[-1].append(text)
        length += size
    return iter([",".join(chunk) for chunk in chunks if chunk])


def _id_of(user: UserV2) -> int:
    return user.id


def _id_of_detail(user: UserDetail | V2UserDetail | V3UserDetail) -> int:
    info: UserSystemInfo = user.user_system_info
    return info.id
