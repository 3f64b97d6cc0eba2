"""Live, recorded and replayed hosts answer alike."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.support import trees
from tests.support.generated import broken_hosts, hosts
from tests.support.hosts import x86_host
from vfioguard.reading.take import take
from vfioguard.root import Root, capture
from vfioguard.root.memory import Entry, Link, Memory, Refused
from vfioguard.root.opening import open_root
from vfioguard.root.recording import Recording
from vfioguard.root.tree import Tree

CAPTURES = sorted((Path(__file__).parents[1] / "fixtures" / "sysfs").glob("*/*.tar.xz"))


def recorded(root: Root) -> dict[str, Entry]:
    recording = Recording(root)
    take(recording)
    return recording.entries


@given(broken_hosts())
@settings(max_examples=150, deadline=None)
def test_a_recording_replays_to_the_same_snapshot(host: dict[str, Entry]) -> None:
    root = Memory(host)
    assert take(Memory(recorded(root))) == take(root)


@given(broken_hosts())
@settings(max_examples=100, deadline=None)
def test_a_replay_records_the_same_again(host: dict[str, Entry]) -> None:
    once = recorded(Memory(host))
    assert recorded(Memory(once)) == once


@given(broken_hosts())
@settings(max_examples=60, deadline=None)
def test_a_recording_survives_being_saved_and_loaded(
    tmp_path_factory: pytest.TempPathFactory, host: dict[str, Entry]
) -> None:
    path = str(tmp_path_factory.mktemp("capture") / "host.tar")
    entries = recorded(Memory(host))
    capture.save(path, entries)
    assert take(capture.load(path)) == take(Memory(host))


@given(hosts())
@settings(max_examples=60, deadline=None)
def test_a_directory_answers_like_the_same_host_in_memory(
    tmp_path_factory: pytest.TempPathFactory, host: dict[str, Entry]
) -> None:
    directory = trees.write(tmp_path_factory.mktemp("host"), host)
    assert take(Tree(directory)) == take(Memory(host))


@given(hosts())
@settings(max_examples=30, deadline=None)
def test_a_recording_answers_while_it_records(host: dict[str, Entry]) -> None:
    assert take(Recording(Memory(host))) == take(Memory(host))


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: f"{path.parent.name}-{path.stem[:8]}")
def test_a_captured_host_is_recorded_whole(path: Path, tmp_path: Path) -> None:
    root = open_root(str(path))
    capture.save(str(tmp_path / "again.tar.gz"), recorded(root))
    assert take(open_root(str(tmp_path / "again.tar.gz"))) == take(root)


@given(hosts())
@settings(max_examples=30, deadline=None)
def test_equal_entries_pack_to_equal_bytes(host: dict[str, Entry]) -> None:
    backwards = dict(reversed(host.items()))
    assert capture.pack(host) == capture.pack(backwards)


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.xz"])
def test_the_same_host_gives_the_same_file(ending: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        capture.save(str(tmp_path / f"{name}.{ending}"), x86_host())
    one, two = ((tmp_path / f"{name}.{ending}").read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_loop_of_links_ends() -> None:
    host = x86_host(1)
    for name in ("PNP0103:00", "PNP0103:01"):
        host[f"/sys/kernel/iommu_groups/0/devices/{name}"] = Link("PNP0103:00")
    root = Memory(host)
    assert take(Memory(recorded(root))) == take(root)


def test_a_listed_directory_that_lacks_a_file_replays_as_a_directory() -> None:
    recording = Recording(Memory({"/sys/kernel/iommu_groups/0/devices": None}))
    recording.listdir("/sys/kernel/iommu_groups")
    with pytest.raises(FileNotFoundError):
        recording.read("/sys/kernel/iommu_groups/0/type")
    with pytest.raises(FileNotFoundError):
        Memory(recording.entries).read("/sys/kernel/iommu_groups/0/type")


def test_a_listed_file_that_vanished_stays_vanished() -> None:
    domains = "/sys/kernel/debug/irq/domains"
    root = Memory({f"{domains}/VECTOR": Refused(errno.ENOENT)})
    recording = Recording(root)
    take(recording)
    assert take(Memory(recording.entries)) == take(root)


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.EFBIG, 524])
def test_a_refused_read_keeps_its_errno(number: int, tmp_path: Path) -> None:
    path = str(tmp_path / "host.tar")
    capture.save(path, {"/sys/x": Refused(number)})
    loaded = capture.load(path)
    with pytest.raises(OSError, match=os.strerror(number)):
        loaded.read("/sys/x")


@pytest.mark.parametrize("name", ["caf\udce9", "a" * 255, "new\nline", "é", "a b", "-x", "tab\t"])
def test_any_name_survives_a_capture(name: str, tmp_path: Path) -> None:
    path = str(tmp_path / "host.tar")
    entries: dict[str, Entry] = {f"/sys/{name}": b"1", "/sys/link": Link(f"../{name}/{name}")}
    capture.save(path, entries)
    loaded = capture.load(path)
    assert loaded.read(f"/sys/{name}") == b"1"
    assert loaded.readlink("/sys/link") == f"../{name}/{name}"
