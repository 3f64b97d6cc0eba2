"""One of Intel's units cannot remap interrupts, so the kernel remaps on none.

Change on x86: nothing: this IOMMU cannot remap interrupts; in QEMU `intremap=on`.
"""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.cause import Caused
from vfioguard.cause.parts import machine, tables, why
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.iommu.intel import ECAP_IR
from vfioguard.kernel.iommu_class import Iommu
from vfioguard.logic import ask, every


def _caused(host: Host) -> Caused | None:
    units = list(_incapable(host))
    # A unit that was added after boot does not turn remapping off (dmar_ir_hotplug()), but one that
    # the DMAR names does, and so do all units together.
    if not units or (tables.condition(host, "unit_cannot_remap") is None and not _all(host, units)):
        return None
    parts = [
        ask(f"{unit.name} can remap interrupts (ECAP.IR)", ecap, lambda _: False)
        for unit in units
        if (ecap := unit.attributes.get("intel-iommu/ecap")) is not None
    ]
    virtual = machine.virtual(host) is not None
    end = "" if virtual else ", and no setting helps"
    name = ", ".join(f"{unit.name} (registers at {_address(unit)})" for unit in units)
    return Caused(
        sentence=f"Interrupt remapping is off: {name} cannot remap interrupts (ECAP.IR is "
        f"clear){end}.",
        rule="drivers/iommu/intel/irq_remapping.c intel_prepare_irq_remapping(): every unit must; "
        "all kernels",
        because=every("every remapping unit can remap interrupts", parts),
        change=machine.turn_on(host) if virtual else (),
        helps=virtual,
    )


def _incapable(host: Host) -> Iterator[Iommu]:
    units = host.snapshot.iommus
    for unit in units.value if isinstance(units, Fact) else ():
        ecap = unit.attributes.get("intel-iommu/ecap")
        if isinstance(ecap, Fact) and not ecap.value & ECAP_IR:
            yield unit


def _all(host: Host, incapable: list[Iommu]) -> bool:
    units = host.snapshot.iommus
    known = units.value if isinstance(units, Fact) else ()
    return len(incapable) == sum("intel-iommu/ecap" in unit.attributes for unit in known)


def _address(unit: Iommu) -> str:
    address = unit.attributes.get("intel-iommu/address")
    return f"{address.value:#x}" if isinstance(address, Fact) else "an unknown address"


CAUSE = why.of_remapping("unit_cannot_remap", _caused)
