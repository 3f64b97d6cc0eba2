"""What causes of a missing IOMMU group ask: which IOMMU is in use, and what firmware offers."""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.acpi.parts.iort_bodies import Smmu, SmmuV3
from vfioguard.bdf import parse_bdf
from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference import tables, virtual
from vfioguard.inference.host import Host
from vfioguard.inference.translated import Translated
from vfioguard.inference.without_group.late_group import LateGroups
from vfioguard.kernel.devices import Device
from vfioguard.kernel.firmware.acpi_tables import PATH
from vfioguard.kernel.identity.arch import is_x86
from vfioguard.kernel.iommu_class import instances
from vfioguard.kernel.members import Members
from vfioguard.kernel.uevent import DISPLAY
from vfioguard.logic import Answer, ask
from vfioguard.report import GroupReport

INTEL, AMD = "GenuineIntel", ("AuthenticAMD", "HygonGenuine")


def asked(group: GroupReport | None, members: Members | None) -> bool:
    """Whether the question is about a function that no IOMMU translates, or about such a host."""
    return group is None or (members is not None and members.group.noiommu)


def function(group: GroupReport | None, members: Members | None) -> Device | None:
    """The function without a group that is asked about. Returns None for the whole host."""
    single = group is None and members is not None and len(members.devices) == 1
    return members.devices[0] if single and members is not None else None


def integrated(device: Device) -> bool:
    """Whether this is a display on the root bus."""
    address = parse_bdf(device.name)
    kind = device.uevent.value.pci_class if isinstance(device.uevent, Fact) else None
    return address is not None and address.bus == 0 and kind is not None and kind >> 16 == DISPLAY


def none_in_use(host: Host, group: GroupReport | None, members: Members | None) -> bool:
    """Whether the question is why no IOMMU of this host is in use."""
    return asked(group, members) and in_use(host) is False


def in_use(host: Host) -> bool | None:
    """Whether an IOMMU is in use. Returns None if the list of them cannot be read."""
    snapshot = host.snapshot
    if any(not members.group.noiommu for members in snapshot.members):
        return True
    units = instances(snapshot.iommus)
    if isinstance(units, Fact):
        return bool(units.value)
    return False if units.why is Why.ABSENT else None


def none_shown(host: Host) -> Answer:
    """The proof that no IOMMU is in use."""
    return ask("an IOMMU is in use", instances(host.snapshot.iommus), bool)


def words(host: Host) -> tuple[str, ...]:
    """The words of the command line; none if it cannot be read."""
    options = host.snapshot.kernel.cmdline
    return options.value if isinstance(options, Fact) else ()


def absent(table: Reading[bytes]) -> bool:
    """Whether firmware has no such table: the others are listed, and it is not among them."""
    return isinstance(table, Gap) and table.why is Why.ABSENT and table.source != PATH


def unread(table: Reading[bytes]) -> bool:
    """Whether the table may be there: it cannot be read, or no table is shown at all."""
    return isinstance(table, Gap) and not absent(table)


def maker(host: Host) -> str | None:
    """The maker of the IOMMU by the table that is there, else of the x86 processor, or None."""
    acpi = host.snapshot.acpi
    if isinstance(acpi.dmar, Fact):
        return INTEL
    if isinstance(acpi.ivrs, Fact):
        return AMD[0]
    site = host.snapshot.site
    vendor = site.vendor if site is not None and is_x86(host.snapshot.kernel.arch) else None
    return vendor.value if isinstance(vendor, Fact) else None


def wanted(host: Host) -> bool | None:
    """Whether Intel's driver is to translate: intel_iommu_setup(), and the kernel's default.

    In a word the last "on" or "off" counts, and the last word. Returns None if the default counts
    and is not known.
    """
    chosen: bool | None = None
    for choice in choices(host):
        chosen = False if choice.startswith("off") else True if choice.startswith("on") else chosen
    if chosen is not None:
        return chosen
    config = host.snapshot.kernel.config
    defaults = ("INTEL_IOMMU_DEFAULT_ON", "INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF")
    known = [config.value.get(name) for name in defaults] if isinstance(config, Fact) else []
    return True if "y" in known else False if "n" in known else None


def choices(host: Host) -> Iterator[str]:
    """The choices of each intel_iommu= on the command line, in their order."""
    for word in words(host):
        name, _, value = word.partition("=")
        if name == "intel_iommu":
            yield from value.split(",")


def option(host: Host, name: str) -> str | None:
    """An option of the kernel's configuration: "y", "m" or "n"; None if it is not known."""
    config = host.snapshot.kernel.config
    return config.value.get(name) if isinstance(config, Fact) else None


#: The rule of causes of guests.
GUEST = "the kernel uses the IOMMUs that firmware describes, and it describes none; all kernels"


def guest_without_table(host: Host, *names: str) -> virtual.Hypervisor | None:
    """The hypervisor, if it is one of `names` and shows this guest no IOMMU.

    Other guests than those of x86 and Arm are told what their architecture lacks.
    """
    acpi = host.snapshot.acpi
    shown = any(isinstance(table, Fact) for table in (acpi.dmar, acpi.ivrs, acpi.viot))
    if shown or smmus(host) or not (host.is_x86 or host.is_arm):
        return None
    below = virtual.hypervisor(host)
    return below if below is not None and below.name in names else None


def smmus(host: Host) -> bool:
    """Whether the IORT names an SMMU."""
    table = tables.iort(host.snapshot.acpi.iort)
    nodes = table.value.by_offset().values() if isinstance(table, Fact) else ()
    return any(isinstance(node.body, Smmu | SmmuV3) for node in nodes)


def late_groups(host: Host) -> LateGroups:
    """The answers for functions whose group is made late; one set for the host."""
    return host.once(_late_groups)


def _late_groups(host: Host) -> LateGroups:
    return LateGroups(host.snapshot)


def translation(host: Host) -> Translated | None:
    """The way from functions to IOMMUs by firmware; None on x86."""
    return host.once(_translation)


def _translation(host: Host) -> Translated | None:
    wiring = host.snapshot.wiring
    return None if wiring is None else Translated(host.snapshot, wiring)


def other_guest(host: Host) -> bool:
    """Whether this is a guest of another hypervisor than QEMU, which has causes of its own."""
    below = virtual.hypervisor(host)
    return below is not None and below.name != virtual.QEMU


def guest(below: virtual.Hypervisor) -> Answer:
    """The proof that this machine is a guest."""
    return Answer("this machine runs on no hypervisor", False, (below.shown,))
