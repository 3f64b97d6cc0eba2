"""Integrated graphics that Linux itself takes out of translation, as they fail behind an IOMMU.

drivers/iommu/intel/iommu.c quirk_iommu_igfx() and quirk_calpella_no_shadow_gtt() turn the IOMMU off
for graphics. Then init_no_remapping_devices() leaves out the unit that serves them alone. The lists
are those of torvalds/linux at 00939bebe51c: GM45 and G45 by their host bridge, Broadwell by its
graphics (since v5.4, "Declare Broadwell igfx dmar support snafu").

8086:0044 went from the list of the second function to that of the first one in 2025, so the log
alone tells of QM57. The log also tells of what a distribution adds: Ubuntu's kernels leave out the
graphics of Skylake (proxmox/pve-kernel debian/changelog 6.11.0-2 reverts that).
"""

from __future__ import annotations

from vfioguard.fact import Fact
from vfioguard.inference import kernel_log
from vfioguard.inference.host import Host
from vfioguard.kernel.devices import Device
from vfioguard.kernel.members import every_device
from vfioguard.kernel.uevent import Uevent
from vfioguard.logic import Answer, ask

_BRIDGE = "0000:00:00.0"
_BRIDGES = frozenset({"2A40", "2E00", "2E10", "2E20", "2E30", "2E40", "2E90"})
_GRAPHICS = frozenset({
    "1602", "1606", "160A", "160B", "160D", "160E", "1612", "1616", "161A", "161B", "161D", "161E",
    "1622", "1626", "162A", "162B", "162D", "162E", "1632", "1636", "163A", "163B", "163D", "163E",
})  # fmt: skip
_INTEL = "8086:"
#: "Disabling IOMMU for graphics on this chipset", "...; disabling IOMMU for graphics".
_LOGGED = "DMAR: ", "isabling IOMMU for graphics"


def left_out(host: Host, device: Device) -> Answer | None:
    """The proof that Linux leaves the integrated graphics out. Returns None if nothing shows it."""
    claim = f"Linux translates the graphics {device.name} of this chipset"
    snapshot = host.snapshot
    if _has(device, _GRAPHICS):
        return ask(claim, device.uevent, lambda _: False)
    every = every_device(snapshot.groups, snapshot.devices)
    bridge = next((each for each in every if each.name == _BRIDGE), None)
    if bridge is not None and _has(bridge, _BRIDGES):
        return ask(claim, bridge.uevent, lambda _: False)
    lines = kernel_log.lines(snapshot, *_LOGGED)
    return None if lines is None else ask(claim, lines, lambda _: False)


def _has(device: Device, ids: frozenset[str]) -> bool:
    event = device.uevent
    return isinstance(event, Fact) and _is_one(event.value, ids)


def _is_one(event: Uevent, ids: frozenset[str]) -> bool:
    identity = (event.pci_id or "").upper()
    return identity.startswith(_INTEL) and identity.removeprefix(_INTEL) in ids
