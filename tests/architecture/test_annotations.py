"""Annotations that can be resolved, as frameworks do: dependency injection, validation, documentation."""

from __future__ import annotations

import inspect
import pkgutil
import typing
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

import aiosymphony
import aiosymphony_api
import aiosymphony_api.pod.models
from aiosymphony.wire.models import Model

# What the command line, the sandbox and the demo are made of is nobody's to annotate.
INTERNAL = ("aiosymphony.cli", "aiosymphony.sandbox", "aiosymphony.demo")
RESOURCES = ("aiosymphony.pod.", "aiosymphony.connect.", "aiosymphony.auth.", "aiosymphony_api.")


def modules() -> list[str]:
    found = [
        module.name
        for package in (aiosymphony, aiosymphony_api)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    return [name for name in found if not name.startswith(INTERNAL)]


def own(module: ModuleType) -> Iterator[Any]:
    """What a module defines itself for others."""
    for name, value in vars(module).items():
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__:
            yield value


def functions(cls: type[Any]) -> Iterator[Any]:
    """Public methods and the constructor. A client's resources load when they are used, and so do their types."""
    for name, value in vars(cls).items():
        if (name == "__init__" or not name.startswith("_")) and not isinstance(value, cached_property):
            function = inspect.unwrap(getattr(value, "__func__", getattr(value, "fget", value)))
            if inspect.isfunction(function):
                yield function


@pytest.mark.parametrize("name", modules())
def test_every_public_class_has_annotations_that_resolve(name: str) -> None:
    for value in own(import_module(name)):
        if inspect.isclass(value):
            typing.get_type_hints(value)
            if name.startswith(RESOURCES):
                for function in functions(value):
                    typing.get_type_hints(function)
        elif inspect.isfunction(value) and name.startswith("aiosymphony_api."):
            typing.get_type_hints(value)


@pytest.mark.parametrize("name", [name for name in aiosymphony.__all__ if name != "__version__"])
def test_so_have_the_methods_of_what_the_package_names(name: str) -> None:
    value = getattr(aiosymphony, name)
    if not inspect.isclass(value):
        typing.get_type_hints(value)
        return
    for function in functions(value):
        typing.get_type_hints(function)


def test_a_models_signature_shows_its_types() -> None:
    models = aiosymphony_api.pod.models
    checked = 0
    for name in models.__all__:
        model = getattr(models, name)
        if issubclass(model, Model):
            hints = typing.get_type_hints(model)
            for field, parameter in inspect.signature(model, eval_str=True).parameters.items():
                assert parameter.annotation == hints[field]
                checked += 1
    assert checked > 400
    user: Any = models.UserV2
    assert typing.get_type_hints(user)["avatars"] == list[models.Avatar] | None
