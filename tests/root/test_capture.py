"""What a capture may be made of, and what it then answers."""

from __future__ import annotations

import io
import lzma
import os
import tarfile
from pathlib import Path

import pytest

from tests.support import tars
from tests.support.hosts import x86_host
from tests.support.tars import END, PACKERS, file
from vfioguard.reading.take import take
from vfioguard.root import capture
from vfioguard.root.capture import CaptureLimits
from vfioguard.root.memory import Link, Memory
from vfioguard.root.opening import CannotOpen, open_root

HOST = capture.pack(x86_host(2))
SMALL = CaptureLimits(file=1 << 16, total=4 << 20, kept=1 << 20)


def write(directory: Path, content: bytes, name: str = "host.tar") -> str:
    path = directory / name
    path.write_bytes(content)
    return str(path)


def test_a_large_file_costs_only_itself(tmp_path: Path) -> None:
    content = file(b"sys/large", bytes(1 << 17)) + file(b"sys/small") + END
    root = capture.load(write(tmp_path, content), SMALL)
    assert root.read("/sys/small") == b"x\n"
    with pytest.raises(OSError, match="File too large"):
        root.read("/sys/large")


def test_of_two_members_with_one_name_the_later_counts(tmp_path: Path) -> None:
    content = file(b"sys/x", b"1\n") + file(b"./sys//x", b"2\n") + END
    assert capture.load(write(tmp_path, content)).read("/sys/x") == b"2\n"


def test_links_may_loop_and_lead_outside_and_cost_only_themselves(tmp_path: Path) -> None:
    host = {
        "/sys/a": b"x\n",
        "/sys/loop": Link("loop"),
        "/sys/outside": Link("../../../etc/passwd"),
    }
    root = capture.load(write(tmp_path, capture.pack(host)))
    assert root.read("/sys/a") == b"x\n"
    for name in ("loop", "outside"):
        with pytest.raises(OSError, match=r"Too many levels|No such file"):
            root.read(f"/sys/{name}")


def test_loading_writes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, HOST)
    before = sorted(os.listdir(tmp_path))
    take(capture.load(path))
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_archives_of_tarfile_are_read_as_it_reads_them(form: int, tmp_path: Path) -> None:
    names = ["sys/a", f"sys/{'d' * 90}/{'e' * 90}", "sys/" + "/".join("f" * 30 for _ in range(3))]
    if form != tarfile.USTAR_FORMAT:
        names.append("sys/" + "g" * 200)

    def add(archive: tarfile.TarFile) -> None:
        for number, name in enumerate(names):
            info = tarfile.TarInfo(name)
            content = b"%d" % number
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
            link = tarfile.TarInfo(f"sys/link{number}")
            link.type, link.linkname = tarfile.SYMTYPE, f"../{name}"[:100]
            archive.addfile(link)

    root = capture.load(write(tmp_path, tars.written(add, form)))
    assert [root.read(f"/{name}") for name in names] == [b"%d" % n for n in range(len(names))]
    assert root.readlink("/sys/link0") == "../sys/a"


@pytest.mark.parametrize("ending", [".tar.gz", ".tar.xz"])
def test_compressed_pieces_in_a_row_are_one_capture(ending: str, tmp_path: Path) -> None:
    pack = PACKERS[ending]
    half = len(HOST) // 1024 * 512
    path = write(tmp_path, pack(HOST[:half]) + pack(HOST[half:]) + bytes(8))
    assert take(capture.load(path)) == take(Memory(x86_host(2)))


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize("length", range(97, 103))
def test_a_name_that_its_header_cuts_behind_a_slash_is_no_directory(
    form: int, length: int, tmp_path: Path
) -> None:
    name = "sys/" + "d" * (length - len("sys//")) + "/uevent"

    def add(archive: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.size = 2
        archive.addfile(info, io.BytesIO(b"x\n"))

    assert capture.load(write(tmp_path, tars.written(add, form))).read(f"/{name}") == b"x\n"


def test_a_capture_can_come_through_a_pipe() -> None:
    reader, writer = os.pipe()
    content = lzma.compress(HOST)
    os.write(writer, content)  # it fits a pipe's buffer
    os.close(writer)
    try:
        assert take(open_root(f"/dev/fd/{reader}")) == take(Memory(x86_host(2)))
    finally:
        os.close(reader)


@pytest.mark.parametrize("path", ["", "/no/such/file", "/dev/null"])
def test_what_is_no_host_at_all_cannot_be_opened(path: str) -> None:
    with pytest.raises(CannotOpen):
        open_root(path)
