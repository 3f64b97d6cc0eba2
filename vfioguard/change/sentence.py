"""Changes in the words of a person: one line each, and fewer where many are alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vfioguard.change import Change, Kind, Value
from vfioguard.change.state import MemberState
from vfioguard.fact import printable
from vfioguard.wording import ranges

#: Names beyond this are counted.
_NAMES = 3

# pci.ids: what somebody knows a device by who does not know its address by heart.
_CLASSES = {
    0x0100: "SCSI controller",
    0x0101: "IDE controller",
    0x0104: "RAID controller",
    0x0106: "SATA controller",
    0x0107: "SAS controller",
    0x0108: "NVMe controller",
    0x0200: "Ethernet controller",
    0x0207: "InfiniBand controller",
    0x0280: "network controller",
    0x0300: "VGA controller",
    0x0302: "3D controller",
    0x0380: "display controller",
    0x0403: "audio device",
    0x0600: "host bridge",
    0x0601: "ISA bridge",
    0x0604: "PCI bridge",
    0x0B40: "co-processor",
    0x0C03: "USB controller",
    0x0C04: "Fibre Channel controller",
    0x0C05: "SMBus",
    0x1200: "accelerator",
}


def sentence(change: Change) -> str:
    """One line, printable ASCII, without a full stop."""
    return printable(_sentence(change))


def sentences(changes: Sequence[Change]) -> list[str]:
    """All of them in their order; outcomes and numbers that changed alike share a line."""
    shares: dict[tuple[object, ...], list[Change]] = {}
    for change in changes:
        alike: tuple[object, ...] = (id(change),)
        if change.kind is Kind.OUTCOME:
            alike = change.kind, change.before, change.after, change.cause
        elif change.kind is Kind.RENUMBERED:
            alike = (change.kind,)
        shares.setdefault(alike, []).append(change)
    return [
        printable(_sentence(alike[0]) if len(alike) == 1 else _folded(alike))
        for alike in shares.values()
    ]


def _folded(alike: list[Change]) -> str:
    first = alike[0]
    if first.kind is Kind.RENUMBERED:
        moves = ", ".join(f"{change.before} -> {change.after}" for change in alike)
        return f"{len(alike)} groups have another number, with the same members: {moves}"
    numbers = ranges(sorted(change.group for change in alike if change.group is not None))
    return f"{len(alike)} groups ({numbers}): {_arrow(first)}{_because(first)}"


def _sentence(change: Change) -> str:
    before, after = change.before, change.after
    match change.kind:
        case Kind.BOOT:
            return "the host was started anew"
        case Kind.KERNEL:
            return f"kernel {_shown(before)} -> {_shown(after)}"
        case Kind.POLICY:
            return f"it is decided by {_shown(after)}; it was by {_shown(before)}"
        case Kind.REMAPPING:
            when = f"{change.cause} " if change.cause else ""
            return f"{when}interrupt remapping is {_switch(after)}; it was {_switch(before)}"
        case Kind.OVERRIDE:
            return f"{change.subject} is {_switch(after)}; it was {_switch(before)}"
        case Kind.EVIDENCE:
            return f"the IOMMU groups can{' again' if after else ' no longer'} be read"
        case Kind.FINDING_APPEARED:
            return f"finding {change.subject}: {after}"
        case Kind.FINDING_CLEARED:
            return f"finding {change.subject} is gone: {before}"
        case _:
            return _of_device(change)


def _of_device(change: Change) -> str:
    subject = change.subject.replace("group:", "group ")
    members = _names(change.devices)
    match change.kind:
        case Kind.OUTCOME:
            return f"{subject} ({members}): {_arrow(change)}{_because(change)}"
        case Kind.GROUP_APPEARED:
            return f"{subject} is new: {members}, {change.after}"
        case Kind.GROUP_VANISHED:
            return f"{subject} is gone: {members}, {change.before}"
        case Kind.MEMBERSHIP:
            return _membership(change)
        case Kind.RENUMBERED:
            return f"group {change.before} is {subject} now: {members}"
        case Kind.DRIVER:
            drivers = f"{change.before or 'none'} -> {change.after or 'none'}"
            return f"{members}: driver {drivers}"
        case _:
            return f"{members} {_whereabouts(change)}"


def _membership(change: Change) -> str:
    left, joined = change.before, change.after
    assert isinstance(left, tuple), "members"
    assert isinstance(joined, tuple), "members"
    parts: list[str] = []
    if joined:
        who = _names([one for one in change.devices if one.name in joined])
        others = [one for one in change.devices if one.name not in joined]
        shares = f" now share{'s' if len(joined) == 1 else ''} group {change.group} with "
        parts.append(
            f"{who}{shares}{_names(others)}" if others else f"{who} joined group {change.group}"
        )
    if left:
        parts.append(f"{_some(list(left))} left group {change.group}")
    return "; ".join(parts)


def _arrow(change: Change) -> str:
    return f"{change.before} -> {change.after}"


def _because(change: Change) -> str:
    return f" ({change.cause})" if change.cause else ""


def _names(devices: Iterable[MemberState]) -> str:
    return _some([_device(one) for one in devices])


def _device(one: MemberState) -> str:
    known = _CLASSES.get(one.pci_class >> 8) if one.pci_class is not None else None
    return f"{one.name} ({known})" if known else one.name


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more or "no device"


def _switch(value: Value) -> str:
    return "unknown" if value is None else "on" if value else "off"


def _shown(value: Value) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "nothing that is known"
    return "unknown" if value is None else str(value)


def _whereabouts(change: Change) -> str:
    before, after = (
        str(place).replace("group:", "group ") for place in (change.before, change.after)
    )
    if change.before is None:
        return "is new, and in no IOMMU group"
    if change.after is None:
        return "is gone; it was in no IOMMU group"
    return f"is in {after}; it was in {before}"
