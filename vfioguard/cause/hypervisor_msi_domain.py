"""Xen or Hyper-V puts an MSI domain of its own in front, which does not isolate.

Change on every architecture: nothing in this kernel; use the hypervisor's own passthrough.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import why
from vfioguard.inference.host import Host
from vfioguard.irqchip import hyperv, xen
from vfioguard.kernel.members import Members
from vfioguard.logic import every
from vfioguard.report import GroupReport, Step

_HYPERV, _XEN = hyperv.IRQCHIP.family, xen.IRQCHIP.family


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    foreign = [
        (device, family)
        for device, family in why.refusing(host, group, members)
        if family in {_HYPERV, _XEN}
    ]
    if not foreign:
        return None
    names = ", ".join(device.name for device, _ in foreign)
    family = foreign[0][1]
    return Caused(
        sentence=f"{names}: its MSI domain is {family}'s own, which does not isolate; no setting "
        "of this kernel helps.",
        rule=f"{(xen if family == _XEN else hyperv).IRQCHIP.source}: no parent, no flag; counts "
        "since v6.3",
        because=every(
            "every member has an MSI domain that isolates", [host.isolated(d) for d, _ in foreign]
        ),
        change=(_of_xen() if family == _XEN else _of_hyperv(),),
        helps=False,
    )


def _of_xen() -> Step:
    return Step(
        "Hand the device to a guest by Xen's own passthrough instead of VFIO.",
        "xl pci-assignable-add",
    )


def _of_hyperv() -> Step:
    return Step(
        "Let the Hyper-V host assign the device to the machine that is to use it: a guest of this "
        "one cannot have it safely."
    )


CAUSE = Cause("hypervisor_msi_domain", _applies)
