"""What has to be done: the desired state against what is there. Pure functions: nothing is sent.

``decide`` judges one row and is also what a job asks after a request whose outcome is unknown: it looks the row up and
decides anew.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import orjson

from ...errors import JobRefused
from ...text import clean_text, counted, same_text
from ..actual import Actual, ActualUser
from ..progress import Progress
from ..rows.base import Kind, User
from ..rows.registry import user_class
from ..rows.wanted import Wanted, WantedRow, WrongRow
from . import persons
from .actions import Action, ActionKind, Step
from .file import Plan
from .persons import several_users
from .rules import Rules

__all__ = ["decide", "plan"]

_LONGEST_LABEL: Final = 254
"""Characters of what a wrong row has for a key: as many as an address may have."""


def decide(user: User, matches: Sequence[ActualUser], line: int = 0) -> Action:
    """Judge one row against the users that have any of its keys."""
    values = user.to_dict()
    if len(matches) > 1:
        return Action("conflict", line, user.label, reason=several_users(user, matches), values=values)
    if not matches:
        return Action("create", line, user.label, steps=_steps_to_create(user, values), values=values)
    existing = matches[0]
    changes = _changes(user, existing)
    fixed = sorted(user.fixed & changes.keys())
    if fixed:
        reason = f"differs in {', '.join(fixed)}, which the {user.kind.capitalize()} API cannot change"
        return Action("conflict", line, user.label, existing.id, changes, (), reason, values)
    steps = _steps_to_change(user, changes)
    do: ActionKind = "skip"
    if steps:
        only_active = [step["active"] for step in steps if step["do"] == "active"] if len(steps) == 1 else []
        do = ("enable" if only_active[0] else "disable") if only_active else "update"
    return Action(do, line, user.label, existing.id, changes, steps, values=values)


def _changes(user: User, existing: ActualUser) -> dict[str, tuple[Any, Any]]:
    """Column to (there, wanted), for what differs."""
    changes: dict[str, tuple[Any, Any]] = {}
    columns = user.columns()
    for name, wanted in user.to_dict().items():
        found = existing.values.get(name)
        step = columns[name].step
        if step == "active":
            # A listing that does not tell lists those who are active.
            if user.enabled != (existing.active is not False):
                changes[name] = (existing.active is not False, user.enabled)
        elif step == "role":
            if differing := [
                role for role in wanted if (role.removeprefix("-") in (found or ())) is role.startswith("-")
            ]:
                changes[name] = (sorted(found or ()), differing)
        elif step == "features":
            # A switch that the tenant does not list is off.
            held = {feature: bool((found or {}).get(feature)) for feature in wanted}
            if held != wanted:
                changes[name] = (held, wanted)
        elif isinstance(wanted, list):
            if sorted(found or ()) != sorted(wanted):
                changes[name] = (found, wanted)
        elif (_plain(found) or "") != wanted and not (columns[name].key and _same_key(found, wanted)):
            changes[name] = (found, wanted)
    return changes


def _plain(value: object) -> object:
    return unicodedata.normalize("NFC", value.strip()) if isinstance(value, str) else value


def _same_key(found: object, wanted: str) -> bool:
    return isinstance(found, str) and same_text(found, wanted)


def _steps_to_create(user: User, values: Mapping[str, Any]) -> list[Step]:
    steps: list[Step] = [{"do": "create"}]
    columns = user.columns()
    steps += [{"do": "features", "set": value} for name, value in values.items() if columns[name].step == "features"]
    if user.enabled is False:
        steps.append({"do": "active", "active": False})
    return steps


def _steps_to_change(user: User, changes: Mapping[str, tuple[Any, Any]]) -> list[Step]:
    columns = user.columns()
    attributes: dict[str, Any] = {}
    steps: list[Step] = []
    for name, (_, wanted) in changes.items():
        match columns[name].step:
            case "role":
                steps += [
                    {"do": "role", "role": role[1:], "remove": True} if role[0] == "-" else {"do": "role", "role": role}
                    for role in wanted
                ]
            case "features":
                steps.append({"do": "features", "set": wanted})
            case "active":
                steps.append({"do": "active", "active": wanted})
            case _:
                attributes[name] = wanted
    return [{"do": "update", "set": attributes}, *steps] if attributes else steps


def plan(
    desired: Wanted,
    actual: Actual,
    *,
    target: str = "",
    disable_missing: bool = False,
    include_service_accounts: bool = False,
    trust_keys: bool = False,
    own_id: str | None = None,
    progress: Progress | None = None,
    rules: Rules | None = None,
) -> Plan:
    """Decide what makes the tenant look like the file. A pure function of its arguments: nothing is sent.

    Args:
        desired: The checked file.
        actual: The users that are there; all of them if ``disable_missing``.
        target: Which tenant or company this is, for the saved plan; see ``Target.name``.
        disable_missing: The file is the truth about who belongs: disable the active users that are not in it, and
            enable those that are. A wrong row counts as being in it only by its line, so a file with wrong rows is
            refused.
        include_service_accounts: Disable those of service accounts too by their absence.
        trust_keys: Take the keys as they are: a user with another key is another person, whatever the names, and one
            with the same key is the same.
        own_id: The account that asks, if it is among the users. Nothing is done that would lock it out.
        progress: Told how many rows were decided.
        rules: What the tenant takes; None if it does not say.

    Raises:
        JobError: Users are to be disabled by their absence, and the file has wrong rows or the listing is not whole.
    """
    made = Plan(
        desired.kind,
        target,
        input_name=desired.name,
        input_digest=desired.digest,
        disable_missing=disable_missing,
        include_service_accounts=include_service_accounts,
        trust_keys=trust_keys,
    )
    if rules is None:
        rules = Rules(desired.kind)
    made.warnings = rules.warnings
    actual.reset_claims()
    made.known, made.whole = len(actual), actual.whole
    made.active = actual.count_active() if actual.whole else None
    if disable_missing and not actual.whole:
        raise JobRefused("users can be disabled by their absence only against a whole listing")
    state = _State()
    judge = _Judge(actual, state, returning=disable_missing, trust_keys=trust_keys, own_id=own_id)
    for item in (Progress() if progress is None else progress).each(desired.checked_rows()):
        if isinstance(item, WantedRow):
            action = judge.row(item)
            if wrong := rules.check(action):
                state.refuse(action)
                action = action.refuse(wrong)
            made._add(action)
        else:
            reason = "; ".join(str(problem).partition(": ")[2] for problem in item.problems)
            made._add(Action("invalid", item.line, _label(item, made.kind), reason=reason, values=item.cells))
    if not trust_keys and actual.whole:
        actual.find_renames(by_name=disable_missing, own_id=own_id)
    if actual.has_disputes():
        made._revise(judge.again)
    if disable_missing:
        if made.counts["invalid"]:
            bad = made.counts["invalid"]
            are = "is" if bad == 1 else "are"
            raise JobRefused(
                f"{counted(bad, 'row')} of {desired.name} {are} wrong, so nobody can say who is missing from it: "
                "correct what is wrong first, or leave out --disable-missing",
            )
        user_type = user_class(desired.kind)
        for existing in actual.unclaimed():
            if existing.active is False:
                continue
            state.add(existing)
            if existing.id == own_id:
                made.left_alone["own_account"] += 1
            elif not include_service_accounts and not user_type.is_person(existing.values):
                made.left_alone["service_accounts"] += 1
            else:
                made._add(_disable(user_type, existing))
    made.state = state.digest()
    return made


class _Judge:
    """Judges the rows of a file, one after the other, and notes whom they mean."""

    def __init__(self, actual: Actual, state: _State, *, returning: bool, trust_keys: bool, own_id: str | None) -> None:
        self._actual = actual
        self._user_type = user_class(actual.kind)
        self._state = state
        self._returning = returning
        self._trust_keys = trust_keys
        self._own_id = own_id

    def row(self, wanted: WantedRow) -> Action:
        """What to do about one row, as far as it can be told before all of them are read."""
        user, line = wanted.user, wanted.line
        matches = self._actual.find(user.identities())
        for match in matches:
            self._state.add(match)
        if not matches:
            return self._newcomer(user, line)
        if len(matches) > 1:
            for match in matches:
                self._actual.claim(match.id)
            return decide(user, matches, line)
        (existing,) = matches
        self._actual.claim_for(existing.id, line)
        if not self._trust_keys and (why := persons.changes_hands(user, existing)):
            return _conflict(decide(user, matches, line), why)
        stays_disabled = user.enabled is None and existing.active is False
        if stays_disabled and self._returning:
            user, stays_disabled = user.enable(), False
        action = decide(user, matches, line)
        if existing.id == self._own_id and any(persons.harms_login(step, self._user_type) for step in action.steps):
            return _conflict(action, persons.OWN_ACCOUNT)
        if stays_disabled and action.do != "conflict":
            return attrs.evolve(action, reason=persons.STAYS_DISABLED)
        return action

    def again(self, action: Action) -> Action:
        """The same, once it is known what the other rows mean."""
        if action.do == "conflict" or (found := self._actual.dispute(action.line)) is None:
            return action
        existing, other = found
        if other is not None:
            return _conflict(action, persons.contested(other, existing))
        self._state.add(existing)
        return _conflict(action, persons.probable_rename(self._user_type, existing), existing.id)

    def _newcomer(self, user: User, line: int) -> Action:
        action = decide(user, (), line)
        if self._trust_keys:
            return action
        for existing in (alike := self._actual.find_spoilt(user.identities())):
            self._state.add(existing)
            self._actual.claim(existing.id)
        if alike:
            return _conflict(action, persons.lookalike(user, alike[0]), alike[0].id)
        self._actual.add_newcomer(user, line)
        return action


def _label(row: WrongRow, kind: Kind) -> str:
    """The first key that a wrong row has, as it stands in the file; empty if it has none."""
    keys = (row.cells.get(name, "") for name in user_class(kind).key_columns())
    return clean_text(next(filter(None, keys), ""), _LONGEST_LABEL)


def _conflict(action: Action, reason: str, user_id: str | None = None) -> Action:
    return attrs.evolve(action, do="conflict", id=user_id or action.id, steps=(), reason=reason, refused=False)


def _disable(user_type: type[User], existing: ActualUser) -> Action:
    keys = [name for name, column in user_type.columns().items() if column.key]
    values = {name: existing.values[name] for name in keys if name in existing.values}
    values |= user_type.disabled
    change = dict.fromkeys(user_type.disabled, (True, False))
    label = str(existing.values.get(keys[0], existing.id))
    return Action("disable", 0, label, existing.id, change, [{"do": "active", "active": False}], values=values)


class _State:
    """A digest of a set of users, and of the rows that the tenant would refuse, whatever their order."""

    def __init__(self) -> None:
        self._sum = 0
        self._count = 0

    def add(self, user: ActualUser) -> None:
        self._add(user.id, user.active, user.values)

    def refuse(self, action: Action) -> None:
        """A row that would be sent, if the tenant took it."""
        self._add("refused", action.line)

    def _add(self, *what: object) -> None:
        content = orjson.dumps(what, option=orjson.OPT_SORT_KEYS)
        self._sum += int.from_bytes(hashlib.blake2b(content, digest_size=16).digest())
        self._count += 1

    def digest(self) -> str:
        return f"{self._count}-{self._sum % (1 << 128):032x}"
