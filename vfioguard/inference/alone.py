"""Whether the facts of some groups decide about them, whatever the other groups show.

From v6.3 on the kernel asks each device of the group, so no other device counts for the kernel. But
to vfioguard a device may tell what its remapping unit or the machine does (witnesses.py). Here the
groups are judged without such witnesses. Their answers stand if no witness could change them.
"""

from __future__ import annotations

from vfioguard.fact import Gap, Why
from vfioguard.inference import borders
from vfioguard.inference.host import Host
from vfioguard.inference.witnesses import ORDINARY
from vfioguard.kernel.devices import Device, is_pci
from vfioguard.kernel.identity.symbols import Predicate
from vfioguard.kernel.interrupts.all_chips import Chips
from vfioguard.snapshot import Snapshot


def stands(snapshot: Snapshot, chips: Chips, *, pinned: bool) -> bool:
    """Whether a Snapshot of some groups gives them the verdicts that one of all groups would give.

    `chips` are the chips of all interrupts of the machine. `pinned`: a policy is pinned, which may
    be an older kernel's.
    """
    host = Host(snapshot)
    if not host.is_x86 or host.decides_by(Predicate.ISOLATED_MSI).truth is not True:
        return False
    if pinned and host.has(borders.ISOLATED_MSI) is not True:
        return False
    members = [device for members in snapshot.members for device in members.devices]
    if not all(map(_readable, members)):
        return False
    if host.remapping.truth is True:
        # A witness with remapped MSIs agrees. One without them would contradict.
        return not chips.generic and all(_settled(host, device) for device in members)
    if host.remapping.truth is False:
        # The IVRS is read together with the classes of all functions (remapping/allowed.py).
        ivrs = snapshot.acpi.ivrs
        return not chips.remapped and isinstance(ivrs, Gap) and ivrs.why is Why.ABSENT
    return False


def _readable(device: Device) -> bool:
    """Whether the device shows its MSIs or that it has none, and is behind no VMD."""
    hidden = isinstance(device.msi_irqs, Gap) and device.msi_irqs.why is not Why.ABSENT
    return not hidden and not isinstance(device.chip, Gap) and len(device.name) <= ORDINARY


def _settled(host: Host, device: Device) -> bool:
    """Whether the device's answer holds for every set of witnesses that agrees with it.

    Without remapped MSIs of its own a device has the answer of its unit. A further witness can
    turn that into a yes, and only contradictions turn a yes.
    """
    return host.isolated(device).truth is True or not is_pci(device.name)
