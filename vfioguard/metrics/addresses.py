"""A PCI function's address as the labels that node_exporter gives it (pcidevice_linux.go)."""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.bdf import Bdf, parse_bdf
from vfioguard.report import GroupReport

LABELS = ("segment", "bus", "device", "function")
_NO_FUNCTION = ("", "", "", "")


def address(name: str) -> tuple[str, ...]:
    """The values of `LABELS` for a PCI function's name; empty ones for any other name."""
    bdf = parse_bdf(name)
    return _NO_FUNCTION if bdf is None else _values(bdf)


def addresses(group: GroupReport) -> Iterator[tuple[str, ...]]:
    """The address of each PCI function, and one empty address for all other members."""
    bdfs = [parse_bdf(device.name) if device.bus == "pci" else None for device in group.devices]
    yield from (_values(bdf) for bdf in bdfs if bdf is not None)
    if not bdfs or None in bdfs:
        yield _NO_FUNCTION


def _values(bdf: Bdf) -> tuple[str, ...]:
    return (
        f"{bdf.domain:04x}",
        f"{bdf.bus:02x}",
        f"{bdf.device:02x}",
        f"{bdf.function:x}",
    )
