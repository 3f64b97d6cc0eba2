from __future__ import annotations

import pytest

from vfioguard.fact import Fact, Gap
from vfioguard.kernel.identity import arch
from vfioguard.root.memory import Entry, Memory


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"x86_64\n", "x86_64"),
        (b"aarch64\n", "aarch64"),
        (b"i586\n", "i686"),
        (b"i686\n", "i686"),
        (b"arm\n", "arm"),
        (b"armv7l\n", "arm"),
        (b"armv8b\n", "arm"),
        (b"mips64\n", "mips64"),
        (b"parisc\n", "parisc"),
        (b"s390x\n", "s390x"),
        (b"ppc64le\n", "ppc64le"),
        (b"riscv64\n", "riscv64"),
    ],
)
def test_the_sysctl_names_the_machine(raw: bytes, name: str) -> None:
    assert arch.parse(raw) == name


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        (b"processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\n", "x86_64"),
        (b"processor\t: 0\nBogoMIPS\t: 125.00\nCPU implementer\t: 0x41\n", "aarch64"),
        (b"vendor_id       : IBM/S390\n# processors    : 2\ncpu family\t: 1\n", "s390x"),
        (b"processor\t: 0\ncpu\t\t: POWER9 (architected), altivec supported\n", "ppc64le"),
        (b"processor\t: 0\nhart\t\t: 0\nisa\t\t: rv64imafdc\n", "riscv64"),
        (b"processor\t\t: 0\nCPU Family\t\t: Loongson-64bit\n", "loongarch64"),
        (b"processor\t\t: 0\nISA\t\t\t: loongarch32 loongarch64\n", "loongarch64"),
        (b"model name\t: ARMv7 Processor rev 4 (v7l)\nCPU implementer\t: 0x41\n", "arm"),
        (b"Processor\t: ARMv6-compatible processor rev 7 (v6l)\nCPU implementer\t: 0x41\n", "arm"),
    ],
)
def test_before_6_1_the_fields_of_cpuinfo_tell(cpuinfo: bytes, name: str) -> None:
    reading = arch.read(Memory({"/proc/cpuinfo": cpuinfo}))
    assert isinstance(reading, Fact)
    assert reading.value == name


@pytest.mark.parametrize(
    ("notes", "release", "name"),
    [
        (b"\0\0\0\x04\0\0\0\x14", None, "ppc64"),
        (b"\x04\0\0\0\x14\0\0\0", "5.10.0-powerpc64", "ppc64le"),
        (None, "4.18.0-powerpc64", "ppc64"),
        (None, "4.18.0-477.el8.ppc64le", "ppc64le"),
        (None, "3.10.0-1160.el7.ppc64", "ppc64"),
        (None, "5.10.0", "ppc64le"),
    ],
)
def test_which_end_of_a_power_comes_first_is_not_in_its_cpuinfo(
    notes: bytes | None, release: str | None, name: str
) -> None:
    entries: dict[str, Entry] = {
        "/proc/cpuinfo": b"processor\t: 0\ncpu\t\t: POWER8E (raw), altivec supported\n"
    }
    if notes is not None:
        entries["/sys/kernel/notes"] = notes
    reading = arch.read(Memory(entries), release)
    assert isinstance(reading, Fact)
    assert reading.value == name


@pytest.mark.parametrize(
    "sysctl",
    [
        b"", b"garbage\n", b"\xff\n", b"x86_65\n", b"x86_64x\n", b"i786\n", b"armv9\n", b"armx\n",
        b"mips 64\n", b"mips-64\n", b"sh3\n", b"ppc32\n",
    ],
)  # fmt: skip
def test_a_sysctl_that_names_no_machine_is_not_believed(sysctl: bytes) -> None:
    host = {"/proc/sys/kernel/arch": sysctl, "/proc/cpuinfo": b"CPU implementer\t: 0x41\n"}
    reading = arch.read(Memory(host))
    assert isinstance(reading, Fact)
    assert reading.value == "aarch64"


def test_without_either_there_is_a_gap() -> None:
    assert isinstance(arch.read(Memory({})), Gap)


def test_a_serial_number_is_not_kept() -> None:
    cpuinfo = b"CPU implementer\t: 0x41\nSerial\t\t: 0123456789abcdef\n"
    assert b"0123" not in arch.select(cpuinfo)


def test_of_the_kernels_notes_only_the_byte_order_is_kept() -> None:
    assert arch.order(b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0build-id") == b"\x04\0\0\0"
