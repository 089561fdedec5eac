"""What callers write against a generated package: read from its code, and compared between two packages."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True)
class Typed:
    """An argument of a function, or a field of a class.

    Attributes:
        type: Its annotation.
        required: Whether it has no default.
    """

    type: str
    required: bool


@dataclass(frozen=True)
class Function:
    """The function ``call`` of an operation.

    Attributes:
        positional: The arguments that may be given without a name, in their order.
        arguments: All arguments by name.
        result: What awaiting it gives.
    """

    positional: tuple[str, ...]
    arguments: dict[str, Typed]
    result: str


@dataclass
class PythonSurface:
    """The names of a package, and their types.

    Attributes:
        functions: Operations by module, such as ``api.users.v2_user_get``.
        models: The fields of each class for objects.
        enums: The members of each class for an enumeration.
        bases: What the members of an enumeration are: ``str`` or ``int``.
        sent: The classes that callers hand over.
        received: Those that they get, and those that no operation names.
        gone: Classes of an older package that this one lacks.
    """

    functions: dict[str, Function] = field(default_factory=dict)
    models: dict[str, dict[str, Typed]] = field(default_factory=dict)
    enums: dict[str, list[str]] = field(default_factory=dict)
    bases: dict[str, str] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)
    received: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Break:
    """Something that a type-checker refuses in a program written for the older package.

    Attributes:
        home: The operation's module, or the class.
        name: The argument, field or member; ``return`` for a result; empty for the whole.
        detail: What it was and is.
    """

    home: str
    name: str
    detail: str


def read_package(folder: Path) -> PythonSurface:
    """Read a generated package, without importing it."""
    found = PythonSurface()
    for path in sorted((folder / "api").glob("*/*.py")):
        if path.stem != "__init__":
            found.functions[f"api.{path.parent.name}.{path.stem}"] = _call(ast.parse(path.read_text(encoding="utf-8")))
    for path in sorted((folder / "models").glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                _class(node, found)
    for function in found.functions.values():
        found.sent |= _reached((each.type for each in function.arguments.values()), found)
        found.received |= _reached((function.result,), found)
    found.received |= {*found.models, *found.enums} - found.sent
    return found


def _call(module: ast.Module) -> Function:
    [call] = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == "call"]
    given = call.args
    defaults = [None] * (len(given.args) - len(given.defaults)) + [*given.defaults]
    pairs = [*zip(given.args, defaults, strict=True), *zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    arguments = {each.arg: Typed(_text(each.annotation), default is None) for each, default in pairs}
    del arguments["caller"]
    assert isinstance(call.returns, ast.Subscript)
    assert isinstance(call.returns.slice, ast.Tuple)
    positional = tuple(each.arg for each in given.args if each.arg != "caller")
    return Function(positional, arguments, _text(call.returns.slice.elts[-1]))


def _class(node: ast.ClassDef, found: PythonSurface) -> None:
    [base] = map(_text, node.bases)
    if base == "Model":
        found.models[node.name] = {
            each.target.id: Typed(_text(each.annotation), each.value is None)
            for each in node.body
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
        }
    else:
        found.bases[node.name] = "int" if "Int" in base else "str"
        found.enums[node.name] = [
            target.id
            for each in node.body
            if isinstance(each, ast.Assign)
            for target in each.targets
            if isinstance(target, ast.Name)
        ]


def _text(node: ast.AST | None) -> str:
    return "" if node is None else ast.unparse(node)


def _reached(types: Iterator[str] | tuple[str, ...], surface: PythonSurface) -> set[str]:
    """The classes that types name, and all that these hold."""
    todo, found = list(types), set[str]()
    while todo:
        named = {node.id for node in ast.walk(ast.parse(todo.pop(), mode="eval")) if isinstance(node, ast.Name)}
        for name in named & {*surface.models, *surface.enums} - found:
            found.add(name)
            todo += [each.type for each in surface.models.get(name, {}).values()]
    return found


def breaks(old: PythonSurface, new: PythonSurface) -> Iterator[Break]:
    """What of the older package a program can no longer write, or write in that way."""
    # A class that is gone is told once, and not wherever it was named.
    new = replace(new, gone={*old.models, *old.enums} - {*new.models, *new.enums})
    for module, was in old.functions.items():
        if module in new.functions:
            yield from _of_function(module, was, new.functions[module], new)
        else:
            yield Break(module, "", "is gone")
    for name, fields in old.models.items():
        if name in new.models:
            sent = name in old.sent or name in new.sent
            yield from _of_model(name, fields, new, sent=sent, received=name in old.received)
        else:
            yield Break(name, "", "is an enumeration now" if name in new.enums else "is gone")
    for name, members in old.enums.items():
        if name not in new.enums:
            yield Break(name, "", "is a class for objects now" if name in new.models else "is gone")
            continue
        if old.bases[name] != new.bases[name]:
            yield Break(name, "", f"its members were {old.bases[name]}, are {new.bases[name]}")
        for member in members:
            if member not in new.enums[name]:
                yield Break(name, member, "is gone")


def _of_function(module: str, old: Function, new: Function, surface: PythonSurface) -> Iterator[Break]:
    for name, was in old.arguments.items():
        now = new.arguments.get(name)
        if now is None:
            yield Break(module, name, "is gone")
            continue
        if now.required and not was.required:
            yield Break(module, name, "must be given now")
        if not fits(was.type, now.type, surface):
            yield Break(module, name, f"was {was.type}, is {now.type}")
        if name in old.positional and name not in new.positional:
            yield Break(module, name, "must be given by its name now")
    for name, now in new.arguments.items():
        if name not in old.arguments and now.required:
            yield Break(module, name, "is new, and must be given")
    kept = [name for name in old.positional if name in new.positional]
    if kept != [name for name in new.positional if name in old.positional]:
        yield Break(module, "", f"its arguments come in another order: {', '.join(new.positional)}")
    if not fits(new.result, old.result, surface):
        yield Break(module, "return", f"was {old.result}, is {new.result}")


def _of_model(
    name: str, old: Mapping[str, Typed], surface: PythonSurface, *, sent: bool, received: bool
) -> Iterator[Break]:
    new = surface.models[name]
    for key, was in old.items():
        now = new.get(key)
        if now is None:
            yield Break(name, key, "is gone")
        elif (sent and not fits(was.type, now.type, surface)) or (received and not fits(now.type, was.type, surface)):
            yield Break(name, key, f"was {was.type}, is {now.type}")
        elif sent and now.required and not was.required:
            yield Break(name, key, "must be given now")
    for key, now in new.items():
        if sent and now.required and key not in old:
            yield Break(name, key, "is new, and must be given")


def fits(value: str, place: str, surface: PythonSurface) -> bool:
    """Whether a value of one type may stand where another type is declared, by the rules of type-checkers."""
    return _fits(ast.parse(value, mode="eval").body, ast.parse(place, mode="eval").body, surface)


def _fits(value: ast.expr, place: ast.expr, surface: PythonSurface) -> bool:
    return all(any(_one(each, other, surface) for other in _parts(place)) for each in _parts(value))


def _parts(node: ast.expr) -> list[ast.expr]:
    return [*_parts(node.left), *_parts(node.right)] if isinstance(node, ast.BinOp) else [node]


def _one(value: ast.expr, place: ast.expr, surface: PythonSurface) -> bool:
    was, wanted = _text(value), _text(place)
    if was == wanted or "Any" in (was, wanted) or surface.gone & {was, wanted}:
        return True
    if (
        isinstance(value, ast.Subscript)
        and isinstance(place, ast.Subscript)
        and _text(value.value) == _text(place.value)
    ):
        inner, other = _last(value), _last(place)
        # What may be added to, as lists, takes exactly its type.
        return _fits(inner, other, surface) and (_text(value.value) == "Mapping" or _fits(other, inner, surface))
    chain = [was, surface.bases.get(was, "int" if was == "bool" else ""), ""]
    return wanted in chain or (wanted == "float" and "int" in chain)


def _last(node: ast.Subscript) -> ast.expr:
    return node.slice.elts[-1] if isinstance(node.slice, ast.Tuple) else node.slice
