"""A pod as a target of provisioning, through the facade."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from aiosymphony_api.pod.models import UserSystemInfoStatus, V2UserAttributes, V2UserCreate

from ..._bulk import Failed, bulk
from ...errors import BadRequest, ConfigError, JobRefused, NotFound
from ...text import spellings
from ...wire.models import or_none
from ..actual import ActualUser
from ..plans.actions import Step
from ..plans.rules import Names, Rules
from ..rows.base import Kind, StepKind, User
from ..rows.pod import PodUser
from .base import Connection, Created, InDoubt, Result, TargetKind
from .reading_rules import read_if_told
from .retrying import pages_retrying, retrying

if TYPE_CHECKING:
    from aiosymphony_api.pod.models import Feature, RoleDetail, UserV2, V2UserDetail, V3UserDetail

    from ...pod.client import PodClient

__all__ = ["KIND", "PodTarget"]

_DETAILS_AT_ONCE = 8
_NO_ATTRIBUTES = frozenset({"roles", "features", "status"})


class PodTarget:
    """The users of a pod; the client's account needs the entitlement to provision users.

    Args:
        pod: An open client.
    """

    kind: Kind = "pod"
    batch = 1
    look_up_batch = 100
    # Each user that is found costs a request more for its details; a thousand of a listing cost one.
    look_up_limit = 500

    def __init__(self, pod: PodClient) -> None:
        self._pod = pod
        self.name = pod.base_url
        self.limiter = pod.limiter

    async def own_id(self) -> str | None:
        """The account that is logged in."""
        own = await retrying(self._pod.session.info)
        own_id = or_none(lambda: own.id)
        return None if own_id is None else str(own_id)

    async def rules(self, columns: Collection[str]) -> Rules:
        """The roles and the features that there are, each asked for only if the file has a column of them."""
        warnings: list[str] = []
        system = self._pod.system
        names: dict[StepKind, Names] = {}
        if "roles" in columns and (roles := await read_if_told("roles", system.list_roles, warnings)):
            known = {key: [role.name] if role.name else [] for role in roles if (key := or_none(_role_id, role))}
            names["role"] = Names("role of the pod", known)
        if "features" in columns and (features := await read_if_told("features", system.list_features, warnings)):
            names["features"] = Names("feature of the pod", dict.fromkeys(features, ()))
        return Rules(self.kind, names=names, warnings=warnings)

    async def everyone(self) -> AsyncIterator[Sequence[ActualUser]]:
        """All users of the pod, with their features, a thousand at a time."""
        async for page in pages_retrying(self._pod.users.list(include_features=True)):
            yield [_actual(user, user.features) for user in page if _id_of(user) is not None]

    async def look_up(self, users: Sequence[User]) -> Sequence[ActualUser]:
        """Users found by login name or by address, in the administrator's view."""
        wanted = [user for user in users if isinstance(user, PodUser)]
        names = [user.user_name for user in wanted if user.user_name]
        # The pod compares text: a domain may be written there in the other of its two ways.
        emails = [each for user in wanted if user.email_address for each in spellings(user.email_address)]
        by_name = await retrying(lambda: self._pod.users.get_many(usernames=names))
        by_email = await retrying(lambda: self._pod.users.get_many(emails=emails, local=True))
        found = [*by_name.found, *by_email.found]
        ids = {uid for user in found if (uid := or_none(_directory_id, user)) is not None}
        with_features = any(user.features for user in wanted)

        async def detail(uid: int) -> ActualUser | None:
            # The directory shows it, the administrator may not see it: then it is not this pod's.
            return await self._detail(uid, with_features=with_features)

        actual: list[ActualUser] = []
        async with bulk(sorted(ids), detail, concurrency=_DETAILS_AT_ONCE) as run:
            async for outcome in run:
                if isinstance(outcome, Failed):
                    raise outcome.error
                if outcome.value is not None:
                    actual.append(outcome.value)
        return actual

    async def get(self, user_id: str) -> ActualUser | None:
        """The user of this pod with this id, without its features."""
        return await self._detail(int(user_id))

    async def _detail(self, uid: int, *, with_features: bool = False) -> ActualUser | None:
        try:
            user = await retrying(lambda: self._pod.users.detail(uid))
            features = await retrying(lambda: self._pod.users.list_features(uid)) if with_features else None
        except (BadRequest, NotFound):
            return None
        return _actual(user, features)

    async def create(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Result]:
        """Create one user, with its roles."""
        (row,) = rows
        # Whoever is new has nothing that could be taken away.
        given = {name: value for name, value in row.items() if value not in ("", [])}
        roles = [role for role in given.get("roles", ()) if not role.startswith("-")]
        made = await self._pod.users.create(V2UserCreate(user_attributes=_attributes(given), roles=roles or None))
        uid = _id_of(made)
        return [InDoubt("the answer has no id") if uid is None else Created(str(uid))]

    async def take_step(self, user_id: str, step: Step) -> None:
        """Change attributes, give or take a role, switch features, enable or disable."""
        users = self._pod.users
        try:
            uid = int(user_id)
        except ValueError:
            raise JobRefused(f"the journal names a user {user_id!r}, which is no id of a pod") from None
        match step:
            case {"do": "update", "set": changes}:
                await users.update(uid, _attributes(changes))
            case {"do": "role", "role": role, "remove": True}:
                await self._remove_role(uid, role)
            case {"do": "role", "role": role}:
                await users.add_role(uid, role)
            case {"do": "features", "set": changes}:
                await users.update_features(uid, changes)
            case {"do": "active", "active": True}:
                await users.enable(uid)
            case {"do": "active", "active": False}:
                await users.disable(uid)
            case _:
                msg = f"no step of a pod: {step}"
                raise ValueError(msg)

    async def _remove_role(self, uid: int, role: str) -> None:
        try:
            await self._pod.users.remove_role(uid, role)
        except (BadRequest, NotFound):
            # The user may not have it any more, as after a first attempt whose answer was lost.
            found = await self._detail(uid)
            if found is None or role in found.values["roles"]:
                raise


def _attributes(row: Mapping[str, Any]) -> V2UserAttributes:
    return V2UserAttributes.from_dict({name: value for name, value in row.items() if name not in _NO_ATTRIBUTES})


def _id_of(user: V2UserDetail | V3UserDetail) -> int | None:
    """The id of a user; None if the server has left it out."""
    return or_none(lambda: user.user_system_info.id)


def _actual(user: V2UserDetail | V3UserDetail, features: Iterable[Feature] | None) -> ActualUser:
    attributes, uid = or_none(lambda: user.user_attributes), _id_of(user)
    status = or_none(lambda: user.user_system_info.status)
    columns = PodUser.columns()
    # Only what a row can ask for: public keys and whatever else a pod tells stay where they are.
    values = {} if attributes is None else {k: v for k, v in attributes.to_dict().items() if k in columns}
    values["roles"] = [*(or_none(lambda: user.roles) or ())]
    if features is not None:
        values["features"] = dict(filter(None, map(_switch, features)))
    return ActualUser("" if uid is None else str(uid), values, status != UserSystemInfoStatus.DISABLED)


def _role_id(role: RoleDetail) -> str:
    return role.id


def _directory_id(user: UserV2) -> int:
    return user.id


def _switch(feature: Feature) -> tuple[str, bool] | None:
    """The name of a feature and whether it is on; None if it has no name."""
    name = or_none(lambda: feature.entitlment)
    return (name, bool(or_none(lambda: feature.enabled))) if name else None


def _check(where: Connection) -> None:
    if where.company:
        raise ConfigError("--company belongs to --target connect")


def _client(where: Connection) -> PodClient:
    from ...pod.client import PodClient  # noqa: PLC0415 - brings a client and its transport

    if where.config is not None:
        return PodClient.from_config(where.config, **where.options)
    return PodClient.from_env(where.variables, **where.options)


KIND: Final = TargetKind(
    "pod",
    _check,
    _client,
    lambda client, _where: PodTarget(client),
    saved=lambda _name: Connection(),
    server=lambda name: name,
)
