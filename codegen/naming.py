"""Makes Python names from the names in documents.

The generator has naming rules of its own. A name that they leave unchanged is called stable here.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable
from hashlib import sha256

from openapi_python_client.strings import ClassName, PythonIdentifier

from aiosymphony.apidiff.words import snake_case

from .problem import CodegenError

_LONGEST = 120
_OTHER = re.compile(r"[^A-Za-z0-9]+")

# Shadowing a builtin is legal and confusing, and breaks annotations where the builtin is a type. `id` is what every
# Symphony object has; nothing generated calls the builtin.
_TAKEN = {*dir(builtins), *keyword.kwlist, *keyword.softkwlist, "self", "cls"} - {"id"}


def pascal_case(text: str) -> str:
    """``room_member`` to ``RoomMember``; capitals inside words stay: ``V2IMAttributes`` is kept."""
    return "".join(word[:1].upper() + word[1:] for word in _OTHER.split(text))


def short(name: str) -> str:
    """A name short enough for a file's name; a longer one is cut, and ends with a part of its hash."""
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - 8].rstrip('_')}{sha256(name.encode()).hexdigest()[:8]}"


def operation_id(path: str, method: str) -> str:
    """The rule for operation ids: the path's segments and the method in snake_case.

    >>> operation_id("/v1/admin/user/{uid}/status", "GET")
    'v1_admin_user_uid_status_get'
    """
    name = short("_".join(filter(None, (snake_case(part) for part in (*path.split("/"), method)))))
    return f"op_{name}" if name[0].isdigit() else name  # the name of a module


def identifier(text: str, prefix: str = "field_", reserved: Iterable[str] = ()) -> str:
    """A snake_case Python identifier for anything; builtins, keywords and reserved names get a trailing underscore."""
    name = short(snake_case(text))
    if not name or name[0].isdigit():
        name = prefix + name if name else prefix.rstrip("_")
    return f"{name}_" if name in _TAKEN or name in reserved else name


def class_name(text: str, reserved: Iterable[str] = ()) -> str:
    """A PascalCase class name for anything."""
    name = short(pascal_case(text))
    if not name or name[0].isdigit():
        name = f"Model{name}"
    return f"{name}Model" if name in _TAKEN or name in reserved else name


def constant(text: str) -> str:
    """An upper-case enumeration member name for a value; values without letters or digits get a word of their own."""
    name = short(snake_case(text)).upper()
    if not name:
        return "EMPTY" if not text else "VALUE"
    return f"VALUE_{name}" if name[0].isdigit() else name


def stable_class_name(text: str, reserved: Iterable[str] = ()) -> str:
    """A class name that the generator keeps.

    Raises:
        CodegenError: No class name can be made of the text.
    """
    name = class_name(text, reserved)
    for _ in range(5):
        if (kept := str(ClassName(name, "Model"))) == name:
            return name
        name = class_name(kept, reserved)
    raise CodegenError(text, "no class name can be made of this", "Rename the schema with a fix.")


def module_name(name: str) -> str:
    """The module that the generator puts a class in."""
    return str(PythonIdentifier(name, "field_"))


def tag_name(tag: str) -> str:
    """The package for the operations of a tag."""
    name = identifier(tag, "tag_")
    return name if str(PythonIdentifier(name, "tag")) == name else f"tag_{snake_case(name)}"


def stable_identifier(name: str) -> bool:
    """Whether the generator keeps a name of a field or parameter."""
    return str(PythonIdentifier(name, "field_")) == name
