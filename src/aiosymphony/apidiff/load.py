"""Reads a document from a file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar

from ..errors import ConfigError


def load_document(path: str | Path) -> dict[str, Any]:
    """Read an OpenAPI document, JSON or YAML.

    Raises:
        ConfigError: The file cannot be read, or is no OpenAPI document; or it is YAML and PyYAML is not installed.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        document = json.loads(text) if text.lstrip().startswith("{") else _yaml(text)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    except ImportError:
        raise ConfigError(f"{path}: reading YAML needs PyYAML: pip install 'aiosymphony[yaml]'") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: is no OpenAPI document")
    return document


def json_loader() -> Any:
    """A YAML loader that reads scalars as JSON and YAML 1.2 have them: dates, ``off`` and ``0777`` stay text."""
    import yaml  # noqa: PLC0415 - an extra, needed for YAML alone

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    for tag, pattern, first in (
        ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
        ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
        ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
        ("null", r"^(?:null|Null|NULL|~|)$", ["n", "N", "~", ""]),
        ("merge", r"^<<$", "<"),
    ):
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first))
    return Loader


def _yaml(text: str) -> Any:
    import yaml  # noqa: PLC0415 - as above

    try:
        return yaml.load(text, Loader=json_loader())  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
