"""The PCI functions in the path of a device below /sys/devices."""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.kernel.devices import is_pci


def functions_in(path: str) -> Iterator[str]:
    """The functions that drive what is at the end of `path`, without the bridges above them.

    A disk behind a VMD has two, as the VMD has a root bus of its own:
    "/devices/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0/10000:e1:00.0/nvme/nvme0/nvme0n1".
    """
    last = None
    for part in path.split("/"):
        if is_pci(part):
            last = part
        elif last is not None:
            yield last
            last = None
    if last is not None:
        yield last
