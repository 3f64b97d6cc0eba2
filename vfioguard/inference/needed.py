"""What the host itself needs its functions for: the disk of /, the default route, the console.

It is read only where a group is on VFIO in part, as an advice to bind the rest may take it away.
"""

from __future__ import annotations

from vfioguard.inference import drivers
from vfioguard.inference.host import Host
from vfioguard.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from vfioguard.kernel.roles.needed import Roles


def roles(host: Host) -> Roles | None:
    """What the host needs its functions for. Returns None if no Site reads it."""
    return host.once(_roles)


def _roles(host: Host) -> Roles | None:
    site = host.snapshot.site
    return None if site is None else site.roles(_beside(host))


def _beside(host: Host) -> tuple[str, ...]:
    """The functions that are on no VFIO driver, in groups that are on VFIO in part."""
    return tuple(
        [
            device.name
            for members in host.snapshot.members
            if any(map(drivers.is_taken, members.devices))
            for device in members.devices
            if device.bus == "pci" and not drivers.is_taken(device)
        ]
    )
