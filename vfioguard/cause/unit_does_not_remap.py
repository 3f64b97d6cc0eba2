"""The machine remaps interrupts, but not for this device: its unit came after boot, or it did.

Change on x86: reboot with the device in its place, or use another slot.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import why
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.inference.witnesses import FIRST_VMD_DOMAIN, domain
from vfioguard.iommu.intel import ECAP_IR
from vfioguard.kernel.devices import is_pci
from vfioguard.kernel.members import Members
from vfioguard.logic import every
from vfioguard.report import GroupReport, Step


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    if not _here(host):
        return None
    unremapped = [
        device
        for device, _ in why.refusing(host, group, members)
        if is_pci(device.name)
        and why.of_machine(host, device)
        and domain(device.name) < FIRST_VMD_DOMAIN
    ]
    if not unremapped:
        return None
    names = ", ".join(device.name for device in unremapped)
    unit = host.finder.units.get(unremapped[0].name)
    ecap = unit.attributes.get("intel-iommu/ecap") if unit is not None else None
    incapable = isinstance(ecap, Fact) and not ecap.value & ECAP_IR
    fault = "cannot remap (ECAP.IR is clear)" if incapable else "does not remap for it"
    where = f"its unit {unit.name}" if unit is not None else "no unit is in front of it, which"
    return Caused(
        sentence=f"{names} has no remapped interrupts, although the machine remaps: {where} "
        f"{fault}.",
        rule="drivers/iommu/intel/irq_remapping.c dmar_ir_hotplug() tolerates such a unit; "
        "counts since v6.3",
        because=every(
            "every member has an MSI domain that isolates", [host.isolated(d) for d in unremapped]
        ),
        change=(_moved(),) if incapable else (_anew(),),
    )


def _moved() -> Step:
    return Step("Put the device into a slot behind another unit; no setting changes this one.")


def _anew() -> Step:
    return Step(
        "Reboot with the device in its place, so that the kernel finds it at boot; if it stays so, "
        "send the capture as a bug report.",
        "vfioguard capture host.tar.xz",
    )


def _here(host: Host) -> bool:
    return host.is_x86 and host.remapping.truth is True


CAUSE = Cause("unit_does_not_remap", _applies, here=_here)
