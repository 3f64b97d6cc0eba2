"""The smaller formats: release, configuration, symbols, uevent, PCI configuration space."""

from __future__ import annotations

import errno
import gzip
import struct
from pathlib import Path
from typing import Literal

import pytest

from tests.support import trees
from tests.support.functions import CONFIG_WITH_MSI, CONFIG_WITHOUT_MSI
from vfioguard.fact import Fact, Gap, Malformed, Why
from vfioguard.kernel import uevent
from vfioguard.kernel.identity import config, osrelease, symbols
from vfioguard.kernel.identity.symbols import Predicate
from vfioguard.kernel.pci import pci_config
from vfioguard.root.memory import Entry, Memory, Refused
from vfioguard.root.recording import Recording
from vfioguard.root.tree import Tree


@pytest.mark.parametrize(
    ("raw", "version", "backports"),
    [
        (b"6.12.107+deb13-amd64\n", (6, 12), False),
        (b"5.10.0-33-amd64\n", (5, 10), False),
        (b"7.3.4\n", (7, 3), False),
        (b"6.1.0-rc3", (6, 1), False),
        (b"5.14.0-503.el9.x86_64\n", (5, 14), True),
        (b"4.18.0-553.el8_10.x86_64\n", (4, 18), True),
        (b"6.4.0-150600.23-default\n", (6, 4), True),
        (b"5.14.21-150500.55.lp15.1\n", (5, 14), True),
        (b"5.14.0-427.44.1.vz9.80.20\n", (5, 14), True),
        (b"6.4.0-10-rt\n", (6, 4), True),
        (b"6.1.0-25-rt-amd64\n", (6, 1), False),
        (b"4.19.90-vhulk2111.1.0.h963\n", (4, 19), True),
        (b"4.4.131-20200710.kylin.server-generic\n", (4, 4), True),
        (b"5.12.0-0-fbk5\n", (5, 12), True),
        (b"4.19.90-52.22.v2207.ky10.x86_64\n", (4, 19), True),
        (b"4.19.90-2305.1.0.0199.56.uelc20.x86_64\n", (4, 19), True),
        (b"5.4.119-1-tlinux4-0010.3\n", (5, 4), True),
        (b"6.6.30-5.tl4.x86_64\n", (6, 6), True),
        (b"4.18.0-147.5.1.6.h1099.eulerosv2r10.x86_64\n", (4, 18), True),
        (b"5.10.0-60.18.0.50.r1083_58.hce2.x86_64\n", (5, 10), True),
        (b"5.4.143.bsk.8-amd64\n", (5, 4), True),
        (b"5.10.0-136.12.0.90.4.es8.x86_64\n", (5, 10), True),
        (b"6.14.0-1013-nvidia\n", (6, 14), True),
        (b"6.8.0-1013-nvidia-64k\n", (6, 8), True),
        (b"5.15.148-tegra\n", (5, 15), True),
        (b"5.14.21-150500.33.57-azure\n", (5, 14), True),
        (b"4.12.14-16.13-azure\n", (4, 12), True),
        (b"6.8.0-1014-azure\n", (6, 8), False),
        (b"6.5.0-1025-azure-fde\n", (6, 5), False),
        (b"6.8.12-4-pve\n", (6, 8), False),
        (b"6.11.4-301.fc41.x86_64\n", (6, 11), False),
        (b"6.12.0-0.rc3.20241018git.38.fc42.x86_64\n", (6, 12), False),
        (b"6.11.3-arch1-1\n", (6, 11), False),
        (b"5.10.0-0.deb10.16-amd64\n", (5, 10), False),
        (b"6.1.112-122.189.amzn2023.aarch64\n", (6, 1), False),
        (b"6.5.0-10.1-liquorix-amd64\n", (6, 5), False),
        (b"6.6.8-200.s390x\n", (6, 6), False),
    ],
)
def test_a_release_has_a_version_that_may_lie(
    raw: bytes, version: tuple[int, int], *, backports: bool
) -> None:
    release = osrelease.parse(raw)
    assert (release.version, release.backports) == (version, backports)


@pytest.mark.parametrize(
    ("raw", "sublevel"),
    [
        (b"6.12.107+deb13-amd64\n", 107),
        (b"6.6.60\n", 60),
        (b"6.12.0\n", 0),
        (b"6.12.0-rc3\n", 0),
        (b"6.8.12-4-pve\n", 12),
        (b"6.11.4-301.fc41.x86_64\n", 4),
        (b"5.15.153.1-microsoft-standard-WSL2\n", 153),
        (b"6.1.0-50-amd64\n", None),  # Debian 12: 6.1.176
        (b"6.8.0-45-generic\n", None),  # Ubuntu 24.04: 6.8.12
        (b"6.1.0-0.deb11.7-amd64\n", None),
        (b"6.1.0-rpi7-rpi-v8\n", None),  # Raspberry Pi OS 12: 6.1.63
        (b"6.8.0-pve\n", None),
        (b"5.14.0-503.el9.x86_64\n", None),
        (b"6.12\n", None),
    ],
)
def test_a_sublevel_of_0_before_a_number_is_a_distributions(
    raw: bytes, sublevel: int | None
) -> None:
    assert osrelease.parse(raw).sublevel == sublevel


@pytest.mark.parametrize(
    "raw", [b"", b"linux\n", b"6\n", b"6.1/../../etc\n", b"6.1\0\n", b"6.1\n6.2\n", b"\xff6.1\n"]
)
def test_a_release_that_could_lead_elsewhere_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        osrelease.parse(raw)


VERSION = b"Linux version 6.12.107+deb13-amd64 (builder@example.org) (gcc 14.2.0) #1 SMP 2026\n"


def test_where_the_release_is_not_recorded_the_banner_has_it() -> None:
    reading = osrelease.read(Memory({"/proc/version": VERSION}))
    assert isinstance(reading, Fact)
    assert reading.value.text == "6.12.107+deb13-amd64"
    assert reading.source == "/proc/version"
    assert b"builder" not in reading.raw


@pytest.mark.parametrize("raw", [b"", b"Linux version \n", b"FreeBSD 14\n", b"Linux version 6\n"])
def test_a_banner_without_a_release_is_malformed(raw: bytes) -> None:
    reading = osrelease.read(Memory({"/proc/version": raw}))
    assert isinstance(reading, Gap)
    assert reading.why is Why.MALFORMED


def test_a_release_that_is_recorded_goes_before_the_banner() -> None:
    host: dict[str, Entry] = {
        "/proc/version": VERSION,
        "/proc/sys/kernel/osrelease": Refused(errno.EACCES),
    }
    assert isinstance(osrelease.read(Memory(host)), Gap)


PLAIN = (
    b"CONFIG_XFS=y\n# CONFIG_IRQ_REMAP is not set\nCONFIG_VFIO=m\n"
    b"CONFIG_VFIO_CONTAINER=y\nCONFIG_PROC_FS=y\n"
)


def test_options_are_y_m_or_n() -> None:
    found = config.parse(PLAIN)
    assert found["VFIO"] == "m"
    assert found["VFIO_CONTAINER"] == "y"
    assert found["IRQ_REMAP"] == "n"
    assert found["IOMMUFD"] == "n"
    assert "XFS" not in found


@pytest.mark.parametrize(
    "raw", [b"", b"garbage\n", PLAIN.partition(b"CONFIG_PROC_FS")[0], b"CONFIG_XFS=y\n"]
)
def test_a_configuration_that_was_cut_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        config.parse(raw)


PATHS = (
    "/boot/config-6.1",
    "/lib/modules/6.1/config",
    "/usr/lib/modules/6.1/config",
    "/proc/config.gz",
)


@pytest.mark.parametrize("path", PATHS)
def test_the_configuration_is_found_in_any_of_its_places(path: str) -> None:
    content = gzip.compress(PLAIN, mtime=0) if path.endswith(".gz") else PLAIN
    reading = config.read(Memory({path: content}), "6.1")
    assert isinstance(reading, Fact)
    assert reading.source == path
    assert reading.value["VFIO"] == "m"


def test_without_a_release_only_the_kernels_own_copy_is_asked() -> None:
    assert isinstance(config.read(Memory({"/boot/config-6.1": PLAIN}), None), Gap)


ALPINE = "6.6.32-0-lts"


def titled(version: str) -> bytes:
    title = f"# Linux/x86_64 {version} Kernel Configuration"
    return f"#\n# Automatically generated file; DO NOT EDIT.\n{title}\n#\n".encode() + PLAIN


@pytest.mark.parametrize(
    ("release", "path", "version"),
    [
        (ALPINE, "/boot/config-lts", "6.6.32"),
        ("6.12.3-1-virt", "/boot/config-virt", "6.12.3"),
        ("6.6.31-0-rpi", "/boot/config-rpi", "6.6.31"),
        ("6.10.0-rc3-0-edge", "/boot/config-edge", "6.10.0-rc3"),
    ],
)
def test_alpines_configuration_of_a_flavour_is_the_kernels_by_its_title(
    release: str, path: str, version: str
) -> None:
    reading = config.read(Memory({path: titled(version)}), release)
    assert isinstance(reading, Fact)
    assert (reading.source, reading.value["VFIO"]) == (path, "m")


@pytest.mark.parametrize(
    "content", [titled("6.6.33"), titled("6.6.3"), titled("6.6"), titled("6.6.32-0-ltsx"), PLAIN]
)
def test_the_configuration_of_another_kernel_of_the_flavour_is_a_gap(content: bytes) -> None:
    reading = config.read(Memory({"/boot/config-lts": content}), ALPINE)
    assert isinstance(reading, Gap)
    assert (reading.why, reading.source) == (Why.MALFORMED, "/boot/config-lts")
    assert ALPINE in reading.detail


@pytest.mark.parametrize(("installed", "theirs"), [("6.6.32-0-lts", True), ("6.6.32-1-lts", False)])
def test_a_package_that_was_renewed_since_the_boot_has_another_configuration(
    installed: str, theirs: bool
) -> None:
    note = {"/usr/share/kernel/lts/kernel.release": installed.encode() + b"\n"}
    reading = config.read(Memory({"/boot/config-lts": titled("6.6.32"), **note}), ALPINE)
    assert isinstance(reading, Fact) is theirs


def test_the_configuration_of_a_flavour_is_recorded_with_its_title() -> None:
    recording = Recording(Memory({"/boot/config-lts": titled("6.6.32")}))
    assert isinstance(config.read(recording, ALPINE), Fact)
    assert isinstance(config.read(Memory(recording.entries), ALPINE), Fact)


def test_the_kernels_own_copy_comes_before_that_of_the_flavour() -> None:
    files = {"/proc/config.gz": gzip.compress(PLAIN, mtime=0), "/boot/config-lts": titled("6.6.32")}
    assert config.read(Memory(files), ALPINE).source == "/proc/config.gz"


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ({}, Why.ABSENT),
        ({"/boot/config-6.1": Refused(errno.EACCES)}, Why.DENIED),
        ({"/proc/config.gz": b"not gzip"}, Why.MALFORMED),
        ({"/proc/config.gz": gzip.compress(b"\0" * (64 << 20), mtime=0)}, Why.MALFORMED),
        ({"/proc/config.gz": gzip.compress(PLAIN, mtime=0)[:40]}, Why.MALFORMED),
        ({"/boot/config-6.1": b"x" * ((1 << 20) + 1)}, Why.FAILED),
    ],
)
def test_a_configuration_that_cannot_be_read_is_a_gap(entries: dict[str, Entry], why: Why) -> None:
    reading = config.read(Memory(entries), "6.1")
    assert isinstance(reading, Gap)
    assert reading.why is why


def kallsyms(*names: bytes) -> bytes:
    return b"".join(b"0000000000000000 T %s\n" % name for name in names)


GET = b"iommu_group_get"


@pytest.mark.parametrize(
    ("entries", "predicate"),
    [
        ({symbols.KALLSYMS: kallsyms(GET, b"iommu_group_has_isolated_msi")},
         Predicate.ISOLATED_MSI),
        ({symbols.KALLSYMS: kallsyms(GET, b"irq_domain_check_msi_remap")},
         Predicate.CHECK_MSI_REMAP),
        ({symbols.KALLSYMS: kallsyms(GET)}, Predicate.IOMMU_CAPABLE),
        ({symbols.KALLSYMS: kallsyms(b"iommu_group_get_x")}, None),
        ({symbols.KALLSYMS: kallsyms(b"x_iommu_group_has_isolated_msi")}, None),
        ({symbols.KALLSYMS: b""}, None),
        ({symbols.BTF: b"\x9f\xeb\0iommu_group_has_isolated_msi\0x"}, Predicate.ISOLATED_MSI),
        ({symbols.BTF: b"\x9f\xeb\0irq_domain_check_msi_remap\0x"}, Predicate.CHECK_MSI_REMAP),
        # BTF may leave functions out, so that it names none says nothing
        ({symbols.BTF: b"\x9f\xeb\0iommu_group_get\0"}, None),
        ({symbols.BTF: b"\x9f\xeb\0xiommu_group_has_isolated_msi\0"}, None),
        ({symbols.BTF: b"\x9f\xeb\0", symbols.KALLSYMS: kallsyms(GET)}, Predicate.IOMMU_CAPABLE),
        ({symbols.BTF: Refused(errno.EIO),
          symbols.KALLSYMS: kallsyms(GET, b"irq_domain_check_msi_remap")},
         Predicate.CHECK_MSI_REMAP),
        ({}, None),
    ],
)  # fmt: skip
def test_the_predicate_follows_from_the_kernels_symbols(
    entries: dict[str, Entry], predicate: Predicate | None
) -> None:
    reading = symbols.read(Memory(entries))
    assert (reading.value if isinstance(reading, Fact) else None) is predicate


NAMES = b"\0iommu_group_get\0iommu_group_has_isolated_msi\0"


def btf(types: bytes, names: bytes, order: Literal["<", ">"] = "<") -> bytes:
    """struct btf_header, include/uapi/linux/btf.h, and what is behind it."""
    sizes = (0, len(types), len(types), len(names))
    return struct.pack(f"{order}HBBIIIII", 0xEB9F, 1, 0, 24, *sizes) + types + names


@pytest.mark.parametrize("order", ["<", ">"])
def test_btf_is_searched_from_its_names_on(order: Literal["<", ">"], tmp_path: Path) -> None:
    types = b"\0irq_domain_check_msi_remap\0" + bytes(100_000)  # it would be found first
    entries: dict[str, Entry] = {symbols.BTF: btf(types, NAMES, order)}
    for root in (Tree(trees.write(tmp_path, entries)), Memory(entries)):
        reading = symbols.read(root)
        assert isinstance(reading, Fact)
        assert reading.value is Predicate.ISOLATED_MSI


@pytest.mark.parametrize(
    "content", [btf(bytes(100), NAMES)[2:], b"\x9f\xeb\x02" + b"\xff" * 21 + NAMES, NAMES]
)
def test_what_has_no_header_of_btf_is_searched_as_a_whole(content: bytes, tmp_path: Path) -> None:
    host = trees.write(tmp_path, {symbols.BTF: content})
    reading = symbols.read(Tree(host))
    assert isinstance(reading, Fact)
    assert reading.value is Predicate.ISOLATED_MSI


@pytest.mark.parametrize("cut", [3, 20, 24, 60])
def test_a_btf_whose_names_are_not_there_says_nothing(cut: int, tmp_path: Path) -> None:
    host = trees.write(tmp_path, {symbols.BTF: btf(bytes(100), NAMES)[:cut]})
    assert isinstance(symbols.read(Tree(host)), Gap)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"DRIVER=e1000e\nPCI_CLASS=20000\nPCI_ID=8086:10D3\nPCI_SUBSYS_ID=8086:0000\n",
         ("e1000e", 0x020000, "8086:10D3")),
        (b"PCI_CLASS=60400\nPCI_ID=1B36:000C\n", (None, 0x060400, "1B36:000C")),
        (b"DRIVER=arm-pmu\nOF_NAME=pmu\nMODALIAS=of:x\n", ("arm-pmu", None, None)),
        (b"MODALIAS=acpi:X_DRIVER=no:\n", (None, None, None)),
        (b"", (None, None, None)),
        (b"DRIVER=vfio-pci", ("vfio-pci", None, None)),
    ],
)  # fmt: skip
def test_a_uevent_names_driver_class_and_id(raw: bytes, expected: tuple[object, ...]) -> None:
    assert tuple(uevent.parse(raw)) == expected


@pytest.mark.parametrize("raw", [b"garbage\n", b"\0\xff", b"PCI_CLASS=x\n", b"DRIVER=\xff\n"])
def test_what_is_no_uevent_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        uevent.parse(raw)


def config_space(*capabilities: tuple[int, int]) -> bytes:
    """(id, next) from 0x40 on, four bytes each."""
    raw = bytearray(CONFIG_WITH_MSI[:64]) + bytes(192)
    raw[0x34] = 0x40
    for number, (identity, follower) in enumerate(capabilities):
        raw[0x40 + 4 * number : 0x42 + 4 * number] = bytes((identity, follower))
    return bytes(raw)


@pytest.mark.parametrize(
    ("raw", "has"),
    [
        (CONFIG_WITH_MSI, True),
        (CONFIG_WITHOUT_MSI, False),
        (config_space((0x05, 0)), True),
        (config_space((0x11, 0)), True),
        (config_space((0x01, 0x44), (0x10, 0x48), (0x05, 0)), True),
        (config_space((0x01, 0x44), (0x10, 0)), False),
        (b"\xff\xff\xff\xff" + CONFIG_WITH_MSI[4:], True),  # a VF has no vendor of its own
        (CONFIG_WITH_MSI + bytes(3840), True),
    ],
)
def test_the_capability_list_tells_of_msis(raw: bytes, *, has: bool) -> None:
    assert pci_config.parse(raw) is has


@pytest.mark.parametrize(
    "raw", [b"", b"\xff" * 256, CONFIG_WITH_MSI[:128], config_space((0x01, 0x44), (0x10, 0x40))]
)
def test_a_space_that_does_not_answer_or_end_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        pci_config.parse(raw)


@pytest.mark.parametrize(
    ("state", "content", "why"),
    [
        (b"suspended\n", CONFIG_WITH_MSI, Why.DENIED),
        (b"garbage\xff\n", CONFIG_WITH_MSI, Why.DENIED),
        (Refused(errno.EIO), CONFIG_WITH_MSI, Why.FAILED),
        (b"active\n", CONFIG_WITH_MSI[:64], Why.DENIED),
        (b"active\n", Refused(errno.ENODEV), Why.FAILED),
    ],
)
def test_a_space_that_may_not_or_cannot_be_read_is_a_gap(
    state: Entry, content: Entry, why: Why
) -> None:
    device = "/sys/bus/pci/devices/0000:01:00.0"
    root = Memory({f"{device}/power/runtime_status": state, f"{device}/config": content})
    reading = pci_config.msi_capability(root.under("/sys/bus/pci/devices"), "0000:01:00.0")
    assert isinstance(reading, Gap)
    assert reading.why is why


def test_no_driver_has_a_name_that_no_directory_can_have() -> None:
    with pytest.raises(Malformed, match="no driver's name"):
        uevent.parse(b"DRIVER=" + b"x" * 256 + b"\n")
    assert uevent.parse(b"DRIVER=" + b"x" * 255 + b"\n").driver == "x" * 255
