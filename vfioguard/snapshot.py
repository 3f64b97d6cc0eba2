"""The host at one moment: everything that the policies ask for, each fact with its source."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from vfioguard.fact import Fact, Reading
from vfioguard.kernel import iommu_class, module_param
from vfioguard.kernel.devices import Device
from vfioguard.kernel.firmware import acpi_tables
from vfioguard.kernel.identity.running import Kernel
from vfioguard.kernel.interrupts import irq, irq_domains
from vfioguard.kernel.members import Members, position

# What most hosts do not need is imported where it is read.
if TYPE_CHECKING:
    from vfioguard.kernel.firmware.wiring import Wiring
    from vfioguard.kernel.identity.dmi import Machine
    from vfioguard.kernel.identity.processor import Processor
    from vfioguard.kernel.log import Log
else:  # names for the annotations below, which are no strings (ARCHITECTURE.md)
    Machine = Log = Processor = Wiring = object

#: (module, parameter) of both overrides and of the no-IOMMU mode.
TYPE1 = ("vfio_iommu_type1", "allow_unsafe_interrupts")
IOMMUFD = ("iommufd", "allow_unsafe_interrupts")
NOIOMMU = ("vfio", "enable_unsafe_noiommu_mode")


class Interrupts(NamedTuple):
    """What shows the machine's interrupt routing. None: not read, as the rest decides."""

    wired: tuple[irq.WiredIrq, ...]
    proc: Reading[Mapping[int, str]]
    domains: Reading[tuple[Reading[irq_domains.IrqDomain], ...]]
    ir_translation: Reading[bool]
    log: Reading[Log] | None


class Snapshot(NamedTuple):
    """The host. `devices` are those without a group; `wiring` is None on x86.

    `machine` and `processor` are read where there is an IVRS, which Linux reads by them; `chipset`
    (PCI id and revision) where one may be too early to remap, and nothing shows that it does.
    `modules` are VFIO's loaded ones, looked for where no parameter shows one; `container`: whether
    VFIO provides /dev/vfio/vfio, asked where no file says it for less.
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

    def parameter(self, which: tuple[str, str]) -> module_param.Parameter:
        """The parameter named by (module, name)."""
        return next(p for p in self.parameters if (p.module, p.name) == which)

    @property
    def members(self) -> tuple[Members, ...]:
        """The groups with their devices, none where they could not be listed."""
        return self.groups.value if isinstance(self.groups, Fact) else ()

    def group(self, number: int) -> Members | None:
        """The group of this number."""
        index = position(self.members, number)
        return None if index is None else self.members[index]
