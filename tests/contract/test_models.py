"""Models lose nothing: whatever a server sends comes out again as the same JSON."""

from importlib import import_module
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiosymphony.errors import DecodeError
from aiosymphony.wire import decoding
from aiosymphony.wire.models import Model, OpenStrEnum
from aiosymphony_api.pod.api.users import v2_user_get

from .samples import Samples, apis, document

SOME_OPERATION = v2_user_get.OPERATION
PACKAGES = [api["package"] for api in apis()]


def schemas() -> list[Any]:
    return [
        pytest.param(package, name, id=f"{package}-{name}")
        for package in PACKAGES
        for name in document(package)["components"]["schemas"]
    ]


def model_class(package: str, name: str) -> type[Any] | None:
    """The class of a component schema; None for arrays, maps and scalars, which are spelled out where they are used."""
    models = import_module(f"aiosymphony_api.{package}.models")
    return getattr(models, name, None)


@pytest.mark.parametrize(("package", "name"), schemas())
def test_everything_a_server_sends_survives(package: str, name: str) -> None:
    made = model_class(package, name)
    samples = Samples(document(package), tolerant=True)
    schema = samples.resolve({"$ref": f"#/components/schemas/{name}"})
    if made is None:
        assert schema.get("type") in ("array", "object"), f"{name} has no class and is no list or map"
        assert "properties" not in schema
        return
    if not issubclass(made, Model):
        assert issubclass(made, OpenStrEnum)
        assert [member.value for member in made] == schema["enum"]
        return

    module = made.__module__
    decode = getattr(import_module(module), "decode_" + module.rpartition(".")[2])

    @settings(max_examples=25, deadline=None, derandomize=True, database=None)
    @given(samples.of(schema))
    def survives(sample: dict[str, Any]) -> None:
        before = orjson.dumps(sample, option=orjson.OPT_SORT_KEYS)
        read = made.from_dict(sample)
        assert orjson.dumps(sample, option=orjson.OPT_SORT_KEYS) == before, "from_dict changed its argument"
        assert orjson.dumps(read.to_dict(), option=orjson.OPT_SORT_KEYS) == before
        assert read == made.from_dict(read.to_dict())
        answered = decoding.read(SOME_OPERATION, 200, before, decode)
        assert answered == read, "an answer is read as its object is"
        assert orjson.dumps(answered.to_dict(), option=orjson.OPT_SORT_KEYS) == before

    survives()


@given(st.sampled_from([[], [1], "text", 7, True, None]))
def test_a_model_is_made_of_an_object_alone(value: Any) -> None:
    from aiosymphony_api.connect.models import Company, UserPage

    with pytest.raises(DecodeError) as caught:
        Company.from_dict(value)
    assert caught.value.path == "$"
    with pytest.raises(DecodeError) as caught:
        UserPage.from_dict({"total": 1, "users": [{}, {}, {}, 5, {}]})
    assert caught.value.path == "$.users[3]"
