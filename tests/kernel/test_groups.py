"""Groups, their members, the devices, and the IOMMUs that manage them."""

from __future__ import annotations

import errno

import pytest

from vfioguard.fact import Fact, Gap, Malformed, Why
from vfioguard.kernel import devices, iommu_class, iommu_groups
from vfioguard.kernel.identity import hypervisor
from vfioguard.kernel.iommu_groups import GroupReader, Member, Region
from vfioguard.root.memory import Entry, Link, Memory, Refused

GROUPS = "/sys/kernel/iommu_groups"
MSI = Region(0xFEE00000, 0xFEEFFFFF, "msi")

ISA_AND_MSI = b"""\
0x0000000000000000 0x0000000000ffffff direct-relaxable
0x00000000fee00000 0x00000000feefffff msi
"""


@pytest.mark.parametrize(
    ("raw", "regions"),
    [
        (b"", ()),
        (b"0x00000000fee00000 0x00000000feefffff msi\n", (MSI,)),
        (ISA_AND_MSI, (Region(0, 0xFFFFFF, "direct-relaxable"), MSI)),
        (b"0x000000fd00000000 0xffffffffffffffff reserved\n",
         (Region(0xFD00000000, 2**64 - 1, "reserved"),)),
    ],
)  # fmt: skip
def test_reserved_regions_have_inclusive_ends(raw: bytes, regions: tuple[Region, ...]) -> None:
    assert iommu_groups.parse_regions(raw) == regions


@pytest.mark.parametrize(
    "raw",
    [
        b"garbage",
        b"garbage\n",
        b"\n",
        b"0x00000000fee00000 0x00000000feefffff msi",
        b"x0x00000000fee00000 0x00000000feefffff msi\n",
        b"0x00000000fee00000 0x00000000feefffff msi\ngarbage",
        b"0xfee00000 0xfeefffff msi\n",
    ],
)
def test_what_are_no_regions_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        iommu_groups.parse_regions(raw)


def group(**files: Entry) -> iommu_groups.Group:
    host = {f"{GROUPS}/0/{name}": entry for name, entry in files.items()}
    return GroupReader(Memory(host).under(GROUPS)).group(0)


@pytest.mark.parametrize("kind", ["DMA", "DMA-FQ", "identity", "blocked", "unmanaged", "unknown"])
@pytest.mark.parametrize("end", [b"\n", b""])  # v4.19 printed none
def test_the_type_of_a_group_is_a_word(kind: str, end: bytes) -> None:
    reading = group(type=kind.encode() + end).type
    assert isinstance(reading, Fact)
    assert reading.value == kind


@pytest.mark.parametrize(
    ("files", "noiommu"),
    [
        ({"name": b"vfio-noiommu\n"}, True),
        ({"name": b"vfio-noiommu\n", "type": b"unknown\n"}, True),
        ({"name": b"other\n"}, False),
        ({"type": b"DMA\n"}, False),
        ({"name": Refused(errno.EIO)}, False),
    ],
)
def test_vfios_own_group_is_known_by_its_name(files: dict[str, Entry], *, noiommu: bool) -> None:
    assert group(**files).noiommu is noiommu


def test_the_name_is_not_read_where_an_iommu_translates() -> None:
    assert group(type=b"DMA\n", name=b"vfio-noiommu\n").name is None


def test_numbers_are_sorted_as_numbers() -> None:
    reading = iommu_groups.numbers(Memory({f"{GROUPS}/{n}": None for n in (10, 9, 0)}))
    assert isinstance(reading, Fact)
    assert reading.value == (0, 9, 10)


def test_a_host_with_an_empty_list_has_no_groups_and_one_without_a_list_has_a_gap() -> None:
    empty = iommu_groups.numbers(Memory({GROUPS: None}))
    assert isinstance(empty, Fact)
    assert empty.value == ()
    assert isinstance(iommu_groups.numbers(Memory({})), Gap)


def test_a_renamed_member_is_known_by_where_its_link_leads() -> None:
    host: dict[str, Entry] = {
        f"{GROUPS}/0/devices/x": Link("../../../../devices/a/x"),
        f"{GROUPS}/0/devices/x.0": Link("../../../../devices/b/x"),
    }
    reading = GroupReader(Memory(host).under(GROUPS)).members(0)
    assert isinstance(reading, Fact)
    assert reading.value == (Member("x", "x"), Member("x.0", "x"))


@pytest.mark.parametrize(
    ("target", "number"),
    [("../../../kernel/iommu_groups/12", 12), ("12", 12), ("../x", None), ("", None), ("-1", None)],
)
def test_a_device_is_in_the_group_that_it_links_to(target: str, number: int | None) -> None:
    bus = Memory({"/d/x/iommu_group": Link(target)}).under("/d")
    found = devices.group(bus, "x")
    assert (found if isinstance(found, int) else None) == number


def test_a_device_without_a_group_says_so() -> None:
    found = devices.group(Memory({"/d/x": None}).under("/d"), "x")
    assert isinstance(found, Gap)
    assert found.why is Why.ABSENT


@pytest.mark.parametrize(
    ("name", "pci"),
    [
        ("0000:00:1f.7", True),
        ("10000:e1:00.0", True),
        ("PNP0103:00", False),
        ("0000:00:1f.8", False),
        ("0000:00:1F.0", False),
        ("virtio0", False),
    ],
)
def test_a_pci_function_is_known_by_its_name(name: str, *, pci: bool) -> None:
    assert devices.is_pci(name) is pci


@pytest.mark.parametrize(
    ("names", "numbers"), [([], ()), (["30", "4"], (4, 30)), (["x"], None), (["4", "\udcff"], None)]
)
def test_the_interrupts_of_a_device_are_numbers(
    names: list[str], numbers: tuple[int, ...] | None
) -> None:
    host: dict[str, Entry] = {"/d/x/msi_irqs": None}
    host |= {f"/d/x/msi_irqs/{name}": b"msi\n" for name in names}
    root = Memory(host)
    device = devices.read_pci(root.under("/d"), root.under("/sys/kernel/irq"), "x")
    irqs = device.msi_irqs
    assert (irqs.value if isinstance(irqs, Fact) else None) == numbers


@pytest.mark.parametrize("name", ["dmar0", "ivhd3", "smmu3.0x0000000009050000", "0000:00:02.0"])
def test_an_iommu_is_listed_with_what_it_manages(name: str) -> None:
    path = f"/sys/class/iommu/{name}"
    root = Memory({f"{path}/devices/0000:01:00.0": Link("x"), f"{path}/devices/PNP0103:00": b""})
    reading = iommu_class.read(root)
    assert isinstance(reading, Fact)
    (unit,) = reading.value
    assert unit.driver is not None
    assert isinstance(unit.devices, Fact)
    assert unit.devices.value == ("0000:01:00.0", "PNP0103:00")


def test_an_iommu_of_an_unknown_driver_is_listed_all_the_same() -> None:
    reading = iommu_class.read(Memory({"/sys/class/iommu/10200000.sysmmu/devices": None}))
    assert isinstance(reading, Fact)
    assert reading.value[0].driver is None


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ({}, ""),
        ({"/sys/hypervisor/type": b"xen\n"}, "xen"),
        ({"/sys/bus/vmbus/devices/x": b""}, "hyperv"),
        ({"/sys/bus/vmbus/devices": None}, ""),
        ({"/sys/hypervisor/type": Refused(errno.EIO)}, None),
        ({"/sys/bus/vmbus/devices": Refused(errno.EACCES)}, None),
    ],
)
def test_hypervisors_with_msi_domains_of_their_own(
    host: dict[str, Entry], kind: str | None
) -> None:
    reading = hypervisor.read(Memory(host))
    assert (reading.value if isinstance(reading, Fact) else None) == kind
