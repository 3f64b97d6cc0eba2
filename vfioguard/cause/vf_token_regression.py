"""Proxmox 6.8.12-12 and 6.14.8 refuse virtual functions with EACCES, whatever the interrupts are.

Proxmox 6.8.12-12-pve and 6.14.8: https://github.com/strongtz/i915-sriov-dkms/issues/322 and 321.
The former kernel attaches the same functions.

Change on every architecture: boot the former kernel.
"""

from __future__ import annotations

import re

from vfioguard.cause import CHOSEN, Cause, Caused
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer
from vfioguard.report import GroupReport, Step

_KERNELS = re.compile(r"6\.8\.12-12-pve|6\.14\.8(?:-\d+)?(?:-bpo\d+)?-pve")
_ISSUE = "https://github.com/strongtz/i915-sriov-dkms/issues/322"


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    """It holds for an allowed group, too: the kernel answers at VFIO_GROUP_GET_DEVICE_FD."""
    release, site = host.snapshot.kernel.release, host.snapshot.site
    if group is None or members is None or site is None or not isinstance(release, Fact):
        return None
    if _KERNELS.fullmatch(release.value.text) is None:
        return None
    functions = ((device.name, site.physical_function(device.name)) for device in members.devices)
    name, link = next((pair for pair in functions if isinstance(pair[1], Fact)), ("", None))
    if link is None:
        return None
    former = "proxmox-boot-tool kernel pin RELEASE"
    return Caused(
        sentence=f"The kernel {release.value.text} refuses virtual functions: EACCES for {name}.",
        rule=f"a regression of this build, at VFIO_GROUP_GET_DEVICE_FD: {_ISSUE}",
        because=Answer(f"{release.value.text} attaches {name}", False, (release, link)),
        change=(Step("Boot the former kernel, 6.8.12-11 or 6.14.5, and pin it.", former),),
    )


CAUSE = Cause("vf_token_regression", _applies, CHOSEN)
