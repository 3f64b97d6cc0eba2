"""The function gets its group when a driver binds: kernels before v6.15.

Change for a missing group: bind the function to vfio-pci.
"""

from __future__ import annotations

from vfioguard.cause import FOUND, Cause, Caused
from vfioguard.cause.parts import no_group
from vfioguard.inference.host import Host
from vfioguard.inference.without_group import late_group
from vfioguard.kernel.devices import PCI
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport, Step

_RULE = "drivers/base/dd.c really_probe() calls pci_dma_configure(), up to v6.14 (bcb81ac6ae3c)"


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    device = no_group.function(group, members)
    if device is None or not late_group.concerned(host.snapshot):
        return None
    expected = no_group.late_groups(host).expected(device)
    if expected.truth is False:
        return None
    sure = "gets" if expected.truth else "may get"
    return Caused(
        sentence=f"{device.name} has no group yet: it {sure} one when a driver binds.",
        rule=_RULE,
        because=expected,
        change=(
            Step(
                "Bind it to vfio-pci; the kernel then makes its group.",
                f"echo vfio-pci > {PCI}/{device.name}/driver_override; "
                f"echo {device.name} > /sys/bus/pci/drivers_probe",
            ),
        ),
    )


CAUSE = Cause("group_made_at_bind", _applies, FOUND)
