"""`allow_unsafe_interrupts` is on: the protection is off for every device of the host.

Change: see [VfioguardGroupExposed](runbook.md#vfioguardgroupexposed) and
[VfioguardOverrideNotNeeded](runbook.md#vfioguardoverridenotneeded).
"""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.fact import Gap
from vfioguard.finding import Finding, Found
from vfioguard.inference.host import Host
from vfioguard.report import Step


def _find(host: Host, _: tuple[Gap, ...]) -> Iterator[Found]:
    for backend in ("type1", "iommufd"):
        if host.has_backend(backend):
            override = host.override(backend)
            if override.truth is True:
                yield Found(
                    f"{override.claim}: no attach is refused for its interrupts",
                    override,
                    (Step("See which groups need it", "vfioguard report --what-if override=off"),),
                )


FINDING = Finding("unsafe_override", "warning", _find)
