"""The kernel keeps a path inside a directory, whatever somebody else does to the tree meanwhile."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import trees
from vfioguard.root.by_name import ByName
from vfioguard.root.in_root import InRoot
from vfioguard.root.memory import Entry, Link, Memory
from vfioguard.root.tree import Inside, Tree, keeping_to

INSIDE, OUTSIDE = b"inside\n", b"outside\n"
READS = 20_000
#: Exchanges two names for ever: renameat2(2) with RENAME_EXCHANGE.
SWAPPER = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
one, other = map(os.fsencode, sys.argv[1:])
print(libc.renameat2(-100, one, -100, other, 2), flush=True)
while True:
    libc.renameat2(-100, one, -100, other, 2)
"""


@pytest.fixture
def swapped(tmp_path: Path) -> Iterator[Path]:
    """A root in which a directory and a link to the outside change places all the time."""
    trees.write(tmp_path / "outside", {"/b/file": OUTSIDE, "/b/link": Link("outside")})
    (tmp_path / "outside/list/outside").mkdir(parents=True)
    host = tmp_path / "host"
    trees.write(host, {"/sys/a/b/file": INSIDE, "/sys/a/b/link": Link("inside")})
    (host / "sys/a/list/inside").mkdir(parents=True)
    (host / "sys/link").symlink_to("../../outside")
    command = [sys.executable, "-c", SWAPPER, str(host / "sys/a"), str(host / "sys/link")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as swapper:
        assert swapper.stdout is not None
        assert swapper.stdout.readline() == "0\n", "this file system exchanges no names"
        yield host
        swapper.kill()


def test_nothing_outside_is_reached_while_a_directory_turns_into_a_link(swapped: Path) -> None:
    tree = Tree(str(swapped), inside=InRoot)
    seen: Counter[object] = Counter()
    for _ in range(READS // 4):
        for call, path in (("read", "b/file"), ("read", "b/../b/file"), ("readlink", "b/link"),
                           ("listdir", "list")):  # fmt: skip
            try:
                seen[repr(getattr(tree, call)(f"/sys/a/{path}"))] += 1
            except FileNotFoundError:
                seen[None] += 1
    assert set(seen) == {repr(INSIDE), repr("inside"), repr(["inside"]), None}


_NAMES = st.sampled_from(["a", "b", "c"])
_TEXTS = st.builds(
    lambda up, names: up + "/".join(names),
    st.sampled_from(["", "", "/"]),
    st.lists(st.sampled_from(["a", "b", "c", ".", "..", ""]), min_size=1, max_size=4),
).filter(bool)
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map(lambda names: "/" + "/".join(names))


@st.composite
def forests(draw: st.DrawFn) -> dict[str, Entry]:
    """Files, directories and links of all kinds, none below a file or a link."""
    entries: dict[str, Entry] = {}
    for path in draw(st.lists(_PATHS, min_size=1, max_size=9)):
        parents = [path[:at] for at in range(1, len(path)) if path[at] == "/"]
        if path in entries or any(entries.get(parent) is not None for parent in parents):
            continue
        if any(other.startswith(f"{path}/") for other in entries):
            continue
        entries[path] = draw(st.sampled_from([b"x\n", None]) | _TEXTS.map(Link))
    return entries


def answer(root: object, call: str, path: str) -> object:
    try:
        found = getattr(root, call)(path)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return sorted(found) if isinstance(found, list) else found


@given(forests(), st.lists(_TEXTS, min_size=1, max_size=9))
@settings(max_examples=300, deadline=None)
def test_a_capture_and_names_walked_here_lead_where_the_kernel_leads(
    tmp_path_factory: pytest.TempPathFactory, entries: dict[str, Entry], asked: list[str]
) -> None:
    base = str(tmp_path_factory.mktemp("host"))
    trees.write(base, entries)
    kernel = Tree(base, inside=InRoot)
    for path in (f"/{text}".replace("//", "/") for text in asked):
        for call in ("read", "listdir"):
            expected = answer(kernel, call, path)
            assert answer(Memory(entries), call, path) == expected
            if expected not in errno.errorcode.values():  # by name "file/.." is taken for a place
                assert answer(Tree(base, inside=ByName), call, path) == expected


def forbidden(number: int) -> type[InRoot]:
    """What a filter leaves of the system call."""

    class Forbidden(InRoot):
        def open(self, path: str, flags: int) -> int:
            raise OSError(number, os.strerror(number))

    return Forbidden


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM, errno.EACCES])
def test_where_the_kernel_cannot_names_are_walked(tmp_path: Path, number: int) -> None:
    trees.write(tmp_path, {"/sys/a/file": INSIDE, "/sys/link": Link("/sys/a")})
    tree = Tree(str(tmp_path), inside=lambda base: keeping_to(base, forbidden(number)))
    assert tree.read("/sys/link/file") == INSIDE


def test_a_path_with_a_zero_is_none(tmp_path: Path) -> None:
    root: Inside = InRoot(str(tmp_path))
    with pytest.raises(OSError, match="Invalid argument"):
        root.open("/\0", os.O_RDONLY)
