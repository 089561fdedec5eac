"""The command line with the look-up taken away from its jobs: a control for the kill proof, which must notice."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from aiosymphony.cli import main
from aiosymphony.provisioning import ConnectTarget, PodTarget


async def see_nobody(_target: Any, _users: Sequence[Any]) -> Sequence[Any]:
    return []


if __name__ == "__main__":
    ConnectTarget.look_up = see_nobody  # type: ignore[method-assign]
    PodTarget.look_up = see_nobody  # type: ignore[method-assign]
    sys.exit(main())
