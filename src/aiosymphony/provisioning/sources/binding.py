"""A column map bound to the names of one file: what is unknown, lacking or there twice, and how cells are made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import attrs

from ...errors import JobRefused
from ...text import fold
from ..rows.base import Kind
from ..rows.registry import user_class
from .known_names import DISABLED_NAMES, bare_name
from .map_table import near
from .proposal import propose
from .rules import Rule, Take, Wrong

__all__ = ["Binder", "Binding"]

_SECRETS = frozenset({"password", "hsalt", "hpassword", "khsalt", "khpassword", "currentkey", "previouskey"})
_INVERSE = frozenset(map(bare_name, DISABLED_NAMES))


@attrs.frozen
class Binding:
    """A column map bound to the names of one file.

    Attributes:
        taken: The file's name and the API's of each column whose cells are taken as they are.
        rules: What is done for the others.
        notes: What an operator should know of it, a sentence each.
    """

    taken: Sequence[tuple[str, str]]
    rules: Sequence[Rule] = ()
    notes: Sequence[str] = ()

    def apply(self, cells: Mapping[str, object]) -> tuple[dict[str, object], Wrong]:
        """The cells by the API's columns, and the (column, reason) of each that cannot be made."""
        made = {ours: cells[theirs] for theirs, ours in self.taken if theirs in cells}
        wrong: Wrong = []
        for rule in self.rules:
            rule.make(cells, made, wrong)
        return made, wrong


class Binder:
    """Binds a map to the names of one file; the work of ``ColumnMap.bind``."""

    def __init__(self, kind: Kind, rules: Sequence[Rule], left_out: frozenset[str], names: Sequence[str]) -> None:
        self._kind = kind
        self._map_rules = rules
        self._left_out = left_out
        self._user_class = user_class(kind)
        self._known = self._user_class.columns()
        self._names = [name for name in names if name.strip()]
        self._named = _named([each for rule in rules for each in rule.sources], self._names)
        self._named |= _named(left_out, self._names)
        self._givers: dict[str, list[str]] = {}
        self._notes: list[str] = []
        self._unknown: list[str] = []
        self._twice: list[str] = []
        self._wrong: list[str] = []

    def binding(self, where: object, *, header: bool, samples: Sequence[Mapping[str, object]]) -> Binding:
        """What is bound.

        Raises:
            JobRefused: As ``ColumnMap.bind``.
        """
        rules, absent = self._rules()
        taken = self._own()
        self._check_doubles()
        keys = [name for name, column in self._known.items() if column.key]
        lacking = [] if any(name in self._givers for name in keys) else keys
        for rule, missing in absent:
            columns = ", ".join(rule.columns)
            if not (header and {*lacking} & {*rule.columns}):
                self._notes.append(f"the map makes {columns} of {_all(missing)}, which the file does not have")
        if self._unknown:
            raise self._refused(where, samples, lacking)
        if header and lacking:
            self._wrong.append(_lacks(lacking, absent))
        if wrong := self._wrong + [_is_twice(name) for name in self._twice]:
            raise JobRefused(f"{where}: {'; '.join(wrong)}")
        taken += [
            (rule.name, column) for rule in rules if isinstance(rule, Take) and rule.plain for column in rule.columns
        ]
        others = [rule for rule in rules if not (isinstance(rule, Take) and rule.plain)]
        return Binding(taken, others, self._notes)

    def _rules(self) -> tuple[list[Rule], list[tuple[Rule, list[str]]]]:
        """The rules for this file, and those that it lacks columns for."""
        rules: list[Rule] = []
        absent: list[tuple[Rule, list[str]]] = []
        for rule in self._map_rules:
            missing = [name for name in dict.fromkeys(rule.sources) if name not in self._named]
            if missing:
                absent.append((rule, missing))
                continue
            rules.append(rule.reading(self._named))
            giver = _all(rule.sources) or "a constant"
            self._note_inverse(rule)
            for column in rule.columns:
                self._givers.setdefault(column, []).append(giver)
        return rules, absent

    def _note_inverse(self, rule: Rule) -> None:
        if isinstance(rule, Take) and rule.plain and bare_name(rule.name) in _INVERSE:
            for column in {*rule.columns} & {*self._user_class.disabled}:
                self._notes.append(
                    f"the map takes {rule.name!r} as {column} as it is; if it is true for those who may not log in, "
                    f'write {{ to = "{column}", invert = true }}'
                )

    def _own(self) -> list[tuple[str, str]]:
        """Columns that have the API's names already, unless the map says where theirs come from."""
        by_map = {column: givers[0] for column, givers in self._givers.items()}
        decided = {self._named[name] for name in self._left_out if name in self._named}
        decided |= {
            self._named[rule.name] for rule in self._map_rules if isinstance(rule, Take) and rule.name in self._named
        }
        read = {*self._named.values()}
        folded = {name.casefold(): name for name in self._known}
        taken: list[tuple[str, str]] = []
        for raw in dict.fromkeys(self._names):
            name = raw.strip()
            ours = folded.get(name.casefold())
            if raw in decided or name.startswith("_"):  # The report's own, in a file of failed rows that comes back.
                continue
            if ours is None:
                if name.casefold() in _SECRETS:
                    self._wrong.append(
                        f"the column {name!r} is not taken, because a job keeps no secrets; leave it out"
                    )
                elif raw not in read:
                    self._unknown.append(name)
            elif ours in by_map:
                if raw not in read:
                    self._notes.append(f"the column {name!r} is left out: the map makes {ours} of {by_map[ours]}")
            else:
                taken.append((raw, ours))
                self._givers.setdefault(ours, []).append(repr(name))
        return taken

    def _check_doubles(self) -> None:
        twice = {name for name, count in Counter(map(str.strip, self._names)).items() if count > 1}
        left_out = {self._named[name].strip() for name in self._left_out if name in self._named}
        self._twice = [name for name in sorted(twice - left_out) if not name.startswith("_")]
        for column, givers in self._givers.items():
            if len(givers) > 1:
                self._wrong.append(f"the header has the column {column!r} twice, as {' and as '.join(givers)}")

    def _refused(self, where: object, samples: Sequence[Mapping[str, object]], lacking: Sequence[str]) -> JobRefused:
        partly = bool(self._map_rules or self._left_out)
        proposed = propose(self._unknown if partly else self._names, self._kind, samples, partly=partly)
        columns = proposed.table["columns"]
        hints = {name: near(name, self._known) for name in self._unknown if not columns.get(name)}
        names = ", ".join(f"{name!r}{hints.get(name, '')}" for name in self._unknown)
        told = [f"no column of {self._kind} users is called {names}"]
        if any("@" in name for name in self._unknown):
            told.append("the first line must name the columns")
        # What is left out may be there twice.
        told += self._wrong + [_is_twice(name) for name in self._twice if columns.get(name) != ""]
        if lacking and not any(name in proposed.columns for name in lacking):
            told.append(f"none is known to be {' or '.join(lacking)}")
        what = (
            "add to the map what is below" if partly else "rename them, or give a map by --map, such as the one below"
        )
        return JobRefused(f"{where}: {'; '.join(told)}; {what}", advice=proposed.toml)


def _is_twice(name: str) -> str:
    return f"the header has the column {name!r} twice"


def _named(wanted: Iterable[str], names: Sequence[str]) -> dict[str, str]:
    """The names of the file, as it spells them, for those that a map has; letter for letter if there is one such."""
    exact = {name.strip(): name for name in reversed(names)}
    folded = {fold(name): name for name in reversed(names)}
    found = {}
    for name in wanted:
        raw = exact.get(name.strip()) or folded.get(fold(name))
        if raw is not None:
            found[name] = raw
    return found


def _lacks(lacking: Sequence[str], absent: Iterable[tuple[Rule, Sequence[str]]]) -> str:
    told = f"the header lacks {' or '.join(lacking)}; the first line must name the columns"
    for rule, missing in absent:
        if columns := {*rule.columns} & {*lacking}:
            told += f", and has no {_all(missing)}, of which the map makes {', '.join(sorted(columns))}"
    return told


def _all(names: Iterable[str]) -> str:
    return " and ".join(map(repr, dict.fromkeys(names)))
