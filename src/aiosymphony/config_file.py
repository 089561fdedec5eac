"""Reads a configuration file: its parts, which of its keys were asked for, and which nobody understood."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from .errors import ConfigError, ConfigWarning

__all__ = ["Section", "profile_file"]

_HOME: Final = Path("~/.symphony")
_ENDINGS: Final = (".yaml", ".yml", ".json")
_CLOSE: Final = 0.6


def profile_file(name: str) -> Path:
    """The configuration file of a profile: ``~/.symphony/NAME.yaml`` or ``.json``.

    Raises:
        ConfigError: There is none.
    """
    folder = _HOME.expanduser()
    if name != Path(name).name or name.startswith("."):
        raise ConfigError(f"{name!r} is no name of a profile: it is that of a file in {_HOME}, without its ending")
    for ending in _ENDINGS:
        if (file := folder / f"{name}{ending}").exists():
            return file
    raise ConfigError(f"there is no profile {name}: neither {folder / name}.yaml nor .json")


def profiles() -> list[str]:
    """The names of the profiles that there are, sorted."""
    return sorted({file.stem for ending in _ENDINGS for file in _HOME.expanduser().glob(f"*{ending}")})


class Section:
    """A part of a configuration file, with its name for errors."""

    def __init__(self, content: Any, name: str, file: Path) -> None:
        if content is None:
            content = {}
        if not isinstance(content, dict):
            raise ConfigError(f"{file}: {name or 'the file'} is not a mapping")
        self._content: dict[str, Any] = content
        self._name = name
        self._file = file
        self._asked: set[str] = set()
        self._sections: dict[str, Section] = {}

    @classmethod
    def read(cls, path: str | Path) -> Section:
        """The whole of a file, in YAML or JSON.

        Raises:
            ConfigError: It cannot be read.
        """
        file = Path(path).expanduser()
        return cls(_read(file), "", file)

    def __bool__(self) -> bool:
        return bool(self._content)

    def where(self, key: str) -> str:
        """How errors name a key."""
        return f"{self._file}: {self._name}.{key}" if self._name else f"{self._file}: {key}"

    def section(self, key: str) -> Section:
        """A part of it; empty if there is none."""
        self._asked.add(key)
        if key not in self._sections:
            name = f"{self._name}.{key}" if self._name else key
            self._sections[key] = Section(self._content.get(key), name, self._file)
        return self._sections[key]

    def text(self, key: str) -> str | None:
        """A text, or a number as text; None if there is none."""
        value = self._value(key)
        if value is None or value == "":
            return None
        if isinstance(value, str | int) and not isinstance(value, bool):
            return str(value)
        raise ConfigError(f"{self.where(key)} is not a text or a number")

    def needed(self, key: str) -> str:
        """A text that has to be there."""
        value = self.text(key)
        if value is None:
            raise ConfigError(f"{self.where(key)} is missing")
        return value

    def number(self, key: str) -> float | None:
        """A number; None if there is none."""
        value = self._value(key)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        raise ConfigError(f"{self.where(key)} is not a number")

    def path(self, key: str) -> Path | None:
        """A path, relative to the file, or to the working directory if it is there and not beside the file."""
        value = self.text(key)
        if value is None:
            return None
        path = Path(value).expanduser()
        beside = self._file.parent / path
        return path.absolute() if not beside.exists() and path.exists() else beside

    def texts(self, key: str) -> dict[str, str]:
        """A mapping of texts."""
        section = self.section(key)
        return {name: section.needed(name) for name in section._content}

    def leave(self, *keys: str) -> None:
        """These mean something, but not here."""
        self._asked.update(keys)

    def warn(self) -> None:
        """Name each key that nobody asked for, with what may have been meant."""
        for name, meant in self._unknown():
            told = f"; did you mean {meant}?" if meant else ""
            warnings.warn(f"{self._file}: {name} is not understood, and ignored{told}", ConfigWarning, stacklevel=4)

    def _unknown(self) -> Iterator[tuple[str, str]]:
        for key in self._content:
            if key not in self._asked:
                import difflib  # noqa: PLC0415 - for an error alone

                close = difflib.get_close_matches(str(key), [*self._asked], 1, _CLOSE)
                yield (f"{self._name}.{key}" if self._name else str(key)), (close[0] if close else "")
        for section in self._sections.values():
            yield from section._unknown()

    def _value(self, key: str) -> Any:
        self._asked.add(key)
        return self._content.get(key)


def _read(file: Path) -> Any:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None
    if file.suffix == ".json":
        try:
            return orjson.loads(content)
        except ValueError:
            raise ConfigError(f"{file} is not JSON") from None
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigError(f"reading {file} needs PyYAML: pip install 'aiosymphony[yaml]'") from None
    try:
        return yaml.safe_load(content)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{file} is not YAML{where}") from None
