"""What to do about two sources of which one is wrong."""

from __future__ import annotations

from vfioguard.report import Step

CHANGE = (
    Step("Find the source that is wrong: a log of another boot, or a hypervisor's."),
    Step(
        "If both are of this boot, send the capture as a bug report.",
        "vfioguard capture host.tar.xz",
    ),
)
