"""What is read for the targets of `check` alone: what the host needs, and `driver_override`."""

from __future__ import annotations

from collections.abc import Collection

from vfioguard.attach import Beside
from vfioguard.kernel.pci import driver_override
from vfioguard.kernel.roles import needed
from vfioguard.root import Root


def beside(root: Root, functions: Collection[str], unbound: Collection[str]) -> Beside:
    """What the host needs its functions for, and the overrides of those not on VFIO yet.

    The PCI `functions` are those that may be the boot's VGA device.
    """
    known = needed.read(root, functions)
    return Beside(
        needed={**dict.fromkeys(functions, ()), **known.of},
        unsure=known.unknown,
        overrides={name: driver_override.read(root, name) for name in unbound},
    )
