"""/sys/module/M: whether a VFIO module is there that has no parameter to show it.

Where `vfio` has no no-IOMMU mode and there is no type1, as on RISC-V and POWER, no parameter file
tells. What is built in without parameters has no directory at all (kernel/params.c).
"""

from __future__ import annotations

from vfioguard.root import Root

PATH = "/sys/module"
#: A driver of devices needs the first; a recording may have the second alone.
_NAMES = ("vfio", "vfio_pci")


def loaded(root: Root) -> tuple[str, ...]:
    """The first of these modules that is loaded, none where none is seen."""
    for name in _NAMES:
        try:
            root.listdir(f"{PATH}/{name}")
        except OSError:
            continue
        return (name,)
    return ()
