"""No table of the firmware describes a unit that remaps interrupts.

Change on x86: turn on VT-d or AMD-Vi in the firmware's setup; give a virtual machine an IOMMU that
remaps.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import machine, tables, why
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer, ask
from vfioguard.report import GroupReport


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    if why.by_remapping(host, group, members):
        return host.once(_undescribed) or host.once(_foreign)
    if not host.is_x86 or host.remapping.truth is True or not why.tested(group, members):
        return None
    # Up to v6.2 the IOMMU's driver answers for the machine, and only Intel's and AMD's can say yes.
    refused = any(verdict.isolated.truth is False for verdict in why.failing(group))
    return host.once(_foreign) if refused and not why.by_members(host) else None


def _undescribed(host: Host) -> Caused | None:
    part = tables.condition(host, "no_remapping_unit")
    if part is None:
        return None
    return _of(host, "the firmware describes no unit that remaps (neither DMAR nor IVRS)",
               tables.proof(part))  # fmt: skip


def _foreign(host: Host) -> Caused | None:
    units = host.snapshot.iommus
    names = [unit.name for unit in units.value] if isinstance(units, Fact) else []
    if not names or machine.intel(host) or machine.amd(host):
        return None
    claim = "an IOMMU of this machine remaps interrupts (Intel's or AMD's)"
    return _of(host, f"the IOMMU of this machine ({', '.join(names)}) cannot remap",
               ask(claim, units, lambda _: False))  # fmt: skip


def _of(host: Host, reason: str, because: Answer) -> Caused:
    return Caused(
        sentence=f"Interrupt remapping is off: {reason}.",
        rule="drivers/iommu/irq_remapping.c irq_remapping_prepare(); all kernels",
        because=because,
        change=machine.turn_on(host),
    )


CAUSE = Cause("no_remapping_unit", _applies, here=why.on_x86)
