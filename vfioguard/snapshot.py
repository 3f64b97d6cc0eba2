"""The host at one moment: every fact that the policies need, with its source."""

from __future__ import annotations

from collections.abc import Mapping

from vfioguard.fact import Fact, Reading
from vfioguard.kernel import iommu_class, module_param
from vfioguard.kernel.devices import Device
from vfioguard.kernel.firmware import acpi_tables
from vfioguard.kernel.identity.running import Kernel
from vfioguard.kernel.interrupts import irq, irq_domains
from vfioguard.kernel.members import Members, position
from vfioguard.typed import TYPE_CHECKING, NamedTuple

# Most hosts do not need these modules, so the functions that read by them import them.
if TYPE_CHECKING:
    from vfioguard.kernel.firmware.wiring import Wiring
    from vfioguard.kernel.identity.dmi import Machine
    from vfioguard.kernel.identity.processor import Processor
    from vfioguard.kernel.identity.site import Site
    from vfioguard.kernel.log import Log

#: (module, parameter) of both overrides and of the no-IOMMU mode.
TYPE1 = ("vfio_iommu_type1", "allow_unsafe_interrupts")
IOMMUFD = ("iommufd", "allow_unsafe_interrupts")
NOIOMMU = ("vfio", "enable_unsafe_noiommu_mode")
#: (module, parameter) that lets vfio-pci take the devices of its list.
DENYLIST = ("vfio_pci", "disable_denylist")


class Interrupts(NamedTuple):
    """The files that show how interrupts are routed. `log` is None if the others decide."""

    wired: tuple[irq.WiredIrq, ...]
    proc: Reading[Mapping[int, str]]
    domains: Reading[tuple[Reading[irq_domains.IrqDomain], ...]]
    ir_translation: Reading[bool]
    log: Reading[Log] | None


class Snapshot(NamedTuple):
    """The host. `devices` are those without a group. `wiring` is None on x86.

    `machine` and `processor` are None without an IVRS; Linux reads an IVRS by them. `chipset` (PCI
    id and revision) is None unless the chipset may be too early to remap and no interrupt is
    remapped. `modules`: a loaded module of VFIO, if no parameter shows one. `container`: whether
    VFIO provides /dev/vfio/vfio; None if other files tell, or if no verdict depends on it. `site`
    reads facts that only an advice needs, when somebody asks. `denylist` switches off vfio-pci's
    list of devices that it does not take; None if the host has no such device. `beside` are the
    numbers of groups that only tell of others, and get no verdict themselves. `unloadable` is what
    keeps vfio-pci from being loaded (kernel/loadable.py), or None.
    """

    kernel: Kernel
    parameters: tuple[module_param.Parameter, ...]
    iommus: Reading[tuple[iommu_class.Iommu, ...]]
    interrupts: Interrupts
    groups: Reading[tuple[Members, ...]]
    devices: tuple[Device, ...]
    acpi: acpi_tables.AcpiTables
    wiring: Wiring | None
    machine: Reading[Machine] | None = None
    processor: Reading[Processor] | None = None
    chipset: Reading[tuple[str, int]] | None = None
    modules: tuple[str, ...] = ()
    container: Reading[bool] | None = None
    site: Site | None = None
    denylist: module_param.Parameter | None = None
    beside: frozenset[int] = frozenset()
    unloadable: Fact[str] | None = None

    def parameter(self, which: tuple[str, str]) -> module_param.Parameter:
        """The parameter named by (module, name)."""
        return next(p for p in self.parameters if (p.module, p.name) == which)

    @property
    def members(self) -> tuple[Members, ...]:
        """The groups with their devices; empty if they could not be listed."""
        return self.groups.value if isinstance(self.groups, Fact) else ()

    @property
    def judged(self) -> tuple[Members, ...]:
        """The groups that get verdicts."""
        if not self.beside:
            return self.members
        return tuple([each for each in self.members if each.group.id not in self.beside])

    def group(self, number: int) -> Members | None:
        """The group of this number. Returns None if there is no such group."""
        index = position(self.members, number)
        return None if index is None else self.members[index]
