"""A column map proposed for a file, from its names and its first records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from ..rows.base import Column, Kind
from ..rows.cells import FALSE_WORDS, TRUE_WORDS, read_email
from ..rows.registry import user_class
from .known_names import (
    ACTIVE_INACTIVE,
    CONCEPTS,
    DISABLED_NAMES,
    ENABLED_NAMES,
    STATUS_NAMES,
    TRUE_FALSE,
    WORDS,
    bare_name,
)
from .map_table import switch_values
from .rules import word_of

__all__ = ["SAMPLES", "Proposal", "propose"]

SAMPLES: Final = 100
"""Records that are looked at."""


@attrs.frozen
class Proposal:
    """A map to look at before it is used.

    Attributes:
        table: The map, as ``ColumnMap.of`` takes it.
        notes: What is for somebody to decide, a sentence each.
        columns: The API's columns that it gives.
        toml: The map as text, with the notes and the reasons as comments.
    """

    table: Mapping[str, Any]
    columns: frozenset[str]
    notes: Sequence[str]
    toml: str


def propose(
    names: Sequence[str], kind: Kind, samples: Sequence[Mapping[str, object]] = (), *, partly: bool = False
) -> Proposal:
    """Propose a map.

    What several columns could be is proposed for none of them, and told. What nobody knows is left out.

    Args:
        names: The file's.
        kind: The kind of users.
        samples: Records of it, by its names.
        partly: Whether these are not all of its names, so that nothing is told of what they lack.
    """
    return _Proposing(names, kind, samples, partly=partly).proposal()


_Claim = tuple[int, int, str]
"""How good a name is for a column (0: it is the API's own), where it stands in the file, and the name."""
# Names that say for each column what it is, by their bare form: (concept, group).
_MEANINGS: Final[Mapping[str, Sequence[tuple[str, int]]]] = {
    bare: [
        (what, group)
        for what, concept in CONCEPTS.items()
        for group, among in enumerate(concept.names, 1)
        if bare in map(bare_name, among)
    ]
    for bare in {bare_name(name) for concept in CONCEPTS.values() for among in concept.names for name in among}
}
_ENABLED: Final = frozenset(map(bare_name, ENABLED_NAMES))
_DISABLED: Final = frozenset(map(bare_name, DISABLED_NAMES))
_STATUS: Final = frozenset(map(bare_name, STATUS_NAMES))


class _Proposing:
    def __init__(
        self, names: Sequence[str], kind: Kind, samples: Sequence[Mapping[str, object]], *, partly: bool
    ) -> None:
        self._raw = {name.strip(): name for name in names if name.strip() and not name.strip().startswith("_")}
        self._names = [*self._raw]
        self._user_class = user_class(kind)
        self._kind = kind
        self._known = self._user_class.columns()
        self._samples = samples
        self._partly = partly
        self._columns: dict[str, Any] = {}
        self._joins: dict[str, str] = {}
        self._splits: dict[str, Any] = {}
        self._comments: dict[str, str] = {}
        self._notes: list[str] = []

    def proposal(self) -> Proposal:
        for column, claims in self._claims().items():
            if chosen := self._chosen(column, claims):
                self._give(column, chosen, [name for _, _, name in sorted(claims) if name != chosen])
        self._address_by_values()
        self._name_alone()
        if not self._partly:
            self._display_name()
            self._tell_lacking()
        for name in self._names:
            self._columns.setdefault(name, "")
        columns = {name: self._columns[name] for name in self._names}
        table = {"columns": columns, "join": self._joins, "split": self._splits}
        return Proposal(
            {section: content for section, content in table.items() if content},
            frozenset(self._all_given()),
            self._notes,
            self._toml(table),
        )

    # Which column is which.

    def _claims(self) -> dict[str, list[_Claim]]:
        """The names that could be each column of the API, in the API's order."""
        own = {bare_name(column): column for column in self._known}
        switches = [column.name for column in self._known.values() if switch_values(column)]
        claims: dict[str, list[_Claim]] = {column: [] for column in self._known}
        for place, name in enumerate(self._names):
            bare = bare_name(name)
            if bare in own:
                column = own[bare]
                claims[column].append((0 if name.casefold() == column.casefold() else 1, place, name))
                continue
            for what, group in _MEANINGS.get(bare, ()):
                for column in CONCEPTS[what].columns:
                    if column in self._known:
                        claims[column].append((group, place, name))
            if bare in _ENABLED | _DISABLED | _STATUS:
                for column in switches:
                    claims[column].append((1, place, name))
        # A name that is good for two columns goes where it is needed: a principal name is a login, and an address
        # only if there is no other.
        taken: dict[str, str] = {}
        for group in sorted({group for each in claims.values() for group, _, _ in each}):
            for column, each in claims.items():
                if column not in taken.values():
                    free = [name for its, _, name in each if its == group and name not in taken]
                    taken |= dict.fromkeys(free, column)
        return {column: [one for one in each if taken.get(one[2], column) == column] for column, each in claims.items()}

    def _chosen(self, column: str, claims: Sequence[_Claim]) -> str:
        """The name for a column; empty if there is none, or if it is for somebody to decide."""
        best = [name for group, _, name in claims if group == min(claims)[0]]
        if len(best) > 1 and self._samples:
            filled = [name for name in best if any(self._values(name))]
            if len(filled) == 1:
                for name in best:
                    if name not in filled:
                        self._comments[name] = f"or {column}; empty in the first records"
                return filled[0]
        if len(best) > 1:
            for name in best:
                self._comments[name] = f"{column}?"
            self._notes.append(f"{column} could be any of {', '.join(map(repr, best))}: give one of them {column!r}")
            return ""
        return best[0] if best else ""

    def _give(self, column: str, name: str, others: Sequence[str]) -> None:
        known = self._known[column]
        for other in others:
            self._comments.setdefault(other, f"or {column}, instead of {name}")
        if known.key and others:
            self._notes.append(f"{column} is taken from {name!r}, and could be {' or '.join(map(repr, others))}")
        if switch := switch_values(known):
            self._switch(known, name, switch)
        elif known.type in (list, dict):
            cells = "".join(self._values(name))
            by = next((mark for mark in "|;," if mark in cells), "|")
            self._columns[name] = column if by == "|" else {"to": column, "by": by}
            self._comments[name] = "a list: its items must be the API's"
        else:
            self._columns[name] = column

    # People who may log in, and who may not.

    def _switch(self, column: Column, name: str, switch: tuple[object, object]) -> None:
        bare = bare_name(name)
        seen = {word_of(value) for value in self._all_values(name)} - {""}
        own = TRUE_WORDS | FALSE_WORDS if column.type is bool else {word_of(choice) for choice in column.choices}
        if seen <= own and (bare == bare_name(column.name) or (bare in _ENABLED and column.type is bool)):
            self._columns[name] = column.name
            self._comments[name] = "this disables and enables people"
            return
        inverse = bare in _DISABLED
        on, off = (str(each).lower() if isinstance(each, bool) else str(each) for each in switch)
        if inverse and seen <= TRUE_WORDS | FALSE_WORDS:
            self._columns[name] = {"to": column.name, "invert": True}
            self._comments[name] = "the other way round: true disables"
            return
        words = _words(seen, is_status=bare in _STATUS)
        values = {word: (on if yes is not inverse else off) for word, yes in words.items()}
        self._columns[name] = {"to": column.name, "values": values}
        self._comments[name] = "this disables and enables people: look at each value"
        if strange := sorted(seen - values.keys()):
            shown = ", ".join(repr(word[:40]) for word in strange[:10])
            self._notes.append(f"{name!r} also has {shown}: say what they mean, or their rows are refused")

    # What the cells show.

    def _address_by_values(self) -> None:
        """A column that nobody knows is the address, if it is the only one that holds addresses."""
        column = next((column.name for column in self._known.values() if column.read is read_email), "")
        if self._partly or not column or column in self._given():
            return
        holding = [
            name
            for name in self._names
            if name not in self._columns
            and name not in self._comments
            and (values := [value for value in self._values(name) if value])
            and all("@" in value for value in values)
        ]
        if len(holding) == 1:
            self._columns[holding[0]] = column
            self._notes.append(f"{column} is taken from {holding[0]!r}, because its cells are addresses")

    # Names of people.

    def _name_alone(self) -> None:
        """A column ``Name`` is the surname beside a first name, and otherwise the whole name, to be split."""
        given = self._given()
        if self._partly or "lastName" in given or "lastName" not in self._known:
            return
        if first := given.get("firstName"):
            alone = next((name for name in self._names if bare_name(name) == "name"), None)
            if alone is not None and self._columns.get(alone, "displayName") == "displayName":
                self._columns[alone] = "lastName"
                self._comments[alone] = f"taken for the surname, because {first!r} stands beside it"
                self._notes.append(f"{alone!r} is taken for lastName, because {first!r} stands beside it")
            return
        whole = given.get("displayName")
        if whole is None:
            return
        values = [value for value in self._values(whole) if value]
        if values and all("," in value for value in values):
            self._splits[whole] = {"by": ",", "to": ["lastName", "firstName"]}
            return
        self._splits[whole] = {"by": " ", "to": ["firstName", "lastName"], "cut": "last"}
        self._notes.append(
            f"{whole!r} is cut at its last blank into firstName and lastName: look whether that is right"
        )

    def _display_name(self) -> None:
        given = self._given()
        known = self._known.get("displayName")
        names = [given.get("firstName"), given.get("lastName")]
        if known is None or not known.required or "displayName" in given or not all(names):
            return
        if not any(mark in str(name) for mark in "{}" for name in names):
            self._joins["displayName"] = " ".join(f"{{{name}}}" for name in names)

    def _tell_lacking(self) -> None:
        given = self._all_given()
        lacking = [name for name in self._user_class.missing({}) if name not in given]
        for column in lacking:
            if not any(note.startswith(f"{column} could be") for note in self._notes):
                self._notes.append(f"{column} is needed, and no column is known to be it")
        address = next((name for name, ours in self._columns.items() if ours == "emailAddress"), None)
        if "userName" in lacking and address:
            self._notes.append(
                f'if people log in by their address, write {_toml_text(address)} = ["emailAddress", "userName"]'
            )

    def _given(self) -> dict[str, str]:
        """The API's columns that the proposal gives so far, and the name of each."""
        return {
            value if isinstance(value, str) else value["to"]: name for name, value in self._columns.items() if value
        }

    def _all_given(self) -> set[str]:
        return {*self._given(), *self._joins} | {column for split in self._splits.values() for column in split["to"]}

    # Values.

    def _all_values(self, name: str) -> Iterator[object]:
        return (sample.get(self._raw[name]) for sample in self._samples)

    def _values(self, name: str) -> list[str]:
        return [value.strip() for value in self._all_values(name) if isinstance(value, str)]

    # The text.

    def _toml(self, table: Mapping[str, Mapping[str, Any]]) -> str:
        lines = [f'# Columns of the file for {self._kind} users; "" leaves a column out.']
        lines += [f"# To decide: {note}." for note in map(_one_line, self._notes)]
        for section, content in table.items():
            if content:
                lines += ["", f"[{section}]"]
            key = _toml_key if section == "join" else _toml_text
            for name, value in content.items():
                comment = self._comments.get(name, "") if section == "columns" else ""
                lines.append(f"{key(name)} = {_toml_value(value)}" + (f"  # {_one_line(comment)}" if comment else ""))
        return "\n".join(lines) + "\n"


def _words(seen: set[str], *, is_status: bool) -> Mapping[str, bool]:
    """The words that a column has, with whether each says yes: those of the groups that fit best."""
    if not seen:
        return ACTIVE_INACTIVE if is_status else TRUE_FALSE
    best = max(WORDS, key=lambda group: len(seen & group.keys()))
    found = dict(best) if seen & best.keys() else {}
    for group in WORDS:
        for word in seen & group.keys() - found.keys():
            found[word] = group[word]
    return found


def _toml_value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            return f"[{', '.join(map(_toml_value, value))}]"
        case dict():
            return f"{{ {', '.join(f'{_toml_key(name)} = {_toml_value(each)}' for name, each in value.items())} }}"
        case _:
            return _toml_text(str(value))


def _toml_key(text: str) -> str:
    return text if text.isascii() and text.replace("_", "").isalnum() else _toml_text(text)


def _toml_text(text: str) -> str:
    """A basic string of TOML, in which what does not print is an escape."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(
        letter
        if letter.isprintable()
        else f"\\u{ord(letter):04X}"
        if ord(letter) < 0x10000
        else f"\\U{ord(letter):08X}"
        for letter in quoted
    )


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
