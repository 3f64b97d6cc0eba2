"""A function is behind an Intel VMD that maps MSIs onto its own vectors.

Change on x86: turn VMD off for the slot, or hand the whole VMD to the guest.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import why
from vfioguard.inference.host import Host
from vfioguard.inference.witnesses import FIRST_VMD_DOMAIN, domain
from vfioguard.irqchip.vmd import FAMILY
from vfioguard.kernel.devices import Device, is_pci
from vfioguard.kernel.members import Members
from vfioguard.logic import every
from vfioguard.report import GroupReport, Step


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    if not host.is_x86:
        return None
    refusing = why.refusing(host, group, members)
    behind = [d for d, family in refusing if _remapped(host, d, family)]
    if not behind:
        return None
    names = ", ".join(device.name for device in behind)
    return Caused(
        sentence=f"The Intel VMD in front of {names} maps MSIs onto interrupts of its own, and "
        "that MSI domain does not isolate.",
        rule="drivers/pci/controller/vmd.c vmd_create_irq_domain(): a domain without a parent; "
        "counts since v6.3",
        because=every(
            "every member has an MSI domain that isolates", [host.isolated(d) for d in behind]
        ),
        change=_steps(host),
    )


def _remapped(host: Host, device: Device, family: str | None) -> bool:
    """Whether the VMD is why: by the chip, or because the machine remaps and the device is not."""
    if family is not None or not is_pci(device.name):
        return family == FAMILY
    return domain(device.name) >= FIRST_VMD_DOMAIN and host.remapping.truth is not False


def _steps(host: Host) -> tuple[Step, ...]:
    endpoints = [witness.name for witness in host.witnesses.vmd if witness.driver == "vmd"]
    whole = ", ".join(endpoints) or "the VMD itself (class 0104 on PCI domain 0000)"
    if len(endpoints) > 1:
        whole = f"one of {whole}"
    return (
        Step(
            "Turn VMD off for this slot in the firmware's setup, and reboot: the device then comes "
            "back on domain 0000. RAID sets of Intel RST or VROC are lost without VMD.",
            "firmware setup: Intel VMD (Volume Management Device)",
        ),
        Step(
            f"Or hand the whole VMD to the guest, with all that is behind it: {whole}.",
            f"vfioguard check {endpoints[0]}" if len(endpoints) == 1 else None,
        ),
    )


CAUSE = Cause("vmd_remaps", _applies, here=why.on_x86)
