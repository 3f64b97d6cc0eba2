"""An IOMMU of this host is in use, and this function is not behind one.

Change for a missing group: another slot, or a firmware that says so.
"""

from __future__ import annotations

from vfioguard.cause import ELSE, Cause, Caused
from vfioguard.cause.parts import no_group
from vfioguard.inference.host import Host
from vfioguard.kernel.devices import Device
from vfioguard.kernel.iommu_class import driven, instances
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer, ask
from vfioguard.report import GroupReport, Step

_SLOT = Step("Use a slot or port behind an IOMMU, or ask the maker of the firmware for a fix.")
#: Ubuntu's kernels leave out graphics that Linux does not (parts/broken_graphics.py).
_LOOK = Step(
    "See whether this kernel leaves the graphics of this chipset out.",
    'journalctl -k | grep "IOMMU for graphics"',
)
_CARD = Step("If so, give the guest another card; else ask the maker of the firmware for a fix.")


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    device = no_group.function(group, members)
    if device is None or not no_group.in_use(host):
        return None
    because = _proof(host, device.name)
    told = because.truth is False
    return Caused(
        sentence=(
            f"No IOMMU translates {device.name}: firmware puts it behind none that is in use."
            if told
            else f"{device.name} is in no IOMMU group, though this host has an IOMMU in use."
        ),
        rule="drivers/iommu/iommu.c iommu_probe_device(); all kernels",
        because=because,
        change=_change(host, device),
        helps=False,
    )


def _change(host: Host, device: Device) -> tuple[Step, ...]:
    if driven(host.snapshot.iommus, "intel") and no_group.integrated(device):
        return (_LOOK, _CARD)
    return (_SLOT,)


def _proof(host: Host, name: str) -> Answer:
    ways = no_group.translation(host)
    if ways is not None:
        answer = ways.mapped(name)
        if answer.truth is False:
            return answer
    units = instances(host.snapshot.iommus)
    return ask(f"a unit in use translates {name}", units, lambda _: None)


CAUSE = Cause("not_behind_iommu", _applies, ELSE)
