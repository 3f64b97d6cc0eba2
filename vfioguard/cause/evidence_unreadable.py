"""The verdict rests on a file that cannot be read. `explain` names it, and the right that reads it.

Change on every architecture: run as root, or give the file to the daemon or the container.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import proof
from vfioguard.fact import UNANSWERED, Gap, Why
from vfioguard.inference.host import Host
from vfioguard.kernel.firmware import acpi_tables
from vfioguard.kernel.identity import osrelease
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer
from vfioguard.remedy import hang
from vfioguard.report import GroupReport, Step

_TABLES = acpi_tables.PATH
#: Where a path begins -> the steps that have it read, if it is denied or not there.
_READ: tuple[tuple[str, Step], ...] = (
    (
        _TABLES,
        Step(
            "Run vfioguard as root, which alone may read the tables; the packaged daemon gets them "
            "as systemd credentials (LoadCredential=).",
            "sudo vfioguard report",
        ),
    ),
    (
        "/dev/kmsg",
        Step(
            "Run vfioguard as root: with kernel.dmesg_restrict=1 the log takes CAP_SYSLOG.",
            "sudo vfioguard report",
        ),
    ),
    (
        "/sys/kernel/debug",
        Step("Mount debugfs, and run as root.", "mount -t debugfs none /sys/kernel/debug"),
    ),
    (
        "/boot/",
        Step(
            "Let vfioguard read the kernel's configuration: mount /boot into the container.",
            "docker run -v /boot:/boot:ro",
        ),
    ),
    (
        "/proc/",
        Step("Run vfioguard as root, with the host's own /proc.", "sudo vfioguard report"),
    ),
    (
        "/sys/",
        Step(
            "Run vfioguard as root, with the host's own /sys.", "docker run -v /sys:/sys:ro"
        ),
    ),
)  # fmt: skip
_HIDDEN = Step(
    "The firmware's tables are hidden, as container runtimes do: mount them into the container.",
    "docker run -v /sys/firmware:/sys/firmware:ro",
)
_BROKEN = Step("The kernel fails to read it: look for the reason in its log.", "dmesg")


def _applies(_: Host, group: GroupReport | None, __: Members | None) -> Caused | None:
    for verdict in proof.unknown(group) if group is not None else ():
        if proof.contradicted(verdict.isolated) is None:
            lost = list(_lost(proof.gaps(verdict.isolated)))
            if lost:
                return _of(lost)
    return None


def _lost(gaps: Iterable[Gap]) -> Iterator[Gap]:
    """The gaps that a privilege or a mount would fill, each path once."""
    seen: set[str] = set()
    for gap in gaps:
        hidden = gap.why is Why.ABSENT and gap.source in {_TABLES, "/sys/firmware"}
        # A release that tells too little was read all the same (kernel_unknown.py).
        told = gap.why is Why.MALFORMED and gap.source in {osrelease.PATH, osrelease.VERSION}
        if (gap.why is not Why.ABSENT or hidden) and not told and gap.source not in seen:
            seen.add(gap.source)
            yield gap


def _of(lost: list[Gap]) -> Caused:
    told = ", ".join(f"{gap.source} ({gap.errno or gap.detail})" for gap in lost)
    steps = dict.fromkeys(step for gap in lost for step in _steps(gap))
    return Caused(
        sentence=f"Whether the interrupts are isolated is not known: {told} cannot be read.",
        rule="vfioguard calls nothing allowed that it cannot prove",
        because=Answer("the evidence can be read", False, tuple(lost)),
        change=tuple(steps),
    )


def _steps(gap: Gap) -> tuple[Step, ...]:
    if gap.errno == UNANSWERED:
        return hang.change(gap.source)
    if gap.why in {Why.FAILED, Why.MALFORMED}:
        return (_BROKEN,)
    if gap.source == _TABLES:  # the directory itself: absent, or emptied by a container's runtime
        return (_HIDDEN,)
    return (next((step for begin, step in _READ if gap.source.startswith(begin)), _READ[-1][1]),)


CAUSE = Cause("evidence_unreadable", _applies)
