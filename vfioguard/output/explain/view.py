"""The part of a host that a text names, and the words of the tables as this host would say them."""

from __future__ import annotations

from vfioguard.inference import era
from vfioguard.inference.borders import Border
from vfioguard.inference.host import Host
from vfioguard.kernel.devices import Device
from vfioguard.kernel.identity.arch import is_arm, is_x86
from vfioguard.output.explain.no_group import no_group
from vfioguard.report import GroupReport, Report, UngroupedDevice
from vfioguard.snapshot import Snapshot
from vfioguard.symptom import Cause
from vfioguard.symptom.words import Names
from vfioguard.typed import NamedTuple


class View(NamedTuple):
    """The host, and the part of it that a text names.

    `groups` are those that are named, or all if none is; `alone` are named devices without a group.
    `missing` are named groups and devices that the host does not have. `named` says whether the
    text names anything that is here.
    """

    host: Host
    report: Report
    groups: tuple[GroupReport, ...]
    alone: tuple[UngroupedDevice, ...]
    devices: frozenset[str]
    missing: tuple[str, ...]
    named: bool

    @property
    def snapshot(self) -> Snapshot:
        """The host's facts."""
        return self.host.snapshot

    @property
    def elsewhere(self) -> bool:
        """Whether the text speaks of another host only: it names devices, and none is here."""
        return bool(self.missing) and not self.named


def view(host: Host, report: Report, names: Names) -> View:
    """What of this host a text names. A short address is a device only if it is here."""
    numbers = {group.id: group for group in report.groups}
    group_of = {device.name: group for group in report.groups for device in group.devices}
    alone = {device.name: device for device in report.ungrouped}
    short = set(names.short)
    devices = dict.fromkeys(names.devices)
    if short:
        here = (*group_of, *alone)
        devices |= dict.fromkeys(name for name in here if name.partition(":")[2] in short)
    groups = {number: numbers[number] for number in names.groups if number in numbers}
    groups |= {group_of[name].id: group_of[name] for name in devices if name in group_of}
    missing = [f"group {number}" for number in names.groups if number not in numbers]
    missing += [name for name in devices if name not in group_of and name not in alone]
    named = tuple(alone[name] for name in devices if name in alone)
    return View(
        host=host,
        report=report,
        groups=tuple(groups.values()) or (() if named else report.groups),
        alone=named,
        devices=frozenset(devices),
        missing=tuple(missing),
        named=bool(groups or named),
    )


def carried(cause: Cause, of: View) -> bool:
    """Whether the running kernel may answer so: it is not older or newer than the cause."""
    version = era.version(of.snapshot)
    if cause.since is not None and Border(cause.since, older=False).passed(version) is False:
        return False
    if cause.until is None:
        return True
    after = (cause.until[0], cause.until[1] + 1)
    return Border(after, older=False).passed(version) is not True


def filled(text: str, of: View, driver: str | None) -> str:
    """A text of the tables with the words of this host in place of those in braces."""
    if "{" not in text:
        return text
    kernel = of.snapshot.kernel
    memory = "RMRR, IVMD" if is_x86(kernel.arch) else "RMR" if is_arm(kernel.arch) else "direct"
    text = text.replace("{memory}", memory).replace("{backend}", backend(of) or "vfio_iommu_type1")
    if "{driver}" in text:
        text = text.replace("{driver}", directory(driver))
    if "{no_group}" in text:
        _, change = no_group(of.host, alone(of))
        text = text.replace("{no_group}", change or "vfioguard explain DEVICE says why it has none")
    return text


def alone(of: View) -> Device | None:
    """The first named device without a group. Returns None if there is none."""
    names = {device.name for device in of.alone}
    return next((device for device in of.snapshot.devices if device.name in names), None)


def directory(driver: str | None) -> str:
    """What to do if a driver's directory is not in sysfs.

    drivers/vfio/pci/*/main.c: vfio-pci has a dash in its name, its variants are KBUILD_MODNAME.
    """
    if driver is None:
        return "modprobe vfio-pci, then ls /sys/bus/pci/drivers"
    plain = driver.replace("-", "_")
    name = plain.replace("_", "-") if plain in {"vfio_pci", "vfio_platform"} else plain
    if name != driver:
        return f"the driver's directory is /sys/bus/pci/drivers/{name}, with other dashes"
    return f"modprobe {driver}, then ls /sys/bus/pci/drivers"


def backend(of: View) -> str | None:
    """The module whose override decides here: vfio_iommu_type1 or iommufd; None if neither does."""
    modules = {"type1": "vfio_iommu_type1", "iommufd": "iommufd"}
    backends = (policy.backend for policy in of.report.policies if policy.in_force)
    return next((modules[name] for name in backends if name in modules), None)
