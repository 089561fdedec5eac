"""What the sandbox holds by its own state, read without API and client."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from ..text import fold
from . import onboarding, populating
from .comparing import Thing


def things(state: Any, *, company_id: str, users_before: Collection[int]) -> Iterator[Thing]:
    """The things that ``read_back`` of both parts tell of, from the sandbox's state.

    Args:
        state: What :meth:`Server.state` gave.
        company_id: The company of the Connect part.
        users_before: Ids of the pod's users that are left out.
    """
    for user in state["connect_users"]:
        if user["company"] == company_id:
            facts = {**user["attributes"], "active": user["active"]}
            yield Thing(onboarding.KIND, fold(user["email"]), facts)
    names = {user["id"]: user["username"] for user in state["pod_users"]}
    for user in state["pod_users"]:
        if user["id"] not in users_before:
            yield Thing(populating.USER, user["username"], user["attributes"])
    for room in state["rooms"]:
        members = sorted(names.get(uid, str(uid)) for uid in room["members"])
        yield Thing(populating.ROOM, room["name"], {"members": members})
    for uid, category in state["presences"].items():
        if int(uid) not in users_before:
            yield Thing(populating.PRESENCE, names.get(int(uid), uid), {"category": category})
