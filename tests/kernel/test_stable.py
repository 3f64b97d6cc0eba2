"""The stable release behind a number like 6.1.0-50-amd64, and when it is looked for."""

from __future__ import annotations

import pytest

from tests.support.faults import Watching
from tests.support.hosts import arm_host, x86_host
from tests.support.packed_tables import ivhd, ivrs
from vfioguard.fact import Fact, Gap, Why
from vfioguard.inference import era
from vfioguard.inference.borders import Version
from vfioguard.kernel.identity import stable
from vfioguard.reading.take import take
from vfioguard.root.memory import Entry, Memory
from vfioguard.root.recording import Recording

DEBIAN = (
    b"Linux version 6.1.0-50-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14+"
    b"deb12u1) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40) #1 SMP PREEMPT_DYNAMIC Debian "
    b"6.1.176-1 (2026-07-02)\n"
)
UBUNTU = b"Ubuntu 6.8.0-45.45-generic 6.8.12\n"
IVRS = "/sys/firmware/acpi/tables/IVRS"


@pytest.mark.parametrize(
    ("path", "raw", "release"),
    [
        (stable.VERSION, DEBIAN, (6, 1, 176)),
        (stable.VERSION, b"Linux version 7.3.4 (x) #1 SMP Debian 7.3.4-1~bpo13+1 (y)\n", (7, 3, 4)),
        (stable.VERSION, b"Linux version 6.6.51 (x) #1 Debian 1:6.6.51-1+rpt3 (y)\n", (6, 6, 51)),
        (stable.SIGNATURE, UBUNTU, (6, 8, 12)),
    ],
)  # fmt: skip
def test_debian_and_ubuntu_name_it(path: str, raw: bytes, release: tuple[int, int, int]) -> None:
    found = stable.read(Memory({path: raw}))
    assert isinstance(found, Fact)
    assert found.value == release


@pytest.mark.parametrize(
    "raw",
    [
        b"Linux version 6.8.0-45-generic (buildd@x) (gcc (Ubuntu 13) 13.2.0) #45-Ubuntu SMP\n",
        b"Linux version 6.6.60 (me@home) (gcc (Debian 12.2.0-14) 12.2.0) #1 SMP\n",
        b"",
    ],
)
def test_what_names_none_is_a_gap(raw: bytes) -> None:
    """The compiler's version is Debian's too, and no kernel's: it has the compiler before it."""
    found = stable.read(Memory({stable.VERSION: raw}))
    assert isinstance(found, Gap)
    assert found.why is Why.ABSENT


def test_who_built_a_kernel_is_not_kept() -> None:
    kept = stable.select(DEBIAN)
    assert kept == b"Linux version 6.1.0-50-amd64 Debian 6.1.176-\n"
    assert stable.select(kept) == kept
    assert stable.parse(kept) == (6, 1, 176)


@pytest.mark.parametrize(
    ("host", "read"),
    [
        (x86_host(1, release="6.1.0-50-amd64"), False),  # Intel: nothing turns on it
        (x86_host(1, release="6.1.0-50-amd64", vendor="amd") | {IVRS: ivrs(ivhd())}, True),
        (x86_host(1, release="6.12.107+deb13-amd64") | {IVRS: ivrs(ivhd())}, False),
        (arm_host(1, release="6.1.0-50-arm64"), True),
        (arm_host(1, release="6.12.107+deb13-arm64"), False),
    ],
)
def test_it_is_looked_for_where_the_release_does_not_tell_and_something_turns_on_it(
    host: dict[str, Entry], read: bool
) -> None:
    watched = Watching(Memory({**host, stable.VERSION: DEBIAN}))
    take(watched)
    assert (stable.VERSION in watched.paths) is read


@pytest.mark.parametrize(
    ("release", "entries", "version"),
    [
        ("6.1.0-50-arm64", {stable.VERSION: DEBIAN}, Version(6, 1, 176)),
        ("6.8.0-45-generic", {stable.SIGNATURE: UBUNTU}, Version(6, 8, 12)),
        ("6.8.0-45-generic", {stable.VERSION: DEBIAN}, Version(6, 8)),  # another kernel's
        ("6.1.0-50-arm64", {}, Version(6, 1)),
        ("6.6.60", {}, Version(6, 6, 60)),
    ],
)
def test_the_version_of_a_host_has_its_sublevel(
    release: str, entries: dict[str, Entry], version: Version
) -> None:
    recording = Recording(Memory({**arm_host(1, release=release), **entries}))
    assert era.version(take(recording)) == version
    kept = recording.entries.get(stable.VERSION, b"")
    assert isinstance(kept, bytes)
    assert b"lists.debian.org" not in kept
    assert era.version(take(Memory(recording.entries))) == version
