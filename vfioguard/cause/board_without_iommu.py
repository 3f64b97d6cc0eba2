"""The device tree puts no IOMMU in front of PCIe.

The board may have one for other devices. The IOMMUs of a Raspberry Pi 5 (raspberrypi/linux
drivers/iommu/bcm2712-iommu.c) serve its display and its codec.

Change for a missing group: nothing on most boards; QEMU: `iommu=smmuv3`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import guests, no_group
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.kernel.firmware.acpi_tables import devicetree_boot
from vfioguard.kernel.firmware.devicetree import PATH, Node
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer, ask, every
from vfioguard.report import GroupReport, Step

_RULE = "drivers/iommu/of_iommu.c of_iommu_configure() wants iommu-map at the bridge; all kernels"


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    if host.is_x86:
        return None
    device = no_group.function(group, members)
    if device is not None and device.bus != "pci":
        return None
    told = device is not None or no_group.none_in_use(host, group, members)
    return host.once(_caused) if told else None


def _caused(host: Host) -> Caused | None:
    wiring = host.snapshot.wiring
    nodes = wiring.nodes if wiring is not None else None
    if not isinstance(nodes, Fact) or not devicetree_boot(host.snapshot.acpi):
        return None
    if no_group.other_guest(host):
        return None
    bridges = [node for node in nodes.value.values() if node.host_bridge]
    if not bridges or any(node.iommu_map is not None for node in bridges):
        return None
    dead = next(_disabled(nodes.value.values()), None)
    mapless: list[Answer] = [
        ask(f"{node.path} has an iommu-map", node.compatible, lambda _: False) for node in bridges
    ]
    steps = guests.with_smmu(host)
    if not steps and dead is not None:
        steps = (
            Step(
                "If the board wires it to PCIe, enable it in the device tree, with an iommu-map.",
                f"{PATH}{dead.path}",
            ),
        )
    board = "of this virtual machine" if guests.is_qemu(host) else "of this board"
    useless = "" if steps else " No setting helps."
    return Caused(
        sentence=f"No IOMMU stands before PCIe: the device tree {board} has no iommu-map.{useless}",
        rule=_RULE,
        because=every("the device tree puts an IOMMU in front of PCIe", mapless),
        change=steps,
        helps=bool(steps),
    )


def _disabled(nodes: Iterable[Node]) -> Iterator[Node]:
    """IOMMUs that the tree has and disables."""
    for node in nodes:
        if node.iommu and node.enabled is False:
            yield node


CAUSE = Cause("board_without_iommu", _applies)
