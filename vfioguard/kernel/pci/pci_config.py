"""`config` of a PCI function: which capabilities it lists.

Reading `config` is slow, because each dword traps in a guest, and may wake a sleeping device. So it
is read only if the answer matters and the device is awake (reading/msi_capability.py). Without
CAP_SYS_ADMIN the kernel returns the first 64 bytes, which end before the capabilities
(drivers/pci/pci-sysfs.c).
"""

from __future__ import annotations

from collections.abc import Callable

from vfioguard.fact import Fact, Gap, Malformed, Reading, Why, gap_from
from vfioguard.fact import parse as parse_raw
from vfioguard.root import Directory, text

_SIZE = 4096
_HEADER = 64
# include/uapi/linux/pci_regs.h (PCI Local Bus 3.0, 6.7 and Appendix H)
_STATUS, _STATUS_CAP_LIST = 0x06, 0x10
_CAPABILITY_LIST = 0x34
_CAP_ID_PM, _CAP_ID_MSI, _CAP_ID_MSIX = 0x01, 0x05, 0x11
_MAX_CAPABILITIES = 48


def parse(raw: bytes) -> bool:
    """Whether a configuration space of 256 bytes or more lists MSI or MSI-X."""
    return _lists(raw, frozenset({_CAP_ID_MSI, _CAP_ID_MSIX}))


def _lists(raw: bytes, wanted: frozenset[int]) -> bool:
    if len(raw) < 256:
        raise Malformed(f"only {len(raw)} bytes")
    if raw[:_HEADER] == b"\xff" * _HEADER:  # not only the vendor, which a VF has as ffff too
        raise Malformed("the device does not answer")
    if not raw[_STATUS] & _STATUS_CAP_LIST:
        return False
    offset = raw[_CAPABILITY_LIST] & ~3
    for _ in range(_MAX_CAPABILITIES):
        if offset < _HEADER:
            return False
        if raw[offset] in wanted:
            return True
        offset = raw[offset + 1] & ~3
    raise Malformed("the capability list does not end")


def msi_capability(bus: Directory, name: str) -> Reading[bool]:
    """Whether the function has MSI or MSI-X. Returns a gap if it sleeps or cannot be read."""
    return _read(bus, name, parse)


def power_management(bus: Directory, name: str) -> Reading[bool]:
    """Whether the function has power management. Returns a gap as `msi_capability` does."""
    return _read(bus, name, lambda raw: _lists(raw, frozenset({_CAP_ID_PM})))


def _read(bus: Directory, name: str, parsed: Callable[[bytes], bool]) -> Reading[bool]:
    state_path, path = f"{name}/power/runtime_status", f"{name}/config"
    try:
        state = parse_raw(bus.read(state_path), bus.prefix + state_path, text)
        if not isinstance(state, Fact) or state.value != "active":
            detail = "not read: the device is not awake"
            return Gap(Why.DENIED, bus.prefix + path, detail)
        raw = bus.read(path, _SIZE)
    except OSError as error:
        return gap_from(error, bus.prefix + path)
    if len(raw) <= _HEADER:
        return Gap(Why.DENIED, bus.prefix + path, "only its first 64 bytes may be read")
    return parse_raw(raw, bus.prefix + path, parsed)
