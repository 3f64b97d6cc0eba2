"""Which state decided a group's verdict: a cause holds only if it is of that state."""

from __future__ import annotations

from collections.abc import Callable

from vfioguard.cause import ELSE, FOUND, Cause, Caused
from vfioguard.inference import exempt
from vfioguard.inference.chips import GENERIC
from vfioguard.inference.host import Host
from vfioguard.irqchip.vmd import FAMILY as VMD
from vfioguard.kernel.devices import Device, is_pci
from vfioguard.kernel.identity.symbols import Predicate
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport
from vfioguard.verdict import NONE, Verdict

_OURS = frozenset({GENERIC, VMD})


def failing(group: GroupReport | None) -> list[Verdict]:
    """The verdicts on a group that do not pass: the headline and those of the backends."""
    if group is None:
        return []
    verdicts = (group.headline, *[verdict for _, verdict in group.backends if verdict])
    return [verdict for verdict in verdicts if verdict.isolated.truth is not True]


class _Asked:
    """What is worked out of the group that was asked about last. Dozens of causes ask of each."""

    def __init__(self, _: Host) -> None:
        self.about: tuple[GroupReport | None, Members | None] = (None, None)
        self.by_remapping: bool | None = None
        self.refusing: list[tuple[Device, str | None]] | None = None


def _asked(host: Host, group: GroupReport | None, members: Members | None) -> _Asked:
    asked = host.once(_Asked)
    if asked.about[0] is not group or asked.about[1] is not members:
        asked.about = (group, members)
        asked.by_remapping = asked.refusing = None
    return asked


def tested(group: GroupReport | None, members: Members | None) -> bool:
    """Whether the kernel puts the group to its interrupt test, and a verdict does not pass."""
    if members is None or exempt.by_kind(members) is not None:
        return False
    return any(verdict.policy != NONE for verdict in failing(group))


def by_members(host: Host) -> bool:
    """Whether the kernel may ask every member for its MSI domain (v6.3), not the machine."""
    return host.once(_by_members)


def _by_members(host: Host) -> bool:
    return host.decides_by(Predicate.ISOLATED_MSI).truth is not False


def not_isolated(host: Host, members: Members) -> list[Device]:
    """The members whose MSI domain does not isolate, or is not known to."""
    return [device for device in members.devices if host.isolated(device).truth is not True]


def refusing(
    host: Host, group: GroupReport | None, members: Members | None
) -> list[tuple[Device, str | None]]:
    """The members whose own MSI domain is why, each with the family of its chip, if one is seen.

    There are none if the kernel asks the machine, not the members.
    """
    asked = _asked(host, group, members)
    if asked.refusing is None:
        asked.refusing = _refusing(host, group, members)
    return asked.refusing


def _refusing(
    host: Host, group: GroupReport | None, members: Members | None
) -> list[tuple[Device, str | None]]:
    if members is None or not by_members(host) or not tested(group, members):
        return []
    if not any(verdict.isolated.truth is False for verdict in failing(group)):
        return []
    chips = host.finder.chips
    refused = [device for device in members.devices if host.isolated(device).truth is False]
    return [(d, family.family if (family := chips.family(d)) else None) for d in refused]


def of_machine(host: Host, device: Device) -> bool:
    """Whether x86's switch for the machine decides the device's MSI domain.

    It does not for another bus, nor for a hypervisor's domain in front of it. A device behind a VMD
    needs it too, once the VMD hands its interrupts through.
    """
    if not is_pci(device.name):
        return False
    family = host.finder.chips.family(device)
    return family is None or family.isolates is not False or family.family in _OURS


def by_remapping(host: Host, group: GroupReport | None, members: Members | None) -> bool:
    """Whether the group does not pass because x86 does not remap interrupts."""
    if not host.is_x86:
        return False
    asked = _asked(host, group, members)
    if asked.by_remapping is None:
        asked.by_remapping = _by_remapping(host, group, members)
    return asked.by_remapping


def _by_remapping(host: Host, group: GroupReport | None, members: Members | None) -> bool:
    if host.remapping.truth is not False or not tested(group, members):
        return False
    assert members is not None, "no group is tested without its members"
    if not by_members(host):
        return True
    return any(of_machine(host, device) for device in not_isolated(host, members))


def on_x86(host: Host) -> bool:
    """Whether this is an x86: `here` of causes that no other machine has."""
    return host.is_x86


def of_remapping(name: str, caused: Callable[[Host], Caused | None], rank: int = FOUND) -> Cause:
    """A cause of the whole machine, which holds for the groups that want remapping."""

    def applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
        return host.once(caused) if by_remapping(host, group, members) else None

    def here(host: Host) -> bool:
        off = host.is_x86 and host.remapping.truth is False
        return off and (rank == ELSE or host.once(caused) is not None)

    return Cause(name=name, applies=applies, rank=rank, here=here)
