"""The series of 2016 as posted (v9, patches 5/7 and 6/7): never merged, always shown.

A group is safe in two cases. Either the IOMMU has interrupt remapping, which Arm's SMMUs do not
claim after patch 6/7. Or no device of the group is linked to an MSI controller without remapping
(policy.md 6.1). On x86 a device is linked if it has MSIs or a capability for them (policy.md 6.3).

The x86 kernels of 2016 gave ordinary PCI devices no MSI domain. So the posted code would have found
no device linked, and would have admitted nearly every group with remapping off. The reviewers
objected to that, and the kernel took another test instead (policy.md 6.2).
"""

from __future__ import annotations

from vfioguard.fact import Fact, Gap
from vfioguard.inference.borders import Version
from vfioguard.inference.host import Host
from vfioguard.kernel.devices import Device
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer, Claim, ask, every, some
from vfioguard.policy import Isolated, Policy

#: v4.11 took patch 6/7: from then on SMMUs no longer claim the capability.
_DRIVERS = Version(4, 11)
_NAME = "vfio_safe_irq_domain"
_CLAIM = Claim(
    "interrupt remapping, or no device linked to an MSI controller without it",
    "a device of the group is linked to an MSI controller without remapping, which the IOMMU lacks",
    "it is not known whether interrupts are remapped, or which MSI controllers are in use",
)
_SAFE = Claim(
    "every device of the group is unlinked or remapped",
    "a device of the group is linked to an MSI controller without remapping",
)
_MEMBERS = Claim(
    "all members of the group are known", unknown="not all members of the group are known"
)
_CARRIED = Claim("this kernel carries the series of 2016", "no kernel carries the series of 2016")


def _isolated(host: Host) -> Isolated:
    capability = host.capability(_DRIVERS)
    if capability.truth is True:
        accepted = some(_CLAIM, (capability,))
        return lambda _members: accepted
    return lambda members: some(_CLAIM, (capability, _every_safe(host, members)))


def _every_safe(host: Host, members: Members) -> Answer:
    parts = [_safe(host, device) for device in members.devices]
    if isinstance(members.complete, Gap) or not parts:
        parts.append(ask(_MEMBERS, members.complete, lambda _: None))
    return every(_SAFE, parts)


def _safe(host: Host, device: Device) -> Answer:
    if not host.is_x86:
        return host.unlinked_or_isolated(device)
    return ~_linked(device)  # no x86 controller advertised MSI_FLAG_IRQ_REMAPPING


def _linked(device: Device) -> Answer:
    name = device.name
    claim = Claim(
        f"{name} is linked to an MSI controller", f"{name} is linked to no MSI controller"
    )
    if isinstance(device.msi_irqs, Fact) and device.msi_irqs.value:
        return ask(claim, device.msi_irqs, bool)
    if device.msi_capability is not None:
        return ask(claim, device.msi_capability, bool)
    return ask(claim, device.msi_irqs, lambda _: None)


def _carried(host: Host) -> Answer:
    return ask(_CARRIED, host.snapshot.kernel.predicate, lambda _: False)


POLICY = Policy(
    name=_NAME,
    backend=None,
    kernels="none (posted 2016, v9 5/7 and 6/7)",
    summary="remapping, or no device linked to an MSI controller without it",
    source="Eric Auger's KVM PCIe/MSI passthrough series v9, patches 5/7 and 6/7",
    carried=_carried,
    isolated=_isolated,
)
