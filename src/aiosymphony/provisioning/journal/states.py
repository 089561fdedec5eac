"""The states of a row."""

from __future__ import annotations

from typing import Literal

__all__ = ["ALL_STATES", "LOOKED_UP", "State"]

State = Literal["TODO", "INTENT", "DONE", "FAILED", "UNKNOWN", "CONFLICT"]
ALL_STATES: tuple[State, ...] = ("TODO", "INTENT", "DONE", "FAILED", "UNKNOWN", "CONFLICT")
LOOKED_UP = "looked up"
"""The code of a row that is done, and of which only a look-up could tell."""
