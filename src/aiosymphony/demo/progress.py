"""How the demo tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Told of a stage's name, how much of it is done, and its size. It must neither block nor raise."""

Stage = Callable[[str, int], Callable[[int], None]]
"""Begins a stage of this name and size; gives what is called with each number of things that are done."""


def stages(progress: Progress) -> Stage:
    """Stages that tell ``progress``."""

    def begin(name: str, size: int) -> Callable[[int], None]:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            progress(name, done, size)

        progress(name, 0, size)
        return advance

    return begin
