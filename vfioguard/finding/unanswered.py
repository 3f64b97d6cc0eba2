"""A read of the host does not return: a dead device, or a driver that holds a lock for ever.

Only the fact that this read would have given is lost (root/patience.py).

Change: `echo w > /proc/sysrq-trigger; dmesg` as root shows where; remove or reset the device, else
reboot. Once the read returns, vfioguard recovers by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.fact import UNANSWERED, Gap
from vfioguard.finding import Finding, Found
from vfioguard.inference.host import Host
from vfioguard.logic import Answer, Claim


def _find(_: Host, gaps: tuple[Gap, ...]) -> Iterator[Found]:
    for gap in gaps:
        if gap.errno == UNANSWERED:
            yield _found(gap)


def _found(gap: Gap) -> Found:
    from vfioguard.remedy import hang  # most hosts answer

    path = gap.source
    because = Answer(Claim(f"{path} answers", f"{path} does not answer"), False, (gap,))
    of_device = hang.device(path)
    summary = (
        f"{path} does not answer: something in the kernel hangs"
        if of_device is None
        else f"{': '.join(of_device)} does not answer: a dead device, or a driver that hangs"
    )
    return Found(summary, because, hang.change(path))


FINDING = Finding("unanswered", "warning", _find)
