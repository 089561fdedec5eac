"""What a tenant takes, as it says itself when a plan is made: which rows it would refuse, and why."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import attrs

from ...text import clean_text, fold
from ..rows.base import Kind, StepKind
from ..rows.registry import user_class
from .actions import Action

__all__ = ["Names", "Rules"]

_TOLD: Final = 5
"""Items of a cell that are told, and domains that are named."""
_HINTS: Final = 1000
"""Different names for which the nearest is looked for."""
_LONGEST_HINT: Final = 64
_LONGEST_NAME: Final = 80


class Names:
    """The names that the items of a column may have.

    Args:
        what: What they are, as in ``role of the pod``.
        names: The names, each with what else people may call it.
    """

    def __init__(self, what: str, names: Mapping[str, Iterable[str]]) -> None:
        self._what = what
        self._names = frozenset(names)
        self._meant = {fold(each): name for name, others in names.items() for each in (*others, name)}
        self._hints: dict[str, str] = {}

    def check(self, wanted: Iterable[str]) -> Iterator[str]:
        """Why each of these is none of the names, as far as so many reasons are told."""
        unknown = [name for name in wanted if name not in self._names]
        for name in unknown[:_TOLD]:
            yield f"holds {clean_text(name, _LONGEST_NAME)}, which is no {self._what}{self._hint(name)}"
        if len(unknown) > _TOLD:
            yield f"holds {len(unknown) - _TOLD} more that are none"

    def _hint(self, name: str) -> str:
        if name not in self._hints:
            # Each costs a comparison with all names: a file of nothing but errors must not take for ever.
            if len(name) > _LONGEST_HINT or len(self._hints) >= _HINTS:
                return ""
            found = difflib.get_close_matches(fold(name), self._meant, n=1)
            self._hints[name] = f" (did you mean {self._meant[found[0]]}?)" if found else ""
        return self._hints[name]


@attrs.frozen
class Rules:
    """What a tenant takes. Whoever is created needs all required columns; what the tenant does not say is not checked.

    Attributes:
        kind: The kind of users.
        domains: The e-mail domains of users that can be created, by which no others can; empty if it does not say.
        names: The names that the tenant knows, by the step that sends them.
        warnings: What an operator should know of it: what could not be read, so that it is not checked.
    """

    kind: Kind
    domains: Sequence[str] = ()
    names: Mapping[StepKind, Names] = attrs.field(factory=dict)
    warnings: Sequence[str] = ()

    def check(self, action: Action) -> list[tuple[str, str]]:
        """Every (column, reason) for which the tenant would refuse what this action sends."""
        wrong: list[tuple[str, str]] = []
        roles: list[str] = []
        for step in action.steps:
            match step:
                case {"do": "create"}:
                    lacking = user_class(self.kind).missing(action.values)
                    why = "is missing: there is no such user, and nobody is created without it"
                    wrong += [(name, why) for name in lacking]
                    wrong += self._check_domain(action.values)
                    # A role behind a minus is taken away, and nobody who is created has it.
                    asked = action.values.get(self._column("role"), ())
                    roles += [role for role in asked if not role.startswith("-")]
                case {"do": "role", "role": role}:
                    roles.append(role)
                case {"do": "features", "set": switches}:
                    wrong += self._check_names("features", switches)
        return wrong + self._check_names("role", roles) if roles else wrong

    def _check_domain(self, values: Mapping[str, object]) -> Iterator[tuple[str, str]]:
        column = user_class(self.kind).address
        if not self.domains or not isinstance(address := values.get(column), str):
            return
        if _domain(address) not in self._folded_domains:
            told = clean_text(address.rpartition("@")[2].lower(), _LONGEST_NAME)
            known = ", ".join(clean_text(domain, _LONGEST_NAME) for domain in self.domains[:_TOLD])
            more = " and others" if len(self.domains) > _TOLD else ""
            yield column, f"is of {told}, which is no domain of the company; it has {known}{more}"

    def _check_names(self, step: StepKind, wanted: Iterable[str]) -> list[tuple[str, str]]:
        known = self.names.get(step)
        return [] if known is None else [(self._column(step), why) for why in known.check(wanted)]

    def _column(self, step: StepKind) -> str:
        return _column(self.kind, step)

    @functools.cached_property
    def _folded_domains(self) -> frozenset[str]:
        return frozenset(_domain(f"@{domain}") for domain in self.domains)


def _domain(address: str) -> str:
    return fold(address).rpartition("@")[2]


@functools.cache
def _column(kind: Kind, step: StepKind) -> str:
    """The column that a step sends; empty if such users have none."""
    columns = user_class(kind).columns().items()
    return next((name for name, column in columns if column.step == step), "")
