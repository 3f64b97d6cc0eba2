"""What a capture may cost is counted: bytes and members when it is loaded, steps as it is read."""

from __future__ import annotations

import gzip
from collections import deque
from itertools import islice, repeat
from pathlib import Path

import pytest

from tests.support import attacks
from tests.support.hosts import x86_host
from tests.support.tars import END, file, header, pax, record
from vfioguard.fact import Gap
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.root import capture
from vfioguard.root.capture import LIMITS, BadCapture, CaptureLimits
from vfioguard.root.memory import MAX_NAMES, MAX_STEPS, Entry, Link, Memory
from vfioguard.root.packed import MAX_STREAMS
from vfioguard.verdict import Outcome

SMALL = CaptureLimits(file=1 << 16, total=4 << 20, kept=1 << 20, members=100)


def write(directory: Path, content: bytes) -> str:
    path = directory / "host.tar"
    path.write_bytes(content)
    return str(path)


def first(name: str, members: int) -> Memory:
    """The first members of a hostile capture."""
    return Memory(dict(islice(attacks.SHAPES[name](), members)))


def steps(host: Memory) -> int:
    take(host)
    return host.steps


def test_a_link_is_walked_once_however_many_lead_over_it() -> None:
    few, many = (steps(first("chains of links", 200 + number)) for number in (10, 1010))
    assert few < 150_000  # 39 links of 1,600 names
    assert many - few < 1000 * 200


def test_a_capture_of_a_kilobyte_is_judged_in_few_steps(tmp_path: Path) -> None:
    path = str(tmp_path / "host.tar.gz")
    attacks.write(path, islice(attacks.SHAPES["chains of links"](), 1500), LIMITS.kept, 2000)
    assert Path(path).stat().st_size < 40_000
    assert steps(capture.load(path)) < 600_000


@pytest.mark.parametrize("name", attacks.SHAPES)
def test_no_shape_takes_more_steps_than_there_are(name: str) -> None:
    host = first(name, 3000)
    evaluate(take(host), "now")
    assert host.steps < MAX_STEPS + 1_000_000  # one question may be the last


def test_who_asks_too_much_is_told_so_and_may_begin_anew() -> None:
    host = Memory({"/sys/a": b"x\n", "/sys/link": Link("a")})
    for _ in range(100_000):
        host.read("/sys/link")
    with pytest.raises(OSError, match="File too large"):
        deque(map(host.read, repeat("/sys/link", MAX_STEPS)), maxlen=0)
    for call in (host.read, host.readlink, host.listdir):
        with pytest.raises(OSError, match="File too large"):
            call("/sys/a")
    host.begin()
    assert host.read("/sys/link") == b"x\n"


def test_what_is_too_much_leaves_verdicts_unknown() -> None:
    host = x86_host(3)
    long = "../../../" + "x/../" * (MAX_STEPS // 2)
    host["/sys/bus/pci/devices/0000:01:00.0"] = Link(f"{long}devices/pci0000:01/0000:01:00.0")
    host["/sys/x"] = None
    report = evaluate(take(Memory(host)), "now")
    assert {group.outcome for group in report.groups} <= {Outcome.UNKNOWN}


def test_a_directory_of_too_many_names_cannot_be_listed() -> None:
    names: dict[str, Entry] = {f"/sys/kernel/iommu_groups/{n}": None for n in range(MAX_NAMES + 1)}
    with pytest.raises(OSError, match="File too large"):
        Memory(names).listdir("/sys/kernel/iommu_groups")
    host = x86_host(1) | names
    assert isinstance(take(Memory(host)).groups, Gap)
    names.popitem()
    assert len(Memory(names).listdir("/sys/kernel/iommu_groups")) == MAX_NAMES


def test_members_are_counted(tmp_path: Path) -> None:
    content = b"".join(file(b"sys/%d" % number) for number in range(99))
    assert capture.load(write(tmp_path, content + END), SMALL).listdir("/sys")
    with pytest.raises(BadCapture, match="more than 100 files"):
        capture.load(write(tmp_path, content + file(b"sys/x") + END), SMALL)


@pytest.mark.parametrize(
    "entry",
    [
        pax(record(b"path", b"sys/" + b"x" * 250)) + file(b"x"),
        pax(record(b"path", b"sys/" + b"\x1b" * 60)) + file(b"x"),
        pax(record(b"linkpath", b"\x1b" * 80)) + header(b"sys/x", kind=b"2"),
        file(b"sys/x", b"x" * 400),
    ],
)
def test_what_is_shown_again_and_again_weighs_more(tmp_path: Path, entry: bytes) -> None:
    """Each takes some 2 kB in what is made of it, and less than 1 kB by itself."""
    with pytest.raises(BadCapture, match="holds more than"):
        capture.load(write(tmp_path, entry + END), SMALL._replace(kept=2500))
    capture.load(write(tmp_path, entry + END), SMALL._replace(kept=5000))


def test_compressed_files_in_a_row_are_counted(tmp_path: Path) -> None:
    host = gzip.compress(capture.pack(x86_host(1)))
    few, many = (host + gzip.compress(b"") * count for count in (9, MAX_STREAMS + 1))
    capture.load(write(tmp_path, few))
    with pytest.raises(BadCapture, match="more than 1000 compressed files"):
        capture.load(write(tmp_path, many))


def test_records_of_one_header_are_counted_while_they_are_read(tmp_path: Path) -> None:
    content = pax(b"6 a=b\n" * 65) + file(b"x") + END
    with pytest.raises(BadCapture, match="too many attributes"):
        capture.load(write(tmp_path, content))


@pytest.mark.parametrize("name", ["sys/a/../../x", "/etc/passwd", "sys/a/..", "sys/a/" + "x" * 256])
def test_a_second_member_of_a_directory_is_looked_at_as_the_first(
    tmp_path: Path, name: str
) -> None:
    content = file(b"sys/a/x") + pax(record(b"path", name.encode())) + file(b"x") + END
    with pytest.raises(BadCapture, match=r"outside of itself|absolute name|no file system takes"):
        capture.load(write(tmp_path, content))


def test_a_top_level_name_makes_no_absolute_one_welcome(tmp_path: Path) -> None:
    with pytest.raises(BadCapture, match="absolute name"):
        capture.load(write(tmp_path, file(b"sys") + file(b"/x") + END))
