"""What this process can and cannot read in its sandbox, and what it cannot say without that.

Each line is the result of a try, by the calls that the readers make. No unit file is consulted.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping

from vfioguard import wording
from vfioguard.fact import Fact, Gap, gap_from
from vfioguard.judging.evaluate import evaluate
from vfioguard.kernel import iommu_groups, log
from vfioguard.kernel.firmware.acpi_tables import FILES, AcpiTables, state
from vfioguard.kernel.identity import config, osrelease, symbols
from vfioguard.kernel.interrupts import irq, irq_domains
from vfioguard.reading.take import take
from vfioguard.report import Report
from vfioguard.root import Root
from vfioguard.typed import NamedTuple

_NETLINK_KOBJECT_UEVENT = 15  # include/uapi/linux/netlink.h
_KERNEL = 1  # the group of the kernel itself; udev's own is 2
_FIRMWARE = (
    "whether the firmware allows interrupt remapping, where no interrupt shows that it is on"
)
#: The tables on which a verdict may rest (`AcpiTables`).
_DECISIVE = frozenset({"DMAR", "IVRS", "APIC", "IORT"})


class SourceLine(NamedTuple):
    """One kind of evidence. `can` is "yes", "no", or "none" if this host has no such thing."""

    can: str
    name: str
    detail: str

    def __str__(self) -> str:
        return f"{self.can:<4} {self.name:<21} {self.detail}"


class Result(NamedTuple):
    """`possible`: whether verdicts can be made here at all, which the list of groups decides."""

    possible: bool
    summary: str
    lines: tuple[SourceLine, ...]


class _Kind(NamedTuple):
    """Evidence that any one of `paths` gives, by `call`. `without` is not known if none does."""

    name: str
    call: str
    paths: tuple[str, ...]
    without: str


_KINDS = (
    _Kind(name="IOMMU groups", call="list", paths=(iommu_groups.PATH,), without="every verdict"),
    _Kind(
        name="PCI devices",
        call="list",
        paths=("/sys/bus/pci/devices",),
        without="the devices, and what drives them",
    ),
    _Kind(
        name="IOMMU units",
        call="list",
        paths=("/sys/class/iommu",),
        without="which unit translates for a device",
    ),
    _Kind(name="interrupts", call="list", paths=(irq.PATH,), without="the chip of each interrupt"),
    _Kind(
        name="interrupts in /proc",
        call="head",
        paths=("/proc/interrupts",),
        without="the same, where sysfs is silent",
    ),
    _Kind(
        name="module parameters",
        call="list",
        paths=("/sys/module",),
        without="whether an override is set",
    ),
    _Kind(
        name="command line",
        call="head",
        paths=("/proc/cmdline",),
        without="what a module would be loaded with",
    ),
    _Kind(
        name="kernel configuration",
        call="head",
        paths=(*config.PATHS, config.GZ),
        without="whether a backend that is not loaded exists",
    ),
    _Kind(
        name="kernel symbols",
        call="head",
        paths=(symbols.BTF, symbols.KALLSYMS),
        without="the rule of a kernel that may carry backports",
    ),
    _Kind(
        name="debugfs",
        call="list",
        paths=(irq_domains.PATH,),
        without="the interrupt domains of devices without MSIs",
    ),
    _Kind(
        name="kernel log",
        call="records",
        paths=(log.KMSG,),
        without="what the kernel said of remapping when it booted",
    ),
    _Kind(
        name="other processes", call="list", paths=("/proc/1/fd",), without="who holds a group open"
    ),
)


def run(root: Root, generated_at: str, environment: Mapping[str, str] = os.environ) -> Result:
    """Try every kind of evidence. A failure is a line of the result.

    `generated_at` is RFC 3339. `environment` may name the $STATE_DIRECTORY.
    """
    snapshot = take(root)
    report = evaluate(snapshot, generated_at)
    release = snapshot.kernel.release
    lines = [
        *(_try(root, kind, release) for kind in _KINDS),
        *_tables(snapshot.acpi),
        _uevents(),
        _state(environment.get("STATE_DIRECTORY", "")),
        _process(),
    ]
    gap = report.groups_read
    possible = gap is None or (gap.errno == "ENOENT" and _lists(root, "/sys/kernel"))
    return Result(possible, _summary(report, possible), tuple(lines))


def _summary(report: Report, possible: bool) -> str:
    if not possible and report.groups_read is not None:
        gap = report.groups_read
        return f"no verdict can be made: {gap.source}: {gap.detail}"
    if not report.groups:
        return "verdicts can be made, of no IOMMU group: this host has none"
    if not report.attachable:
        return "verdicts can be made, of no IOMMU group: no VFIO driver takes a member of any"
    return f"verdicts can be made: {wording.summary(report)}"


def _try(root: Root, kind: _Kind, release: Fact[osrelease.Release] | Gap) -> SourceLine:
    """A line about the first path that can be read, or else the first that exists."""
    name = release.value.text if isinstance(release, Fact) else ""
    calls: dict[str, Callable[[str], object]] = {
        "list": root.listdir,
        "head": lambda path: root.head(path, 1),
        "records": lambda path: root.records(path, 0, lambda _: b""),
    }
    failed: list[Gap] = []
    for path in (path.replace("{release}", name) for path in kind.paths):
        try:
            calls[kind.call](path)
        except OSError as error:
            failed.append(gap_from(error, path))
        else:
            return SourceLine("yes", kind.name, path)
    worst = next((gap for gap in failed if gap.why != "absent"), failed[0])
    return SourceLine("no", kind.name, f"{worst.source}: {worst.detail}; not known: {kind.without}")


def _tables(tables: AcpiTables) -> Iterator[SourceLine]:
    for name, reading in zip(FILES, tables, strict=True):
        title = f"table {name}"
        if isinstance(reading, Fact):
            yield SourceLine("yes", title, f"{reading.source}, {len(reading.value)} bytes")
        elif state(reading) == "absent":
            yield SourceLine("none", title, f"{reading.source}: {reading.detail}")
        else:
            without = f"not known: {_FIRMWARE}" if name in _DECISIVE else "no verdict rests on it"
            yield SourceLine("no", title, f"{reading.source}: {reading.detail}; {without}")


def _uevents() -> SourceLine:
    name = "uevents"
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_KOBJECT_UEVENT) as netlink:
            netlink.bind((0, _KERNEL))
    except OSError as error:
        why = f"netlink: {error.strerror}; a change is seen at the next reading and no sooner"
        return SourceLine("no", name, why)
    return SourceLine("yes", name, "the kernel's, by netlink")


def _state(path: str) -> SourceLine:
    name = "state directory"
    if not path:
        return SourceLine("none", name, "$STATE_DIRECTORY is not set")
    if os.access(path, os.W_OK | os.X_OK):
        return SourceLine("yes", name, path)
    return SourceLine(
        "no", name, f"{path} cannot be written; not known: what changed over a restart"
    )


def _process() -> SourceLine:
    """What the kernel says of this process: proc_pid_status(5)."""
    wanted = ("CapEff", "NoNewPrivs", "Seccomp")
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            parts = [line.partition(":") for line in file]
    except OSError as error:
        return SourceLine("no", "this process", f"/proc/self/status: {error.strerror}")
    facts = ", ".join(f"{name} {value.strip()}" for name, _, value in parts if name in wanted)
    return SourceLine("yes", "this process", f"uid {os.getuid()}, gid {os.getgid()}, {facts}")


def _lists(root: Root, path: str) -> bool:
    try:
        root.listdir(path)
    except OSError:
        return False
    return True
