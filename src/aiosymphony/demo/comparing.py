"""What there is, told in one form whoever tells it, and how it differs from what was wanted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

__all__ = ["Thing", "differences"]


@attrs.frozen
class Thing:
    """Something that a tenant holds.

    Attributes:
        kind: Such as ``room``.
        key: What tells it from others of its kind, in one spelling.
        facts: What is known of it.
    """

    kind: str
    key: str
    facts: Mapping[str, Any]


def differences(wanted: Iterable[Thing], found: Iterable[Thing], *, source: str) -> Iterator[str]:
    """What is missing, what is there unasked, what is there twice, and what is other than wanted: a sentence each.

    Args:
        wanted: What shall be there. Facts that a thing does not name may be anything.
        found: What is there.
        source: Who says so, for the sentences.
    """
    there: defaultdict[tuple[str, str], list[Thing]] = defaultdict(list)
    for thing in found:
        there[thing.kind, thing.key].append(thing)
    for thing in wanted:
        same = there.pop((thing.kind, thing.key), [])
        if not same:
            yield f"{source}: {thing.kind} {thing.key} is missing"
        elif len(same) > 1:
            yield f"{source}: {thing.kind} {thing.key} is there {len(same)} times"
        else:
            for name, value in thing.facts.items():
                if same[0].facts.get(name) != value:
                    yield f"{source}: {name} of {thing.kind} {thing.key} is {same[0].facts.get(name)!r}, not {value!r}"
    for kind, key in there:
        yield f"{source}: {kind} {key} is there, and nobody asked for it"
