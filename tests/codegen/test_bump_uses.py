"""Which lines of a project a bump calls uses of what is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.bump.uses import Sought


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project that reads presences, users and a location."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "presence.py").write_text("def list(self):\n    return v2_users_presence_get\n")
    (tmp_path / "src" / "bot.py").write_text(
        "async for each in pod.presence.list():\n"
        "    ...\n"
        "users = pod.users.list()\n"
        "names = builtins.list(users)\n"
        "print(pod.system.list_languages())\n"
    )
    (tmp_path / "src" / "people.py").write_text("class UserV2:\n    ...\nprint(user.location)\nprint(location)\n")
    (tmp_path / "src" / "maps.py").write_text("print(place.location)\n")
    (tmp_path / "README.md").write_text("`pod.users.list()` lists users, and `presence.list` presences.\n")
    return tmp_path


FACADES = ("presence.list", "users.list", "system.list_languages")


def test_a_method_whose_name_others_have_is_found_with_its_resource(root: Path) -> None:
    sought = Sought(root=root)
    sought.add("v2_users_presence_get")
    sought.add_method("presence.list", FACADES)
    assert [line.partition(": ")[0] for line in sought.lines()] == ["src/bot.py:1", "src/presence.py:2", "README.md:1"]


def test_a_method_of_a_name_of_its_own_is_found_by_it(root: Path) -> None:
    sought = Sought(root=root)
    sought.add_method("system.list_languages", FACADES)
    assert [line.partition(": ")[0] for line in sought.lines()] == ["src/bot.py:5"]


def test_a_field_that_is_a_common_word_is_counted_where_its_model_is(root: Path) -> None:
    sought = Sought(root=root)
    sought.add_common("`UserV2.location`", '"location"', "location=", ".location", near={"UserV2"})
    assert sought.lines() == []
    assert sought.counts() == ["`UserV2.location`: look through the lines that have this word in src/people.py (1)"]
