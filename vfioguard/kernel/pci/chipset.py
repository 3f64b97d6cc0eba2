"""Intel's 5500, 5520 and X58: chipsets whose early revisions cannot remap interrupts reliably.

Their host bridge is 0000:00:00.0. Reading its `revision` (Documentation/ABI/testing/sysfs-bus-pci)
does not access the hardware.
"""

from __future__ import annotations

from collections.abc import Iterable

from vfioguard.fact import Fact, Malformed, Reading, gap_from, parse
from vfioguard.kernel.devices import Device
from vfioguard.root import Directory

HOST_BRIDGE = "0000:00:00.0"
#: The PCI ids that the kernel's quirk names.
IDS = frozenset({"8086:3403", "8086:3405", "8086:3406"})


def revision(bus: Directory, functions: Iterable[Device]) -> Reading[tuple[str, int]] | None:
    """The host bridge's PCI id and revision. Returns None, and reads nothing, on other chipsets."""
    bridge = next((device for device in functions if device.name == HOST_BRIDGE), None)
    uevent = bridge.uevent if bridge else None
    identity = uevent.value.pci_id if isinstance(uevent, Fact) else None
    if identity not in IDS:
        return None
    path = f"{HOST_BRIDGE}/revision"
    try:
        raw = bus.read(path)
    except OSError as error:
        return gap_from(error, bus.prefix + path)
    return parse(raw, bus.prefix + path, lambda text: (identity, _number(text)))


def _number(raw: bytes) -> int:
    digits = raw.removesuffix(b"\n").removeprefix(b"0x")
    if len(digits) != 2 or digits.lower().strip(b"0123456789abcdef"):
        raise Malformed(f"not a revision: {raw[:16]!r}")
    return int(digits, 16)


def broken(bridge: tuple[str, int]) -> bool:
    """Whether Linux leaves interrupt remapping off for a host bridge (PCI id, revision).

    arch/x86/kernel/early-quirks.c intel_remapping_check(), the same from 5.10.223 to 7.3.4.
    """
    identity, number = bridge
    return number <= 0x13 or (identity == "8086:3405" and number == 0x22)
