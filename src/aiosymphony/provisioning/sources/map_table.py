"""A column map as it is written, in TOML or JSON: a table becomes rules, or a list of all that is wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast

import attrs

from ..rows.base import CLEAR, Column, Kind
from ..rows.cells import FALSE_WORDS, TRUE_WORDS
from ..rows.registry import user_class
from .rules import Constant, Cut, Join, Rule, Split, Take, word_of

__all__ = ["SECTIONS", "SPLIT_KEYS", "TAKE_KEYS", "Parsed", "near", "parse", "switch_values"]

SECTIONS: Final = ("columns", "constants", "join", "split")
TAKE_KEYS: Final = ("to", "values", "invert", "clear", "by")
SPLIT_KEYS: Final = ("by", "to", "cut")


@attrs.define
class Parsed:
    """What a table says.

    Attributes:
        rules: What it does.
        left_out: The file's columns that are left out.
        wrong: What is wrong with it, a phrase each.
    """

    rules: list[Rule] = attrs.field(factory=list)
    left_out: list[str] = attrs.field(factory=list)
    wrong: list[str] = attrs.field(factory=list)


def parse(table: Mapping[str, Any], kind: Kind) -> Parsed:
    """Read the table of a map; all of it, whatever is wrong."""
    return _Reading(kind).whole(table)


def near(name: str, known: Iterable[str]) -> str:
    """What of the known names was meant, for a message; empty if none is close."""
    folded = {each.casefold(): each for each in known}
    found = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.8)
    return f" (did you mean {folded[found[0]]!r}?)" if found else ""


def switch_values(column: Column) -> tuple[object, object] | None:
    """The values of a column that says whether a user may log in: that for yes and that for no."""
    if column.type is bool:
        return True, False
    return ("ENABLED", "DISABLED") if {*column.choices} == {"ENABLED", "DISABLED"} else None


class _Reading:
    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._known = user_class(kind).columns()
        self._clearable = user_class(kind).clearable()
        self._made = Parsed()

    def whole(self, table: Mapping[str, Any]) -> Parsed:
        if not any(isinstance(table.get(section), Mapping) for section in SECTIONS):
            misnamed = [name for name, value in table.items() if _is_dotted(value) and near(name, SECTIONS)]
            if not misnamed:
                table = {"columns": table}  # The short form: nothing but columns.
        for section, content in table.items():
            if section not in SECTIONS:
                self._wrong(f"there is no section {section!r}{near(section, SECTIONS)}: they are {_all(SECTIONS)}")
            elif not isinstance(content, Mapping):
                self._wrong(f"{section!r} is no table")
            else:
                for name, value in content.items():
                    getattr(self, f"_{section}")(name, value)
        return self._made

    def _columns(self, name: str, value: object) -> None:
        where = f"the column {name!r}"
        if value is None or value == "":
            self._made.left_out.append(name)
        elif isinstance(value, str | list):
            if columns := self._targets(value, where):
                self._rule(Take(name, columns, is_list=self._is_list(columns, where)))
        elif _is_dotted(value):
            for part, each in cast("Mapping[str, Any]", value).items():
                self._columns(f"{name}.{part}", each)
        elif isinstance(value, Mapping):
            self._take(name, value, where)
        else:
            self._wrong(f"{where} needs a name, a list of names or a table, not {value!r}")

    def _take(self, name: str, value: Mapping[str, Any], where: str) -> None:
        self._check_keys(value, TAKE_KEYS, where)
        columns = self._targets(value.get("to"), where)
        if not columns:
            return
        is_list = self._is_list(columns, where)
        switches = [switch_values(self._known[column]) for column in columns]
        translated = value.get("values", {})
        values: dict[str, object] = {}
        if not isinstance(translated, Mapping) or any(isinstance(each, Mapping | list) for each in translated.values()):
            self._wrong(f"'values' of {where} must be a table of values to values")
        else:
            values = {word_of(word): result for word, result in translated.items()}
            for result in translated.values():
                self._check_cells(columns, result, where)
        if value.get("invert", False) is not False:
            if value["invert"] is not True or None in switches or values:
                self._wrong(
                    f"'invert' of {where} must be true, without 'values', and for a column that is true or false, "
                    "or ENABLED or DISABLED"
                )
            elif len({*switches}) == 1 and switches[0] is not None:
                on, off = switches[0]
                values = dict.fromkeys(sorted(TRUE_WORDS), off) | dict.fromkeys(sorted(FALSE_WORDS), on)
        strict = bool(values) and any(
            self._known[column].type is bool or self._known[column].choices for column in columns
        )
        clear = value.get("clear")
        if clear is not None:
            if not isinstance(clear, str):
                self._wrong(f"'clear' of {where} must be text: the cell that clears the field")
            elif fixed := [column for column in columns if column not in self._clearable]:
                self._wrong(f"{where} cannot clear {', '.join(fixed)}")
            else:
                values[word_of(clear)] = CLEAR
        by = value.get("by", "")
        if not isinstance(by, str) or (by and not is_list):
            self._wrong(f"'by' of {where} must be text, and is for lists such as roles alone")
        else:
            self._rule(Take(name, columns, values, strict, by, is_list))

    def _constants(self, name: str, value: object) -> None:
        if self._is_column(name, "the constant"):
            self._check_cells([name], value, "the constant")
            self._rule(Constant(name, value))

    def _join(self, name: str, value: object) -> None:
        where = f"the join of {name!r}"
        if not self._is_column(name, where):
            return
        if not isinstance(value, str):
            self._wrong(f"{where} must be text with columns of the file in braces")
            return
        try:
            self._rule(Join.of(name, value))
        except ValueError as error:
            self._wrong(f"{where} {error}: write it as '{{Vorname}} {{Nachname}}'")

    def _split(self, name: str, value: object) -> None:
        where = f"the split of {name!r}"
        if not isinstance(value, Mapping):
            self._wrong(f"{where} must be a table, such as {{ by = ', ', to = ['lastName', 'firstName'] }}")
            return
        self._check_keys(value, SPLIT_KEYS, where)
        to = value.get("to")
        if not isinstance(to, list) or len(to) < 2:
            self._wrong(f"'to' of {where} must be a list of two columns or more")
            return
        columns = self._targets([column for column in to if column != ""], where)
        by, cut = value.get("by"), value.get("cut", "")
        if not isinstance(by, str) or not by:
            self._wrong(f"'by' of {where} must be the text that divides the parts")
        elif cut not in ("", "first", "last"):
            self._wrong(f"'cut' of {where} must be 'first' or 'last'")
        elif columns:
            self._rule(Split(name, by, tuple(to), cast("Cut", cut)))

    # What they share.

    def _wrong(self, what: str) -> None:
        self._made.wrong.append(what)

    def _rule(self, rule: Rule) -> None:
        self._made.rules.append(rule)

    def _check_keys(self, value: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
        for key in value:
            if key not in keys:
                self._wrong(f"{where} has the key {key!r}{near(key, keys)}: there are {_all(keys)}")

    def _targets(self, value: object, where: str) -> tuple[str, ...]:
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            self._wrong(f"{where} must go to a column, or to a list of them")
            return ()
        good = [self._is_column(name, where) for name in names]  # all of them, to tell all of them
        if len({*names}) < len(names):
            self._wrong(f"{where} goes to a column twice")
            return ()
        return tuple(names) if all(good) else ()

    def _is_column(self, name: str, where: str) -> bool:
        if name not in self._known:
            self._wrong(f"{where} goes to {name!r}, which is no column of {self._kind} users{near(name, self._known)}")
        return name in self._known

    def _is_list(self, columns: Iterable[str], where: str) -> bool:
        lists = {self._known[column].type in (list, dict) for column in columns}
        if len(lists) > 1:
            self._wrong(f"{where} goes to a list and to a column that is none")
        return lists == {True}

    def _check_cells(self, columns: Iterable[str], value: object, where: str) -> None:
        """That a value which the map itself gives can stand in these columns; an empty one leaves the field alone."""
        for column in columns:
            if value in ("", None, CLEAR):
                continue
            try:
                self._known[column].read(value)
            except ValueError as error:
                self._wrong(f"{where}: {column} {error}")


def _is_dotted(value: object) -> bool:
    """Whether this is what TOML makes of a name with dots in it that has no quotes: a table of its parts."""
    return isinstance(value, Mapping) and bool(value) and not value.keys() & {*TAKE_KEYS}


def _all(names: Iterable[str]) -> str:
    return ", ".join(_quoted(names))


def _quoted(names: Iterable[str]) -> Iterator[str]:
    return (repr(name) for name in names)
