"""Memory that firmware keeps for devices: which devices of this host have it, and what is lost."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any

import pytest

from tests.support import arm_firmware as arm
from tests.support.faults import Watching
from tests.support.functions import Function
from tests.support.hosts import x86_host
from tests.support.packed_tables import Scope, dmar, drhd, hid, ivhd, ivmd, ivrs, rmrr, special
from vfioguard.inference.memory import reserved
from vfioguard.inference.memory.region import ReservedRegion as Kept
from vfioguard.inference.memory.region import by_device
from vfioguard.reading.take import take
from vfioguard.root.memory import Entry, Memory, Refused

TABLES = "/sys/firmware/acpi/tables"
USB, NIC, VGA, BRIDGE = 0x0C0330, 0x020000, 0x030000, 0x060400
START, END = 0x8C800000, 0x8CFFFFFF
DIRECT = b"0x000000008c800000 0x000000008cffffff direct\n"
RELAXABLE = b"0x000000008c800000 0x000000008cffffff direct-relaxable\n"
PORT = "0000:00:1c.0"
DEEP = Function("0000:01:00.0", "PCI-MSIX", below=(PORT,))


def endpoint(*path: tuple[int, int], bus: int = 0) -> Scope:
    return 1, 0, bus, path


def intel(
    *structures: bytes, groups: dict[int, Sequence[Function | str]], regions: dict[int, bytes]
) -> dict[str, Entry]:
    host = x86_host(groups)
    host[f"{TABLES}/DMAR"] = dmar(drhd(0xFED90000, flags=1), *structures)
    for number, text in regions.items():
        host[f"/sys/kernel/iommu_groups/{number}/reserved_regions"] = text
    return host


def found(host: dict[str, Entry]) -> tuple[Kept, ...]:
    return reserved.of_host(take(Memory(host))).memory


def only(host: dict[str, Entry]) -> Kept:
    (memory,) = found(host)
    return memory


def holders(memory: Kept) -> dict[str, tuple[Any, ...]]:
    return {one.device: one[1:] for one in memory.holders}


def missing(memory: Kept) -> list[str]:
    return [gap.detail for gap in memory.gaps]


@pytest.mark.parametrize(
    ("pci_class", "relaxable"), [(USB, True), (VGA, True), (NIC, False), (0x0C0500, False)]
)
def test_an_rmrr_has_its_device_and_usb_and_graphics_give_it_up(
    pci_class: int, relaxable: bool
) -> None:
    one = Function("0000:00:14.0", "PCI-MSIX", pci_class=pci_class)
    host = intel(
        rmrr(START, END, endpoint((0x14, 0))), groups={3: [one]},
        regions={3: RELAXABLE if relaxable else DIRECT},
    )  # fmt: skip
    memory = only(host)
    assert (memory.kind, memory.start, memory.end) == ("RMRR", START, END)
    assert memory.source == f"{TABLES}/DMAR"
    assert holders(memory) == {"0000:00:14.0": (3, relaxable, True)}
    assert memory.gaps == ()


def test_a_device_behind_bridges_is_found_by_its_way_from_the_root_bus() -> None:
    host = intel(
        rmrr(START, END, endpoint((0x1C, 0), (0, 0))),
        groups={0: [PORT], 1: [DEEP], 2: ["0000:02:00.0"]},
        regions={1: DIRECT},
    )
    assert holders(only(host)) == {DEEP.name: (1, False, True)}


def test_a_bridge_of_an_rmrr_stands_for_the_devices_behind_it() -> None:
    port = Function(PORT, "PCI-MSI", pci_class=BRIDGE)
    host = intel(
        rmrr(START, END, (2, 0, 0, ((0x1C, 0),))), groups={1: [port, DEEP]}, regions={1: DIRECT}
    )
    assert list(holders(only(host))) == [PORT, DEEP.name]


def test_what_the_group_does_not_show_is_said() -> None:
    host = intel(rmrr(START, END, endpoint((0x14, 0))), groups={3: ["0000:00:14.0"]}, regions={})
    assert holders(only(host)) == {"0000:00:14.0": (3, False, False)}


def test_regions_that_touch_are_one_in_sysfs_and_show_both() -> None:
    host = intel(
        rmrr(START, 0x8CBFFFFF, endpoint((0x14, 0))),
        rmrr(0x8CC00000, END, endpoint((0x14, 0))),
        groups={3: ["0000:00:14.0"]},
        regions={3: DIRECT},
    )
    assert [holders(one)["0000:00:14.0"][2] for one in found(host)] == [True, True]


def test_without_groups_the_table_tells_alone() -> None:
    host = x86_host({})
    deep = {path: entry for path, entry in x86_host({1: [DEEP]}).items() if "/devices/" in path}
    host |= {path: entry for path, entry in deep.items() if "iommu" not in path}
    host[f"{TABLES}/DMAR"] = dmar(rmrr(START, END, endpoint((0x1C, 0), (0, 0))))
    assert holders(only(host)) == {DEEP.name: (None, False, None)}


def test_a_kernel_without_reserved_regions_shows_nothing() -> None:
    host = intel(rmrr(START, END, endpoint((0x1C, 0), (0, 0))), groups={1: [DEEP]}, regions={})
    del host["/sys/kernel/iommu_groups/1/reserved_regions"]
    assert holders(only(host)) == {DEEP.name: (1, False, None)}


def test_a_device_that_is_not_here_is_a_gap_and_not_dropped() -> None:
    host = intel(
        rmrr(START, END, endpoint((0x1D, 0)), endpoint((0x14, 0))),
        groups={3: ["0000:00:14.0"]},
        regions={3: DIRECT},
    )
    memory = only(host)
    assert list(holders(memory)) == ["0000:00:14.0"]
    assert missing(memory) == ["0000:00:1d.0: no such device here"]
    assert memory.gaps[0].source == f"{TABLES}/DMAR"


def test_functions_whose_group_shows_no_memory_cost_no_further_call() -> None:
    groups = {number: [f"0000:{number + 1:02x}:00.0"] for number in range(8)}
    host = intel(rmrr(START, END, endpoint((0x14, 0))), groups=groups, regions={3: DIRECT})
    watched = Watching(Memory(host))
    take(watched)
    links = [path for path in watched.asked("readlink") if path.startswith("/sys/bus/pci/devices/")]
    assert [path for path in links if not path.endswith("/iommu_group")] == [
        "/sys/bus/pci/devices/0000:04:00.0"
    ]


def amd(*blocks: bytes, groups: dict[int, Sequence[Function | str]]) -> dict[str, Entry]:
    host = x86_host(groups, vendor="amd")
    host[f"{TABLES}/IVRS"] = ivrs(ivhd(special(33, 0xA0), kind=0x11), *blocks)
    return host


SOME: dict[int, Sequence[Function | str]] = {
    0: ["0000:00:01.0"], 1: ["0000:00:11.0"], 2: ["0000:02:00.0"], 3: ["0001:00:11.0"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("block", "names"),
    [
        (ivmd(0x88, 0x1000, 0x2000), ["0000:00:11.0"]),
        (ivmd(0x88, 0x1000, 0x2000, flags=1), ["0000:00:11.0"]),
        (ivmd(0x88, 0x1000, 0x2000, segment=1), ["0001:00:11.0"]),
        (ivmd(0, 0x1000, 0x2000, kind=0x20), ["0000:00:01.0", "0000:00:11.0", "0000:02:00.0"]),
        (ivmd(0x10, 0x1000, 0x2000, kind=0x22, last=0x200), ["0000:00:11.0", "0000:02:00.0"]),
        (ivmd(0x10, 0x1000, 0x2000, kind=0x22, last=0x1FF), ["0000:00:11.0"]),
        (ivmd(0x90, 0x1000, 0x2000), []),
        (ivmd(0x88, 0x1000, 0x2000, flags=6), []),
        (ivmd(0x200, 0x1000, 0x2000, kind=0x22, last=0x10), []),
    ],
    ids=["one", "unity", "segment", "all", "range", "range end", "nobody", "ignored", "backwards"],
)
def test_an_ivmd_is_for_one_device_a_range_or_all_of_a_segment(
    block: bytes, names: list[str]
) -> None:
    memory = only(amd(block, groups=SOME))
    assert list(holders(memory)) == names
    assert bool(memory.gaps) is not bool(names)
    assert (memory.kind, memory.start, memory.end) == ("IVMD", 0x1000, 0x2FFF)


def test_an_ivmd_is_mapped_in_whole_pages() -> None:
    memory = only(amd(ivmd(0x88, 0x1001, 1), groups=SOME))
    assert (memory.start, memory.end) == (0x2000, 0x2FFF)


@pytest.mark.parametrize(
    ("names", "taken", "said"),
    [
        (["AMDI0020:00"], ["AMDI0020:00"], []),
        (["AMDI0020:00", "AMDI0020:01"], [], ["AMDI0020: 2 such devices here"]),
        ([], [], ["AMDI0020: no such devices here"]),
    ],
)
def test_a_device_that_only_acpi_names_is_taken_where_there_is_one_of_its_kind(
    names: list[str], taken: list[str], said: list[str]
) -> None:
    host = x86_host({number: [name] for number, name in enumerate(names)}, vendor="amd")
    block = ivhd(hid(b"AMDI0020", 0xA5), kind=0x40)
    host[f"{TABLES}/IVRS"] = ivrs(block, ivmd(0xA5, 0x1000, 0x1000))
    memory = only(host)
    assert (list(holders(memory)), missing(memory)) == (taken, said)


FUNCTIONS = ("0000:00:02.0", "0000:00:03.0", "0000:00:04.0/0000:01:00.0")


def arm_host(*nodes: Any, revision: int = 5) -> dict[str, Entry]:
    tables = {"APIC": arm.madt(), "IORT": arm.iort(*nodes, edition=revision)}
    return arm.acpi_host(tables, FUNCTIONS)


def arm_nodes(
    first: int, count: int = 0, *, relaxable: bool = False, extra: Sequence[Any] = ()
) -> list[Any]:
    """A root complex behind an SMMU that adds 0x1000, and memory for `count` + 1 streams."""
    kept = arm.rmr((0x80010000, 0x10000), mappings=arm.mapping(0, 0, 0, 0))
    shape = [arm.smmu_v3(), arm.root_complex(0, arm.mapping(0, 0, 0, 0)), kept, *extra]
    smmu = arm.offsets(shape)[0]
    to_smmu = arm.mapping(0, 0xFFFF, 0x1000, smmu)
    memory = arm.mapping(0, count, first, smmu, single=not count)
    return [
        arm.smmu_v3(),
        arm.root_complex(0, to_smmu),
        arm.rmr((0x80010000, 0x10000), mappings=memory, relaxable=relaxable),
        *((*part[:3], arm.mapping(0, 0, first, smmu, single=True)) for part in extra),
    ]


@pytest.mark.parametrize(
    ("first", "count", "names"),
    [
        (0x1010, 0, ["0000:00:02.0"]),
        (0x1010, 8, ["0000:00:02.0", "0000:00:03.0"]),
        (0x1100, 0, ["0000:01:00.0"]),
        (0x10, 0, []),
    ],
)
def test_an_rmr_has_the_devices_that_send_as_its_streams(
    first: int, count: int, names: list[str]
) -> None:
    memory = only(arm_host(*arm_nodes(first, count)))
    assert list(holders(memory)) == names
    assert bool(memory.gaps) is not bool(names)
    assert (memory.kind, memory.start, memory.end) == ("RMR", 0x80010000, 0x8001FFFF)


def test_an_rmr_that_may_be_remapped_is_relaxable() -> None:
    memory = only(arm_host(*arm_nodes(0x1010, relaxable=True)))
    assert memory.holders[0].relaxable is True


def test_a_component_is_named_as_the_table_names_it() -> None:
    extra = [arm.component(arm.mapping(0, 0, 0, 0))]
    memory = only(arm_host(*arm_nodes(0x55, extra=extra)))
    assert missing(memory) == ["\\_SB.X: which device that is here is not known"]


def test_linux_reads_no_rmr_of_an_older_iort() -> None:
    memory = only(arm_host(*arm_nodes(0x1010), revision=3))
    assert (memory.holders, len(memory.gaps)) == ((), 1)
    assert "revision 3" in memory.gaps[0].detail


def test_a_table_that_may_not_be_read_is_a_gap_and_an_absent_one_is_none() -> None:
    host = x86_host() | {f"{TABLES}/DMAR": Refused(errno.EACCES), f"{TABLES}/FACP": b"FACP"}
    memory, gaps = reserved.of_host(take(Memory(host)))
    assert memory == ()
    assert [(gap.source, gap.why) for gap in gaps] == [(f"{TABLES}/DMAR", "denied")]


def test_each_device_has_all_of_its_memory() -> None:
    host = intel(
        rmrr(START, END, endpoint((0x14, 0))),
        rmrr(0x1000, 0x1FFF, endpoint((0x14, 0)), endpoint((2, 0))),
        groups={3: ["0000:00:14.0"], 4: ["0000:00:02.0"]},
        regions={3: DIRECT},
    )
    kept = by_device(found(host))
    assert {name: [one.start for one in memory] for name, memory in kept.items()} == {
        "0000:00:14.0": [START, 0x1000], "0000:00:02.0": [0x1000],
    }  # fmt: skip


def test_a_table_that_names_everybody_again_and_again_is_given_up() -> None:
    groups = {number: [f"0000:{number:02x}:00.0"] for number in range(64)}
    blocks = [ivmd(0, 0x1000 * number, 0x1000, kind=0x20) for number in range(3000)]
    memory, gaps = reserved.of_host(take(Memory(amd(*blocks, groups=groups))))
    assert sum(1 + len(one.holders) for one in memory) <= 65536
    assert len(gaps) == 1
    assert "not resolved" in gaps[0].detail
