"""A read of the host does not return: a dead device, or a driver that holds a lock for ever.

Only the fact that this read would have given is lost (root/patience.py).

Change: `dmesg` and `cat /proc/*/task/*/stack` as root show where; remove or reset the device, else
reboot. Once the read returns, vfioguard recovers by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.fact import UNANSWERED, Gap
from vfioguard.finding import Finding, Found
from vfioguard.inference.host import Host
from vfioguard.logic import Answer, Claim

_DEVICES = "/sys/bus/pci/devices/"


def _find(_: Host, gaps: tuple[Gap, ...]) -> Iterator[Found]:
    for gap in gaps:
        if gap.errno == UNANSWERED:
            claim = Claim(f"{gap.source} answers", f"{gap.source} does not answer")
            yield Found(_summary(gap.source), Answer(claim, False, (gap,)))


def _summary(path: str) -> str:
    device, _, attribute = path.removeprefix(_DEVICES).partition("/")
    if path.startswith(_DEVICES) and attribute:
        return f"{device}: {attribute} does not answer: a dead device, or a driver that hangs"
    return f"{path} does not answer: something in the kernel hangs"


FINDING = Finding("unanswered", "warning", _find)
