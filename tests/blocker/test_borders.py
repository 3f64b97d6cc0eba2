"""Each blocker's errno and call on both sides of its border, and on a kernel on either side.

A kernel that may be on either side is a vendor's, which has backports. It may leave the errno or
the answer open. It never turns a refusal into a yes.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.blocking import (
    EL8,
    EL9,
    NIC,
    Said,
    config,
    one_group,
    said,
    with_id,
)
from tests.support.functions import Function, home
from tests.support.hosts import arm_host, x86_host
from tests.support.packed_tables import dmar, drhd, rmrr
from vfioguard.root.memory import Entry, Link

PORT = Function("0000:00:1c.0", driver="pcieport", pci_class=0x060400)
SECOND = Function("0000:01:00.1", "IR-PCI-MSIX")
REGIONS = "/sys/kernel/iommu_groups/0/reserved_regions"
MSI = b"0x00000000fee00000 0x00000000feefffff msi\n"
DIRECT = b"0x000000007b800000 0x000000007fffffff direct\n"
RELAXABLE = b"0x000000007b800000 0x000000007fffffff direct-relaxable\n"
PLACE = home(Function(NIC))
VFS = f"{PLACE}/sriov_numvfs"
DENYLIST = "/sys/module/vfio_pci/parameters/disable_denylist"


def bridge(release: str) -> list[Said]:
    return said(one_group(PORT, release=release), "bridge", names=(PORT.name,))


def vfs_enabled(release: str) -> list[Said]:
    return said(one_group(release=release) | {VFS: b"4\n"}, "vfs_enabled")


def denylist(identity: str) -> Callable[[str], list[Said]]:
    def of_release(release: str) -> list[Said]:
        host = with_id(one_group(release=release), NIC, identity)
        return said(host | {DENYLIST: b"N\n"}, "denylist")

    return of_release


def memory(vendor: str, *members: Function | str) -> Callable[[str], list[Said]]:
    def of_release(release: str) -> list[Said]:
        host = one_group(*members, release=release, vendor=vendor) | {REGIONS: DIRECT + MSI}
        return said(host, "firmware_memory")

    return of_release


def memory_by_iommufd(release: str) -> list[Said]:
    host = config(one_group(release=release, iommufd=False), "CONFIG_VFIO_DEVICE_CDEV=y")
    return said(host | {REGIONS: DIRECT + MSI}, "firmware_memory", backend="iommufd")


def companion(driver: str, pci_class: int = 0x020000) -> Callable[[str], list[Said]]:
    def of_release(release: str) -> list[Said]:
        other = Function("0000:01:00.1", "IR-PCI-MSIX", driver, pci_class)
        return said(one_group(NIC, other, release=release), "not_viable")

    return of_release


def coherency(release: str) -> list[Said]:
    """The IOMMU is one whose driver never reports coherency (iommu/riscv.py)."""
    host = arm_host({0: (NIC,)}, release=release)
    old, new = "smmu3.0x0000000009050000", "riscv-iommu@3010000"
    moved = {path.replace(old, new): entry for path, entry in host.items()}
    for path, entry in moved.items():
        if isinstance(entry, Link):
            moved[path] = Link(entry.target.replace(old, new))
    return said(moved, "no_cache_coherency")


def no_cdev(value: str) -> Callable[[str], list[Said]]:
    def of_release(release: str) -> list[Said]:
        host = config(one_group(release=release, iommufd=False), *([value] if value else []))
        return said(host, "no_cdev", backend="iommufd")

    return of_release


def token(backend: str) -> Callable[[str], list[Said]]:
    """NIC is a virtual function of 0000:02:00.0, and both are on vfio-pci."""

    def of_release(release: str) -> list[Said]:
        return said(with_token(release), "vf_token", backend=backend, as_is=True)

    return of_release


def with_token(release: str) -> dict[str, Entry]:
    owner = Function("0000:02:00.0", driver="vfio-pci")
    host = one_group(Function(NIC, driver="vfio-pci"), release=release, iommufd=False)
    host |= {k: v for k, v in _second_group(owner, release).items() if k not in host}
    nodes: dict[str, Entry] = {
        f"{PLACE}/physfn": Link("../../pci0000:02/0000:02:00.0"),
        f"{home(owner)}/sriov_numvfs": b"1\n",
    }
    for number, place in enumerate((PLACE, home(owner))):
        nodes[f"{place}/vfio-dev/vfio{number}/dev"] = b"243:%d\n" % number
    return host | nodes


def _second_group(member: Function, release: str) -> dict[str, Entry]:
    return x86_host({1: (member,)}, release=release, iommufd=False)


def noiommu(backend: str, *lines: str) -> Callable[[str], list[Said]]:
    def of_release(release: str) -> list[Said]:
        return said(without_iommu(release, *lines), "noiommu_group", backend=backend)

    return of_release


def without_iommu(release: str, *lines: str) -> dict[str, Entry]:
    host = config(one_group(release=release, iommufd=False), "CONFIG_VFIO_DEVICE_CDEV=y", *lines)
    home = "/sys/kernel/iommu_groups/0"
    return host | {f"{home}/name": b"vfio-noiommu\n", f"{home}/type": b"unknown\n"}


BIND, OPEN = "bind", "open"
SET_CONTAINER, SET_IOMMU = "VFIO_GROUP_SET_CONTAINER", "VFIO_SET_IOMMU"
GET_DEVICE, BIND_IOMMUFD = "VFIO_GROUP_GET_DEVICE_FD", "VFIO_DEVICE_BIND_IOMMUFD"
QAT, SPR = denylist("8086:37C8"), denylist("8086:0B25")
USB = Function(NIC, "IR-PCI-MSIX", "xhci_hcd", 0x0C0330)
USB_BESIDE = USB._replace(name="0000:01:00.1")
NO_CDEV = "# CONFIG_VFIO_DEVICE_CDEV is not set"
BUILT, UNBUILT = "CONFIG_IOMMUFD_NOIOMMU=y", "# CONFIG_IOMMUFD_NOIOMMU is not set"

#: (border, blocker, host of a release, release, what is said, or None for nothing).
TABLE = [
    ("BIND_ERRNO", bridge, "5.13.0", ("ENODEV", BIND, True)),
    ("BIND_ERRNO", bridge, "5.14.0", ("EINVAL", BIND, True)),
    ("BIND_ERRNO", bridge, EL8, (None, BIND, True)),
    ("BIND_ERRNO", vfs_enabled, "5.13.0", ("ENODEV", BIND, True)),
    ("BIND_ERRNO", vfs_enabled, "5.14.0", ("EBUSY", BIND, True)),
    ("BIND_ERRNO", vfs_enabled, EL8, (None, BIND, True)),
    ("DMA_OWNERSHIP", companion("e1000e"), "5.18.0", ("EINVAL", GET_DEVICE, True)),
    ("DMA_OWNERSHIP", companion("e1000e"), "5.19.0", ("EPERM", SET_CONTAINER, True)),
    ("DMA_OWNERSHIP", companion("e1000e"), EL9, (None, SET_CONTAINER, True)),
    ("DMA_OWNERSHIP", companion("shpchp", 0x060400), "5.18.0", None),
    ("DMA_OWNERSHIP", companion("shpchp", 0x060400), "5.19.0", ("EPERM", SET_CONTAINER, True)),
    ("DMA_OWNERSHIP", companion("shpchp", 0x060400), EL9, (None, SET_CONTAINER, None)),
    ("DMA_OWNERSHIP", companion("pcieport", 0x060400), "5.18.0", None),
    ("DMA_OWNERSHIP", companion("pcieport", 0x060400), "5.19.0", None),
    ("DMA_OWNERSHIP", companion("pcieport", 0x060400), EL9, None),
    ("DMA_OWNERSHIP", companion("pci-stub"), "6.12.0", None),
    ("DMA_OWNERSHIP", companion("mlx5_vfio_pci"), "6.12.0", None),
    ("DMA_OWNERSHIP", memory("intel"), "5.18.0", ("EPERM", SET_IOMMU, True)),
    ("DMA_OWNERSHIP", memory("intel"), "5.19.0", ("EPERM", SET_CONTAINER, True)),
    ("REQUIRE_DIRECT", memory("intel"), "6.5.0", ("EPERM", SET_CONTAINER, True)),
    ("REQUIRE_DIRECT", memory("intel"), "6.6.0", ("EINVAL", SET_CONTAINER, True)),
    ("REQUIRE_DIRECT", memory("intel"), EL9, (None, SET_CONTAINER, True)),
    ("REQUIRE_DIRECT", memory("amd"), "6.5.0", None),
    ("REQUIRE_DIRECT", memory("amd"), "6.6.0", ("EINVAL", SET_CONTAINER, True)),
    ("REQUIRE_DIRECT", memory("amd"), EL9, (None, SET_CONTAINER, None)),
    ("REQUIRE_DIRECT", memory_by_iommufd, "6.6.0", ("EINVAL", BIND_IOMMUFD, True)),
    ("RELAXABLE_LISTED", memory("intel", USB), "5.2.0", None),
    ("RELAXABLE_LISTED", memory("intel", NIC, USB_BESIDE), "5.2.0", ("EPERM", SET_IOMMU, None)),
    ("RELAXABLE_LISTED", memory("intel", NIC, USB_BESIDE), "5.3.0", ("EPERM", SET_IOMMU, True)),
    ("RELAXABLE_LISTED", memory("intel", USB), EL8, (None, SET_CONTAINER, None)),
    ("RELAXABLE_LISTED", memory("intel", USB), "5.3.0", ("EPERM", SET_IOMMU, True)),
    ("RELAXABLE_LISTED", memory("intel"), "5.2.0", ("EPERM", SET_IOMMU, True)),
    ("COHERENCY_ASKED", coherency, "5.18.0", None),
    ("COHERENCY_ASKED", coherency, "6.1.0", ("EINVAL", BIND, True)),
    ("COHERENCY_ASKED", coherency, "5.14.0-427.el9.aarch64", ("EINVAL", BIND, None)),
    ("DEVICE_CDEV", no_cdev(""), "6.5.0", ("ENOENT", OPEN, True)),
    ("DEVICE_CDEV", no_cdev(NO_CDEV), "6.6.0", ("ENOENT", OPEN, True)),
    ("DEVICE_CDEV", no_cdev("CONFIG_VFIO_DEVICE_CDEV=y"), "6.6.0", None),
    ("DEVICE_CDEV", no_cdev("CONFIG_IOMMUFD_VFIO_CONTAINER=y"), "6.5.0", None),
    ("CDEV_TOKEN", token("type1"), "6.12.0", ("EACCES", GET_DEVICE, True)),
    ("CDEV_TOKEN", token("iommufd"), "6.12.0", None),
    ("CDEV_TOKEN", token("iommufd"), "6.13.0", ("EACCES", BIND_IOMMUFD, None)),
    ("CDEV_TOKEN", token("iommufd"), "7.2.0", ("EACCES", BIND_IOMMUFD, True)),
    ("IOMMUFD_NOIOMMU", noiommu("type1"), "7.3.4", ("ENODEV", SET_IOMMU, True)),
    ("IOMMUFD_NOIOMMU", noiommu("iommufd", BUILT), "7.2.13", ("EINVAL", BIND_IOMMUFD, True)),
    ("IOMMUFD_NOIOMMU", noiommu("iommufd", UNBUILT), "7.3.4", ("EINVAL", BIND_IOMMUFD, True)),
    ("IOMMUFD_NOIOMMU", noiommu("iommufd", BUILT), "7.3.4", None),
    ("DENYLIST", QAT, "5.8.0", ("ENODEV", BIND, None)),
    ("DENYLIST", QAT, "5.9.0", ("ENODEV", BIND, True)),
    ("DENYLIST", QAT, EL8, (None, BIND, None)),
    ("DENYLIST_SPR", SPR, "5.10.262", None),
    ("DENYLIST_SPR", SPR, "6.1.192", ("EINVAL", BIND, True)),
    ("DENYLIST_SPR", SPR, "6.6.30", ("EINVAL", BIND, None)),
    ("DENYLIST_SPR", SPR, "6.12.0", ("EINVAL", BIND, True)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("border", "of_release", "release", "expected"),
    TABLE,
    ids=[f"{border}-{number}-{release}" for number, (border, _, release, _) in enumerate(TABLE)],
)
def test_a_blocker_on_one_side_of_its_border(
    border: str,
    of_release: Callable[[str], list[Said]],
    release: str,
    expected: tuple[str | None, str, bool | None] | None,
) -> None:
    assert of_release(release) == ([] if expected is None else [Said(*expected)])


WORD = b"intel_iommu=on,relax_rmrr"


@pytest.mark.parametrize("release", ["6.8.12-8-pve", "6.12.0-amd64"])
def test_the_kernels_list_tells_whether_relax_rmrr_gave_the_memory_up(release: str) -> None:
    host = one_group(release=release, cmdline=WORD)
    assert said(host | {REGIONS: RELAXABLE + MSI}, "firmware_memory") == []
    (kept,) = said(host | {REGIONS: DIRECT + MSI}, "firmware_memory")
    assert kept.blocks is True


@pytest.mark.parametrize(("words", "blocks"), [(b"intel_iommu=on", True), (WORD, None)])
def test_tables_do_not_tell_whether_relax_rmrr_gave_the_memory_up(
    words: bytes, blocks: bool | None
) -> None:
    host = one_group(release="6.8.12-8-pve", cmdline=words)
    host = {path: entry for path, entry in host.items() if path != REGIONS}
    table = dmar(drhd(0xFED90000, flags=1), rmrr(0x1000, 0x1FFF, (1, 0, 1, ((0, 0),))))
    (kept,) = said(host | {"/sys/firmware/acpi/tables/DMAR": table}, "firmware_memory")
    assert kept.blocks is blocks
