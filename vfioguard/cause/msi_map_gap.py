"""Firmware ties the ids of other functions to the ITS, and not the id of this one.

Change on Arm and others: add the id to the msi-map; else ask the maker of the firmware.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import arm_msi, arm_proof, maps
from vfioguard.inference.host import Host
from vfioguard.kernel.firmware.acpi_tables import devicetree_boot
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport, Step

_RULE = (
    "drivers/of/base.c of_map_id(), drivers/acpi/arm64/iort.c iort_node_map_id(); each member "
    "counts since v6.3"
)


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    device = arm_msi.with_reason(host, group, members, arm_msi.Reason.GAP)
    if device is None:
        return None
    rid = maps.requester(host, device.name)
    tree = devicetree_boot(host.snapshot.acpi)
    step = (
        Step(
            f"Add {rid} to the bridge's msi-map in the device tree.",
            maps.msi_map(host, device.name),
        )
        if tree
        else Step(f"Ask the maker of the firmware: its IORT maps {rid} to no ITS.")
    )
    where = "the msi-map" if tree else "the IORT"
    return Caused(
        sentence=f"{device.name} has no MSI domain: {where} leaves {rid} out.",
        rule=_RULE,
        because=arm_proof.shown(host, device),
        change=(step,),
        helps=tree,
    )


CAUSE = Cause("msi_map_gap", _applies)
