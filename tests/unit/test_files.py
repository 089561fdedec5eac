"""Files that are written whole, for their owner alone, and through no link."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from aiosymphony.errors import JobError, JobRefused
from aiosymphony.files import private_file

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes and links are those of POSIX")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(path: Path, text: str = "new") -> None:
    with private_file(path) as file:
        file.write(text)


def test_a_file_that_exists_is_its_owners_alone_afterwards(tmp_path: Path) -> None:
    path, other = tmp_path / "report", tmp_path / "other name of it"
    path.write_text("old")
    path.chmod(0o666)
    other.hardlink_to(path)
    write(path)
    assert (path.read_text(), mode(path)) == ("new", 0o600)
    # Whoever had the old file open, or under another name, sees nothing of the new one.
    assert other.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("target", ["there", "not there"])
def test_a_symbolic_link_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "there").write_text("old")
    (tmp_path / "there").chmod(0o644)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / target)
    with pytest.raises(JobError, match="link is a symbolic link, which is not followed") as caught:
        write(link)
    assert isinstance(caught.value, JobRefused)
    assert link.is_symlink()
    assert ((tmp_path / "there").read_text(), mode(tmp_path / "there")) == ("old", 0o644)
    assert not (tmp_path / "not there").exists()


def test_folders_pipes_and_folders_that_are_not_there_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, said in (
        (tmp_path, "is no regular file"),
        (tmp_path / "pipe", "is no regular file"),
        (tmp_path / "nowhere" / "report", "cannot be written: No such file or directory"),
        (Path("a\0b"), "cannot be opened"),
    ):
        with pytest.raises(JobError, match=said):
            write(path)


def test_what_fails_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text("old")

    def fail() -> None:
        with private_file(path) as file:
            file.write("half of it")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["report"]


def test_65_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text("old" * 1000)
    script = (
        "import resource, sys\n"
        "from aiosymphony.errors import JobError\n"
        "from aiosymphony.files import private_file\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try:\n"
        "    with private_file(sys.argv[1]) as file:\n"
        "        for _ in range(3000):\n"
        "            file.write('many words ')\n"
        "except JobError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{path} cannot be written: File too large; nothing was changed\n"
    assert path.read_text() == "old" * 1000
    assert [each.name for each in tmp_path.iterdir()] == ["report"]
