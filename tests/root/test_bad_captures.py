"""A capture comes from a stranger: it is a host, or one line says why not."""

from __future__ import annotations

import contextlib
import lzma
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import tars
from tests.support.bad_captures import BAD
from tests.support.hosts import x86_host
from tests.support.tars import END, PACKERS, file, header, pax, record
from vfioguard.reading.take import take
from vfioguard.root import capture
from vfioguard.root.capture import BadCapture, CaptureLimits
from vfioguard.root.opening import CannotOpen, open_root

HOST = capture.pack(x86_host(2))
SMALL = CaptureLimits(file=1 << 16, total=4 << 20, kept=1 << 20)


def write(directory: Path, content: bytes, name: str = "host.tar") -> str:
    path = directory / name
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_capture_is_refused_for_its_reason(kind: str, ending: str, tmp_path: Path) -> None:
    content, reason = BAD[kind]
    path = write(tmp_path, PACKERS[ending](content))
    with pytest.raises(BadCapture, match=reason) as caught:
        capture.load(path, SMALL)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_opened_is_named_in_one_line(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path, BAD[kind][0])
    with pytest.raises(CannotOpen) as caught:
        open_root(path)
    assert str(caught.value).startswith(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", PACKERS)
def test_a_capture_that_was_cut_is_refused_wherever_it_was(ending: str, tmp_path: Path) -> None:
    whole = PACKERS[ending](HOST.rstrip(b"\0") + END)
    for size in range(0, len(whole) - BLOCK_AND_SOME, max(1, len(whole) // 97)):
        with pytest.raises(BadCapture):
            capture.load(write(tmp_path, whole[:size]))


BLOCK_AND_SOME = 2 * tars.BLOCK  # cut inside the end mark, a plain tar has still all of its members


@pytest.mark.parametrize("ending", PACKERS)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_flipped_bytes_give_a_host_or_one_complaint(
    tmp_path_factory: pytest.TempPathFactory, ending: str, data: st.DataObject
) -> None:
    content = bytearray(PACKERS[ending](HOST))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = write(tmp_path_factory.mktemp("flipped"), bytes(content))
    with contextlib.suppress(BadCapture):
        take(capture.load(path))


@given(st.binary(max_size=2048))
@settings(max_examples=200, deadline=None)
def test_noise_behind_a_good_header_gives_a_host_or_one_complaint(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes
) -> None:
    content = pax(noise) + file(b"sys/x") + END
    path = write(tmp_path_factory.mktemp("noise"), content)
    with contextlib.suppress(BadCapture):
        capture.load(path)


@pytest.mark.parametrize("ending", [".tar.gz", ".tar.xz"])
def test_a_bomb_of_zeros_is_defused(ending: str, tmp_path: Path) -> None:
    bomb = header(b"x", size=64 << 20) + bytes(64 << 20) + END
    path = write(tmp_path, PACKERS[ending](bomb))
    with pytest.raises(BadCapture, match="unpacks to more than 4 MiB"):
        capture.load(path, SMALL)


@pytest.mark.parametrize("ending", [".tar.gz", ".tar.xz"])
def test_zeros_behind_the_end_are_counted_as_well(ending: str, tmp_path: Path) -> None:
    path = write(tmp_path, PACKERS[ending](file(b"x") + bytes(64 << 20)))
    with pytest.raises(BadCapture, match="unpacks to more than 4 MiB"):
        capture.load(path, SMALL)


def test_a_dictionary_of_gigabytes_is_not_allocated(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
    # An encoder would take as much, so the size is put into the header of a small stream.
    small = lzma.compress(file(b"x") + END, filters=[{**filters[0], "dict_size": 4096}])
    at = small.index(b"\x21\x01")
    edited = bytearray(small)
    edited[at + 2] = 36  # 2^30: (2 | 0) << (36 / 2 + 11)
    length = (edited[12] + 1) * 4
    edited[12 + length - 4 : 12 + length] = _crc32(bytes(edited[12 : 12 + length - 4]))
    with pytest.raises(BadCapture, match=r"[Mm]emory"):
        capture.load(write(tmp_path, bytes(edited)))


def _crc32(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")


def test_many_members_are_counted_with_what_they_cost(tmp_path: Path) -> None:
    content = b"".join(header(b"d%d" % number, kind=b"5") for number in range(3000)) + END
    with pytest.raises(BadCapture, match="holds more than 1 MiB"):
        capture.load(write(tmp_path, content), SMALL)


def test_deep_paths_are_counted_with_all_their_parents(tmp_path: Path) -> None:
    deep = pax(record(b"path", b"a/" * 1500 + b"x")) + file(b"x")
    with pytest.raises(BadCapture, match="holds more than 1 MiB"):
        capture.load(write(tmp_path, deep + END), SMALL)


@pytest.mark.parametrize("ending", [".tar.gz", ".tar.xz"])
def test_a_bomb_takes_little_memory(ending: str, tmp_path: Path) -> None:
    bomb = header(b"x", size=64 << 20) + bytes(64 << 20) + END
    path = write(tmp_path, PACKERS[ending](bomb))
    tracemalloc.start()
    try:
        with pytest.raises(BadCapture):
            capture.load(path, SMALL)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 24 << 20  # xz's own dictionary is 8 MiB
