"""A directory as the host: links stay inside, whatever they say."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from vfioguard.root import ATTRIBUTE
from vfioguard.root.memory import Entry, Link, Memory
from vfioguard.root.tree import Tree

SECRET = b"nobody inside may see this\n"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """`tmp_path/host` is the root; beside it lies what a link to the outside would find."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(SECRET)
    (tmp_path / "host" / "sys" / "real").mkdir(parents=True)
    (tmp_path / "host" / "sys" / "real" / "file").write_bytes(b"inside\n")
    (tmp_path / "host" / "top").write_bytes(b"top\n")
    return tmp_path / "host"


# What a link says -> what reading it gives; {outside} is the absolute path of the decoy.
INSIDE = {
    "real/file": b"inside\n",
    "./real/../real/file": b"inside\n",
    "/sys/real/file": b"inside\n",
    "../sys/real/file": b"inside\n",
    "../../../../../../../top": b"top\n",
    "/../../top": b"top\n",
    "real//file": b"inside\n",
}
OUTSIDE = [
    "../../outside/secret",
    "../../../outside/secret",
    "/outside/secret",
    "/../outside/secret",
    "{outside}/secret",
    "real/../../../outside/secret",
    "..",
    "../..",
    "../../..",
    "/",
    "/..",
    ".",
    "real/",
    "real/..",
    "real/file/..",
    "nothing/../real/file",
    "/proc/self/cwd",
]


@pytest.mark.parametrize("target", INSIDE)
def test_a_link_is_followed_inside(host: Path, target: str) -> None:
    (host / "sys" / "link").symlink_to(target)
    assert Tree(str(host)).read("/sys/link") == INSIDE[target]


@pytest.mark.parametrize("target", OUTSIDE)
def test_a_link_never_leads_outside(host: Path, target: str) -> None:
    os.symlink(target.format(outside=host.parent / "outside"), host / "sys" / "link")
    with pytest.raises(OSError, match=r"No such file|Is a directory|Not a directory"):
        Tree(str(host)).read("/sys/link")


@pytest.mark.parametrize("target", ["../../outside", "/outside", "{outside}", "../../../outside"])
@pytest.mark.parametrize("call", ["read", "readlink", "listdir"])
def test_a_link_in_the_middle_never_leads_outside(host: Path, target: str, call: str) -> None:
    (host.parent / "outside" / "link").symlink_to("secret")
    (host.parent / "outside" / "directory").mkdir()
    os.symlink(target.format(outside=host.parent / "outside"), host / "sys" / "link")
    leaf = {"read": "secret", "readlink": "link", "listdir": "directory"}[call]
    with pytest.raises(FileNotFoundError):
        getattr(Tree(str(host)), call)(f"/sys/link/{leaf}")


@pytest.mark.parametrize("path", ["/../outside/secret", "/sys/../../outside/secret", "/sys/.."])
def test_a_path_never_leads_outside(host: Path, path: str) -> None:
    with pytest.raises(OSError, match=r"No such file|Is a directory"):
        Tree(str(host)).read(path)


def test_a_directory_that_turned_into_a_link_is_listed_inside(host: Path) -> None:
    (host / "sys" / "link").symlink_to("../../outside")
    with pytest.raises(FileNotFoundError):
        Tree(str(host)).listdir("/sys/link")


def test_dotdot_behind_a_link_means_the_parent_of_where_it_leads(host: Path) -> None:
    (host / "a" / "b").mkdir(parents=True)
    (host / "a" / "file").write_bytes(b"beside b\n")
    (host / "sys" / "link").symlink_to("/a/b")
    assert Tree(str(host)).read("/sys/link/../file") == b"beside b\n"


def chain(length: int) -> dict[str, Entry]:
    links: dict[str, Entry] = {f"/l{n}": Link(f"l{n + 1}") for n in range(length)}
    return links | {f"/l{length}": b"end\n"}


@pytest.mark.parametrize(("length", "followed"), [(1, True), (40, True), (41, False)])
def test_as_many_links_are_followed_as_the_kernel_follows(
    tmp_path: Path, length: int, followed: bool
) -> None:
    links = chain(length)
    for path, entry in links.items():
        if isinstance(entry, Link):
            (tmp_path / path[1:]).symlink_to(entry.target)
        elif entry is not None:
            (tmp_path / path[1:]).write_bytes(b"end\n")
    for root in (Tree(str(tmp_path)), Memory(links)):
        if followed:
            assert root.read("/l0") == (tmp_path / "l0").read_bytes()
        else:
            with pytest.raises(OSError, match="Too many levels"):
                root.read("/l0")


@pytest.mark.parametrize("target", ["link", "/sys/link", "../sys/link", "link/x"])
@pytest.mark.parametrize("path", ["/sys/link", "/sys/link/x"])
def test_a_link_to_itself_ends(host: Path, target: str, path: str) -> None:
    (host / "sys" / "link").symlink_to(target)
    with pytest.raises(OSError, match="Too many levels"):
        Tree(str(host)).read(path)


def test_a_fifo_does_not_hold_the_reader_up_and_is_not_an_empty_file(host: Path) -> None:
    os.mkfifo(host / "sys" / "fifo")
    with pytest.raises(OSError, match="Invalid argument"):
        Tree(str(host)).read("/sys/fifo")


def test_a_directory_in_place_of_a_file_is_an_error(host: Path) -> None:
    with pytest.raises(IsADirectoryError):
        Tree(str(host)).read("/sys/real")


@pytest.mark.parametrize(("size", "fits"), [(4095, True), (4096, True), (4097, False)])
def test_an_attribute_holds_a_page(host: Path, size: int, fits: bool) -> None:
    (host / "sys" / "file").write_bytes(b"x" * size)
    for root in (Tree(str(host)), Memory({"/sys/file": b"x" * size})):
        if fits:
            assert len(root.read("/sys/file")) == size
        else:
            with pytest.raises(OSError, match="File too large"):
                root.read("/sys/file")


def test_a_file_of_10_mb_is_refused_and_its_head_is_not(host: Path) -> None:
    with open(host / "sys" / "large", "wb") as file:
        file.truncate(10 << 20)
    tree = Tree(str(host))
    with pytest.raises(OSError, match="File too large"):
        tree.read("/sys/large", 1 << 20)
    assert tree.head("/sys/large", 100) == bytes(100)


def test_a_needle_across_two_reads_is_found(host: Path) -> None:
    (host / "sys" / "large").write_bytes(bytes((1 << 20) - 3) + b"\0needle\0")
    found = Tree(str(host)).search("/sys/large", (b"\0needle\0", b"\0absent\0"))
    assert found == b"\0needle\0"


def test_a_name_that_is_not_utf_8_is_listed_and_read(host: Path) -> None:
    with open(os.fsencode(host) + b"/sys/caf\xe9", "wb") as file:
        file.write(b"x\n")
    tree = Tree(str(host))
    (name,) = [name for name in tree.listdir("/sys") if name != "real"]
    assert tree.read(f"/sys/{name}") == b"x\n"


def test_a_listing_through_a_link_is_that_of_its_target(host: Path) -> None:
    (host / "sys" / "link").symlink_to("/sys/real")
    tree = Tree(str(host))
    assert tree.listdir("/sys/link") == ["file"]
    assert tree.under("/sys/link").read("file") == b"inside\n"


def test_a_file_is_no_root(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        Tree(str(tmp_path / "file"))


def test_the_running_host_reads_what_the_kernel_shows() -> None:
    live = Tree("/")
    assert live.read("/proc/sys/kernel/osrelease") == os.uname().release.encode() + b"\n"
    assert live.under("/proc/sys/kernel").read("osrelease", ATTRIBUTE).endswith(b"\n")
    assert "kernel" in live.listdir("/proc/sys")
    assert live.readlink("/proc/self/exe") == os.readlink("/proc/self/exe")


def test_a_directory_that_is_missing_says_so_at_each_read() -> None:
    for root in (Tree("/"), Memory({"/sys": None})):
        with pytest.raises(FileNotFoundError):
            root.under("/sys/no/such/directory").read("file")


@pytest.mark.parametrize("path", ["/sys/class", "/sys/class/no-such-class"])
def test_a_thread_that_was_given_up_opens_no_directory(path: str) -> None:
    place = ["", ""]
    tree = Tree("/", place)
    place.clear()
    with pytest.raises(IndexError):
        tree.under(path)


def test_of_the_running_host_only_what_lasts_stays_open(tmp_path: Path) -> None:
    root = Tree("/")
    before = len(os.listdir("/proc/self/fd"))
    assert root.under("/sys/bus/pci/devices") is root.under("/sys/bus/pci/devices")
    for number in range(64):
        (tmp_path / "group").mkdir()
        (tmp_path / "group" / "type").write_bytes(b"%d" % number)
        assert root.under(str(tmp_path / "group")).read("type") == b"%d" % number
        shutil.rmtree(tmp_path / "group")
    assert len(os.listdir("/proc/self/fd")) == before + 1


def test_a_directory_that_comes_later_is_found(tmp_path: Path) -> None:
    root = Tree("/")
    path = str(tmp_path / "late")
    with pytest.raises(FileNotFoundError):
        root.under(path).read("file")
    (tmp_path / "late").mkdir()
    (tmp_path / "late" / "file").write_bytes(b"there\n")
    assert root.under(path).read("file") == b"there\n"
