"""Why the asker of `check` refuses an attach, whatever the kernel does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vfioguard.attach import Attach, How, Objection, needs, rank
from vfioguard.fact import Fact
from vfioguard.kernel.devices import Device


def objections(devices: Iterable[Device], how: How) -> Iterator[Objection]:
    """What is or may be wrong with the devices that a guest shall get."""
    for device in devices:
        if how.expect:
            yield from _another(device, how.expect)
        roles = (how.beside.needed or {}).get(device.name)
        if how.sparing and roles:
            yield Objection(Attach.NO, needs(device.name, roles))


def _another(device: Device, expect: tuple[str, ...]) -> Iterator[Objection]:
    """That it is another device: addresses change with the slots that are filled."""
    event = device.uevent
    identity = event.value.pci_id if isinstance(event, Fact) else None
    expected = " or ".join(expect)
    if isinstance(event, Fact) and device.bus != "pci":
        yield Objection(Attach.NO, f"{device.name} is no PCI function, so not {expected}")
    elif identity is None:
        yield Objection(Attach.UNKNOWN, f"it is not known whether {device.name} is {expected}")
    elif identity.lower() not in expect:
        yield Objection(Attach.NO, f"{device.name} is {identity.lower()}, not {expected}")


def worse(answer: Attach, theirs: Iterable[Objection]) -> Attach:
    """The answer of the kernel, or that of the objections if it is worse."""
    return max([answer, *(each.answer for each in theirs)], key=rank)
