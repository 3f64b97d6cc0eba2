"""Changes in the words of a person: one line for each change, or for many that are alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from vfioguard.change import Change, Kind, Value
from vfioguard.change.state import MemberState
from vfioguard.fact import printable
from vfioguard.wording import ranges

#: So many device names are shown; the others are only counted.
_NAMES = 3

# The names that pci.ids gives to classes, for people who do not know a device by its address.
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
    return printable(_SENTENCES[change.kind](change))


def sentences(changes: Sequence[Change]) -> list[str]:
    """Return the lines of `changes` in their order, as printable ASCII.

    Outcomes that changed alike share a line, and so do numbers.
    """
    shares: dict[tuple[object, ...], list[Change]] = {}
    for change in changes:
        alike: tuple[object, ...] = (id(change),)
        if change.kind is Kind.OUTCOME:
            alike = change.kind, change.before, change.after, change.cause
        elif change.kind is Kind.RENUMBERED:
            alike = (change.kind,)
        shares.setdefault(alike, []).append(change)
    return [
        printable(_SENTENCES[alike[0].kind](alike[0]) if len(alike) == 1 else _folded(alike))
        for alike in shares.values()
    ]


def _folded(alike: list[Change]) -> str:
    first = alike[0]
    if first.kind is Kind.RENUMBERED:
        moves = ", ".join(f"{change.before} -> {change.after}" for change in alike)
        return f"{len(alike)} groups have another number, with the same members: {moves}"
    numbers = ranges(sorted(change.group for change in alike if change.group is not None))
    return f"{len(alike)} groups ({numbers}): {_arrow(first)}{_because(first)}"


def _membership(change: Change) -> str:
    left, joined = change.before, change.after
    assert isinstance(left, tuple), "members"
    assert isinstance(joined, tuple), "members"
    parts: list[str] = []
    if joined:
        newcomers = _names([device for device in change.devices if device.name in joined])
        others = [device for device in change.devices if device.name not in joined]
        shares = f" now share{'s' if len(joined) == 1 else ''} group {change.group} with "
        parts.append(
            f"{newcomers}{shares}{_names(others)}"
            if others
            else f"{newcomers} joined group {change.group}"
        )
    if left:
        parts.append(f"{_some(list(left))} left group {change.group}")
    return "; ".join(parts)


def _arrow(change: Change) -> str:
    return f"{change.before} -> {change.after}"


def _because(change: Change) -> str:
    return f" ({change.cause})" if change.cause else ""


def _names(devices: Iterable[MemberState]) -> str:
    return _some([_device(device) for device in devices])


def _device(device: MemberState) -> str:
    class_name = _CLASSES.get(device.pci_class >> 8) if device.pci_class is not None else None
    return f"{device.name} ({class_name})" if class_name else device.name


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


def _remapping(change: Change) -> str:
    when = f"{change.cause} " if change.cause else ""
    return f"{when}interrupt remapping is {_switch(change.after)}; it was {_switch(change.before)}"


def _override(change: Change) -> str:
    return f"{change.subject} is {_switch(change.after)}; it was {_switch(change.before)}"


def _evidence(change: Change) -> str:
    return f"the IOMMU groups can{' again' if change.after else ' no longer'} be read"


def _outcome(change: Change) -> str:
    return f"{_subject(change)} ({_names(change.devices)}): {_arrow(change)}{_because(change)}"


def _appeared(change: Change) -> str:
    return f"{_subject(change)} is new: {_names(change.devices)}, {change.after}"


def _vanished(change: Change) -> str:
    return f"{_subject(change)} is gone: {_names(change.devices)}, {change.before}"


def _renumbered(change: Change) -> str:
    return f"group {change.before} is {_subject(change)} now: {_names(change.devices)}"


def _driver(change: Change) -> str:
    drivers = f"{change.before or 'none'} -> {change.after or 'none'}"
    return f"{_names(change.devices)}: driver {drivers}"


def _subject(change: Change) -> str:
    return change.subject.replace("group:", "group ")


_SENTENCES: dict[Kind, Callable[[Change], str]] = {
    Kind.BOOT: lambda _: "the host was started anew",
    Kind.KERNEL: lambda c: f"kernel {_shown(c.before)} -> {_shown(c.after)}",
    Kind.POLICY: lambda c: f"groups are judged by {_shown(c.after)}; before, by {_shown(c.before)}",
    Kind.REMAPPING: _remapping,
    Kind.OVERRIDE: _override,
    Kind.EVIDENCE: _evidence,
    Kind.FINDING_APPEARED: lambda c: f"finding {c.subject}: {c.after}",
    Kind.FINDING_CLEARED: lambda c: f"finding {c.subject} is gone: {c.before}",
    Kind.OUTCOME: _outcome,
    Kind.GROUP_APPEARED: _appeared,
    Kind.GROUP_VANISHED: _vanished,
    Kind.MEMBERSHIP: _membership,
    Kind.UNGROUPED: lambda c: f"{_names(c.devices)} {_whereabouts(c)}",
    Kind.DRIVER: _driver,
    Kind.RENUMBERED: _renumbered,
}
