"""A host in memory resolves paths as a file system does."""

from __future__ import annotations

import pytest

from vfioguard.root.memory import Link, Memory, Refused

HOST = Memory(
    {
        "/sys/a/file": b"1\n",
        "/sys/link": Link("a"),
        "/sys/absolute": Link("/sys/a/file"),
        "/sys/dangling": Link("b/c"),
        "/sys/empty": None,
        "/sys/refused": Refused(13),
    }
)


@pytest.mark.parametrize(
    "path",
    [
        "/sys/a/file",
        "/sys/link/file",
        "/sys/absolute",
        "/sys/link/../a/file",
        "/sys//a/./file",
        "/../sys/a/file",
    ],
)
def test_a_path_is_resolved(path: str) -> None:
    assert HOST.read(path) == b"1\n"


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/sys/none", FileNotFoundError),
        ("/sys/dangling", FileNotFoundError),
        ("/sys/none/../a/file", FileNotFoundError),
        ("/sys/a/file/x", NotADirectoryError),
        ("/sys/a/file/..", NotADirectoryError),
        ("/sys/a", IsADirectoryError),
        ("/sys/refused", PermissionError),
        ("/sys/refused/x", PermissionError),
    ],
)
def test_what_is_no_file_cannot_be_read(path: str, error: type[OSError]) -> None:
    with pytest.raises(error):
        HOST.read(path)


def test_directories_are_listed_with_those_that_only_a_path_names() -> None:
    assert sorted(HOST.listdir("/sys")) == [
        "a", "absolute", "dangling", "empty", "link", "refused",
    ]  # fmt: skip
    assert HOST.listdir("/sys/empty") == []
    assert HOST.listdir("/sys/link") == ["file"]


def test_a_file_cannot_be_listed() -> None:
    with pytest.raises(NotADirectoryError):
        HOST.listdir("/sys/a/file")


def test_only_a_link_can_be_read_as_one() -> None:
    assert HOST.readlink("/sys/link") == "a"
    with pytest.raises(OSError, match="Invalid argument"):
        HOST.readlink("/sys/a")


def test_an_entry_below_a_link_is_where_the_link_points() -> None:
    root = Memory({"/a/link/file": b"1\n", "/a/link": Link("../b"), "/b": None})
    assert root.read("/b/file") == b"1\n"
    assert root.listdir("/a/link") == ["file"]
