"""Names that last: what a thing was called in the last generation, it is called in the next.

A name is made of a document's spelling, and two spellings may give one name: ``Name`` and ``name``, ``/uid`` and
``/{uid}``, a component and a class for an inline schema. An addition must not take a name away from what has it, so
names are given in three turns: first to those that had one, then to those spelled exactly so, then to the others in the
order of the document.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .problem import CodegenError

FILE = "names.json"


class NamesLock:
    """The names of one package.

    Attributes:
        chosen: The names of this generation, by what they name. Names that are spelled as in the document are left out.
    """

    def __init__(self, before: Mapping[str, str] | None = None) -> None:
        self._before = dict(before or {})
        self._classes_before = {name for what, name in self._before.items() if what.startswith(("schema ", "inline "))}
        self.chosen: dict[str, str] = {}

    def before(self, what: str) -> str | None:
        """The name that a thing had; None if it is new."""
        return self._before.get(what)

    def was_a_class(self, name: str) -> bool:
        """Whether a class had this name: no other gets it, even if that one is gone."""
        return name in self._classes_before

    def adopt(self) -> bool:
        """Give classes for inline schemas that have changed since the name that they had.

        Such a class is known by its place and its parts. One that is new takes over from one that is gone from the same
        place, the one with which it shares the most parts.

        Returns:
            Whether there was one: then the names are to be given anew.
        """
        gone = [what for what in self._before if what.startswith("inline ") and what not in self.chosen]
        come = [what for what in self.chosen if what.startswith("inline ") and what not in self._before]
        adopted = False
        for what in come:
            shared = {each: len(_parts(each) & _parts(what)) for each in gone if _place(each) == _place(what)}
            before = max(shared, key=lambda each: shared[each], default=None)
            if before is not None and shared[before]:
                gone.remove(before)
                self._before[what] = self._before.pop(before)
                adopted = True
        if adopted:
            self.chosen.clear()
        return adopted

    def choose(self, what: str, text: str, name: str) -> None:
        """Note the name of a thing that is spelled ``text`` in the document."""
        if name != text:
            self.chosen[what] = name

    def distinct(
        self,
        scope: str,
        texts: Iterable[str],
        name_of: Callable[[str], str],
        taken: Iterable[str] = (),
        *,
        spelled: Callable[[str], str] = str,
    ) -> dict[str, str]:
        """Map distinct texts to distinct names within a scope; what finds its name taken gets ``_2``, and so on.

        Args:
            scope: Such as a class, whose fields these are.
            texts: The spellings in the document, in its order.
            name_of: The name for a spelling.
            taken: Names that nothing may have.
            spelled: What of a text is spelled in the document.
        """
        order = list(dict.fromkeys(texts))
        had = {text: name for text in order if (name := self._before.get(f"{scope} {text}")) is not None}
        turns: Sequence[list[str]] = (
            list(had),
            [text for text in order if text not in had and name_of(text) == spelled(text)],
            [text for text in order if text not in had and name_of(text) != spelled(text)],
        )
        used = set(taken)
        found: dict[str, str] = {}
        for text in (text for turn in turns for text in turn):
            wanted = name = had.get(text) or name_of(text)
            number = 1
            while name in used:
                number += 1
                name = f"{wanted.rstrip('_')}_{number}"
            used.add(name)
            found[text] = name
            self.choose(f"{scope} {text}", spelled(text), name)
        return {text: found[text] for text in order}


def _place(what: str) -> str:
    return what.split(": ", 1)[0]


def _parts(what: str) -> set[str]:
    return set(what.split(": ", 1)[1].lower().split(", "))


def read_names(path: Path) -> dict[str, dict[str, str]]:
    """The names of the last generation by package; none if there was none.

    Raises:
        CodegenError: The file is no lock of names.
    """
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CodegenError(str(path), f"cannot be read: {error}") from None
    if not isinstance(found, dict) or not all(
        isinstance(names, dict) and all(isinstance(name, str) for name in names.values()) for names in found.values()
    ):
        raise CodegenError(str(path), "is no lock of names", "Delete it to have all names made anew.")
    return found


def names_text(names: Mapping[str, Mapping[str, str]]) -> str:
    """The content of the file."""
    return json.dumps({package: dict(sorted(names[package].items())) for package in names}, indent=1) + "\n"
