"""What a tenant holds, in one form for every source, and how it differs from what is expected."""

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
        key: What identifies it among others of its kind, in one spelling.
        facts: What is known of it.
    """

    kind: str
    key: str
    facts: Mapping[str, Any]


def differences(expected: Iterable[Thing], found: Iterable[Thing], *, source: str) -> Iterator[str]:
    """One sentence for each thing that is missing, unexpected, doubled or different.

    Args:
        expected: What should be there. Facts that a thing does not name may be anything.
        found: What is there.
        source: Where it was found, for the sentences.
    """
    existing: defaultdict[tuple[str, str], list[Thing]] = defaultdict(list)
    for thing in found:
        existing[thing.kind, thing.key].append(thing)
    for thing in expected:
        same = existing.pop((thing.kind, thing.key), [])
        if not same:
            yield f"{source}: {thing.kind} {thing.key} is missing"
        elif len(same) > 1:
            yield f"{source}: {thing.kind} {thing.key} exists {len(same)} times"
        else:
            for name, value in thing.facts.items():
                if same[0].facts.get(name) != value:
                    yield f"{source}: {name} of {thing.kind} {thing.key} is {same[0].facts.get(name)!r}, not {value!r}"
    for kind, key in existing:
        yield f"{source}: {kind} {key} is unexpected"
