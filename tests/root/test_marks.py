"""What one process tells the next ones of paths that hang."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vfioguard.root.marks import Marks, directory

PATH = "/sys/bus/pci/devices/0000:01:00.0/uevent"


def test_a_mark_is_seen_by_others_and_not_by_who_made_it(tmp_path: Path) -> None:
    mine, other = (Marks(str(tmp_path / "marks"), "/") for _ in range(2))
    assert other.others() == frozenset()
    mine.put(PATH)
    assert other.others() == {PATH}
    assert mine.others() == frozenset()


def test_a_mark_ends_with_the_read_and_with_the_process(tmp_path: Path) -> None:
    mine, other = (Marks(str(tmp_path), "/") for _ in range(2))
    mine.put(PATH)
    mine.drop(PATH)
    assert other.others() == frozenset()
    assert not list(tmp_path.iterdir())
    child = os.fork()
    if not child:
        mine.put(PATH)
        os._exit(0)
    os.waitpid(child, 0)
    assert len(list(tmp_path.iterdir())) == 1
    assert other.others() == frozenset()
    assert not list(tmp_path.iterdir())


def test_marks_are_of_one_host(tmp_path: Path) -> None:
    kept = Marks(str(tmp_path), "/srv/a%2Fb")
    kept.put(PATH)
    assert Marks(str(tmp_path), "/").others() == frozenset()
    assert Marks(str(tmp_path), "/srv/a/b").others() == frozenset()
    assert Marks(str(tmp_path), "/srv/a%2Fb").others() == {PATH}


def test_only_its_user_can_put_marks(tmp_path: Path) -> None:
    home = tmp_path / "marks"
    Marks(str(home), "/").put(PATH)
    assert home.stat().st_mode & 0o777 == 0o700


def test_what_cannot_be_marked_is_no_failure() -> None:
    for marks in (Marks(None, "/"), Marks("/proc/nowhere", "/")):
        marks.put(PATH)
        assert marks.others() == frozenset()
        marks.drop(PATH)


@pytest.mark.parametrize(
    ("environment", "home"),
    [
        ({"STATE_DIRECTORY": "/s:/t", "RUNTIME_DIRECTORY": "/r"}, "/s/hung"),
        ({"RUNTIME_DIRECTORY": "/r"}, "/r/hung"),
        ({}, "/run/vfioguard-hung" if os.geteuid() == 0 else None),
    ],
)
def test_marks_are_where_systemd_says_or_where_only_the_user_writes(
    environment: dict[str, str], home: str | None
) -> None:
    assert directory(environment) == home
