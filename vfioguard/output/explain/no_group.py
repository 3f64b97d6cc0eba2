"""What gives a device its IOMMU group, and what a cause says to do, in one line."""

from __future__ import annotations

from vfioguard.inference.host import Host
from vfioguard.kernel.devices import Device
from vfioguard.report import CauseReport, Step

#: Steps that one line holds.
_STEPS = 2


def no_group(host: Host, device: Device | None) -> tuple[str, str]:
    """(why `device` is in no group, what to do); without a device, why this host has no group.

    Both are "" if no cause is known.
    """
    from vfioguard.judging.causes import causes_without_group

    causes = causes_without_group(host, device) or causes_without_group(host)
    return (causes[0].sentence.rstrip("."), advice(causes[0])) if causes else ("", "")


def advice(cause: CauseReport) -> str:
    """The first steps of a cause."""
    if not cause.change:
        return "no setting helps"
    return "; then: ".join(map(_told, cause.change[:_STEPS]))


def _told(step: Step) -> str:
    do = step.do.rstrip(".")
    return do if step.where is None or step.where in do else f"{do}: {step.where}"
