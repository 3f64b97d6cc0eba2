"""Which hypervisor this machine runs on, or below; None on bare metal, or if nothing tells.

Xen and Hyper-V show themselves in sysfs. Others are known by the maker's name in an ACPI table's
header or in DMI: the names that systemd's src/basic/virt.c dmi_vendor_table has, and those of
QEMU's and cloud-hypervisor's tables. A name proves a hypervisor; that there is none, only flags of
an x86 processor prove.
"""

from __future__ import annotations

from vfioguard.fact import Fact, printable_bytes
from vfioguard.inference.host import Host
from vfioguard.kernel.identity.dmi import Machine
from vfioguard.logic import Answer, ask

XEN, HYPERV, QEMU, VMWARE, EC2 = "xen", "hyperv", "qemu", "vmware", "ec2"
CLOUD_HYPERVISOR, VIRTUALBOX, BHYVE, CLOUD, OTHER = (
    "cloud-hypervisor",
    "virtualbox",
    "bhyve",
    "cloud",
    "other",
)
_SHOWN = {"xen": XEN, "hyperv": HYPERV}
#: The OEM id in an ACPI table's header, without the blanks at its end.
_OEMS = {
    "BOCHS": QEMU,
    "CLOUDH": CLOUD_HYPERVISOR,
    "VMWARE": VMWARE,
    "VRTUAL": HYPERV,
    "AMAZON": EC2,
    "VBOX": VIRTUALBOX,
    "BHYVE": BHYVE,
    "Xen": XEN,
}
#: Beginnings of DMI's vendor.
_VENDORS = (
    ("QEMU", QEMU),
    ("KubeVirt", QEMU),
    ("VMware", VMWARE),
    ("VMW", VMWARE),
    ("Cloud Hypervisor", CLOUD_HYPERVISOR),
    ("innotek GmbH", VIRTUALBOX),
    ("BHYVE", BHYVE),
    ("Xen", XEN),
    ("DigitalOcean", CLOUD),
    ("Alibaba Cloud", CLOUD),
    ("OpenStack", QEMU),
    ("Bochs", QEMU),
    ("Parallels", OTHER),
    ("Apple Virtualization", OTHER),
)
_PRODUCTS = (
    ("KVM", QEMU),
    ("OpenStack", QEMU),
    ("VirtualBox", VIRTUALBOX),
    ("KubeVirt", QEMU),
    ("Google Compute Engine", CLOUD),
)
#: Makers that also have machines of bare metal.
_ALSO_METAL = frozenset({EC2, CLOUD, HYPERV})


class Hypervisor:
    """A hypervisor's `name`, one of this module's, and what shows it."""

    def __init__(self, name: str, shown: Answer) -> None:
        self.name = name
        self.shown = shown


def hypervisor(host: Host) -> Hypervisor | None:
    """The hypervisor; made once for a host by `Host.once`."""
    return host.once(_find)


def _find(host: Host) -> Hypervisor | None:
    kernel = host.snapshot.kernel.hypervisor
    if isinstance(kernel, Fact) and kernel.value in _SHOWN:
        claim = "the kernel runs on Xen" if kernel.value == "xen" else "the kernel runs on Hyper-V"
        return Hypervisor(_SHOWN[kernel.value], ask(claim, kernel, bool))
    for table in (host.snapshot.acpi.madt, host.snapshot.acpi.dmar, host.snapshot.acpi.mcfg):
        if isinstance(table, Fact):
            oem = printable_bytes(table.value[10:16].rstrip(b" \0"))
            if oem in _OEMS:
                claim = f"a hypervisor made the ACPI tables (OEM {oem})"
                return Hypervisor(
                    _OEMS[oem], ask(claim, Fact(oem, oem.encode(), table.source), bool)
                )
    return _by_site(host)


def _by_site(host: Host) -> Hypervisor | None:
    site = host.snapshot.site
    if site is None:
        return None
    machine, virtual = site.machine, site.virtual if host.is_x86 else None
    native = isinstance(virtual, Fact) and not virtual.value
    name = _by_names(machine.value) if isinstance(machine, Fact) else None
    if isinstance(machine, Fact) and name is not None and not (native and name in _ALSO_METAL):
        claim = f"DMI names a virtual machine ({machine.value.vendor})"
        return Hypervisor(name, ask(claim, machine, lambda _: True))
    if isinstance(virtual, Fact) and virtual.value:
        return Hypervisor(OTHER, ask("the processor's flags name a hypervisor", virtual, bool))
    return None


def _by_names(machine: Machine) -> str | None:
    if machine.vendor.startswith("Amazon EC2"):
        # An instance of bare metal has that vendor too: "m5.metal", "c7g.metal".
        return None if "metal" in machine.product else EC2
    if machine.vendor.startswith("Microsoft Corporation") and "Virtual" in machine.product:
        return HYPERV
    for beginning, name in _VENDORS:
        if machine.vendor.startswith(beginning):
            return name
    return next((name for part, name in _PRODUCTS if machine.product.startswith(part)), None)
