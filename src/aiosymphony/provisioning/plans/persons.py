"""Whom the keys of a row mean: the reasons for which a row that looks simple is left for somebody to look at."""

from __future__ import annotations

from collections.abc import Sequence

from ...text import clean_text, stray_character
from ..actual import ActualUser
from ..rows.base import User, keys_of, words_of_name
from .actions import Step

__all__ = [
    "changes_hands",
    "contested",
    "harms_login",
    "lookalike",
    "probable_rename",
    "several_users",
    "shared_keys",
    "whose_keys",
]

OWN_ACCOUNT = (
    "is the account that this job runs as: it is not disabled, its userName not changed and no role of it taken away"
)
STAYS_DISABLED = "is disabled, and the row does not say whether to enable the user"
_TRUST = "to take the keys as they are, add --trust-keys"


def shared_keys(user: User, matches: Sequence[ActualUser]) -> dict[str, list[str]]:
    """The keys of a row that several users have, with their ids: these users are doubled."""
    held = {
        key: [match.id for match in matches if key in keys_of(match.values, type(user))] for key in user.identities()
    }
    return {key: sorted(ids) for key, ids in held.items() if len(ids) > 1}


def whose_keys(user: User, matches: Sequence[ActualUser]) -> dict[str, tuple[str, str]]:
    """Column to (whose it is, the row's key), for the keys that are there."""
    whose = {}
    for key in user.identities():
        name, _, value = key.partition(":")
        if found := [who(match) for match in matches if key in keys_of(match.values, type(user))]:
            whose[name] = (" and ".join(found), value)
    return whose


def several_users(user: User, matches: Sequence[ActualUser]) -> str:
    """Why a row that several users match is a conflict."""
    if shared := shared_keys(user, matches):
        return "; ".join(
            f"{len(ids)} users have the {name} '{key}': {', '.join(ids)}"
            for (name, _, key), ids in ((each.partition(":"), ids) for each, ids in shared.items())
        )
    whose = [f"{name} '{key}' is that of {its}" for name, (its, key) in whose_keys(user, matches).items()]
    return f"its keys mean different users: {', '.join(whose)}"


def changes_hands(user: User, existing: ActualUser) -> str:
    """Why a row is a conflict if its key is that of a leaver with another name; empty if it is none."""
    if existing.active is not False:
        return ""
    row, there = words_of_name(user.to_dict()), words_of_name(existing.values)
    if not row or not there or not row.isdisjoint(there):
        return ""
    held = keys_of(existing.values, type(user))
    keys = " and ".join(key.partition(":")[0] for key in user.identities() if key in held)
    return (
        f"its {keys} belonged to {who(existing)}, who is disabled: another person would get that account with its "
        f"history; {_TRUST}"
    )


def lookalike(user: User, existing: ActualUser) -> str:
    """Why a row is a conflict if a user there has its key, but for what nobody sees."""
    keys = (existing.values.get(name) for name, column in user.columns().items() if column.key)
    strays = (stray_character(key) for key in keys if isinstance(key, str))
    what = next(filter(None, strays), "an apostrophe before it")
    return f"{who(existing)} has the same key but for {what}: probably the same person; {_TRUST}"


def probable_rename(user_type: type[User], existing: ActualUser) -> str:
    """Why a row that would create somebody is a conflict if somebody there is probably the same person."""
    address = user_type.address
    if address in user_type.fixed:
        advice = f"the API cannot change {address}"
    else:
        advice = f"to change {address}, write the user's other key in the row"
    was = clean_text(existing.values.get(address, ""), 80)
    return (
        f"probable rename: {who(existing)} with {address} '{was}' has the same name and is not in the file, so "
        f"neither is touched; {advice}; {_TRUST}"
    )


def contested(line: int, existing: ActualUser) -> str:
    """Why a row is a conflict if another one means the same user."""
    return f"line {line} of the file means the same user, {who(existing)}"


def harms_login(step: Step, user_type: type[User]) -> bool:
    """Whether a step might keep the account that it is taken on from going on."""
    match step:
        case {"do": "active", "active": False} | {"remove": True}:
            return True
        case {"do": "update", "set": dict(changes)}:
            return any(
                column.key and name in changes and name != user_type.address
                for name, column in user_type.columns().items()
            )
    return False


def who(existing: ActualUser) -> str:
    """A user there, for people: its name and its id."""
    values = existing.values
    names = [values.get(name) for name in ("firstName", "lastName")]
    told = " ".join(name for name in names if isinstance(name, str) and name) or values.get("displayName") or ""
    return f"'{clean_text(told, 80)}' (id {existing.id})" if told else f"the user {existing.id}"
