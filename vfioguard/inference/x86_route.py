"""The domain that x86 gives a PCI device that shows none: that of its remapping unit.

drivers/iommu/intel/irq_remapping.c intel_irq_remap_add_device(), drivers/iommu/amd/iommu.c
amd_iommu_set_pci_msi_domain(); POLICY 4.2 rules 3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable

from vfioguard.bdf import parse_bdf
from vfioguard.fact import Fact
from vfioguard.inference.chips import GENERIC, REMAPPING, Chips
from vfioguard.inference.irq_remapping import every_device
from vfioguard.iommu.intel import ECAP_IR
from vfioguard.irqchip.vmd import FAMILY as VMD
from vfioguard.kernel.devices import Device
from vfioguard.kernel.iommu_class import Iommu
from vfioguard.logic import Answer, agree, ask, every
from vfioguard.snapshot import Snapshot

#: VMD numbers its domains above what firmware can (drivers/pci/controller/vmd.c).
_FIRST_VMD_DOMAIN = 0x10000


class Routes:
    """One answer per remapping unit, shared by the devices behind it."""

    def __init__(
        self, snapshot: Snapshot, chips: Chips, units: dict[str, Iommu], remapping: Answer
    ) -> None:
        self._snapshot = snapshot
        self._chips = chips
        self._units = units
        self._remapping = remapping
        self._answers: dict[str, Answer] = {}
        self._shown: dict[str, dict[bool, Answer]] | None = None

    def __call__(self, device: Device) -> Answer:
        """Whether the device gets a domain that remaps its MSIs."""
        unit = self._units.get(device.name)
        if unit is None:
            return self._without_unit(device)
        answer = self._answers.get(unit.name)
        if answer is None:
            answer = self._answers[unit.name] = self._unit(unit)
        if len(device.name) > len("0000:00:00.0") and _domain(device) >= _FIRST_VMD_DOMAIN:
            claim = f"{device.name} gets the remapping domain of {unit.name} through its VMD"
            return every(claim, (answer, self._bypass(device)))
        return Answer(f"{device.name} gets the MSI domain of {unit.name}", answer.truth, (answer,))

    def _without_unit(self, device: Device) -> Answer:
        """Not known to be behind a unit: remapping that is off is off for it as well."""
        claim = f"{device.name} is behind a remapping unit"
        managed = ask(claim, self._snapshot.iommus, lambda _: None)
        return every(f"{device.name} gets a remapping MSI domain", (self._remapping, managed))

    def _unit(self, unit: Iommu) -> Answer:
        parts = [self._remaps(unit)]
        claim = "no hypervisor puts an MSI domain of its own in front"
        hypervisor = self._snapshot.kernel.hypervisor
        parts.append(ask(claim, hypervisor, lambda name: None if name else True))
        parts.append(ask(f"{unit.name} names the devices it manages", unit.devices, lambda _: True))
        return every(f"{unit.name} remaps the MSIs of the devices behind it", parts)

    def _remaps(self, unit: Iommu) -> Answer:
        """By what other devices behind the unit show, else by the machine and the unit's ECAP."""
        shown = self._shown_by_unit().get(unit.name)
        if shown and True in shown:
            return agree(f"devices behind {unit.name} have remapped MSIs", shown.values())
        parts = [self._remapping]
        ecap = unit.attributes.get("intel-iommu/ecap")
        if ecap is not None:
            claim = f"{unit.name} can remap interrupts (ECAP.IR)"
            parts.append(ask(claim, ecap, lambda bits: bool(bits & ECAP_IR)))
        return every(f"{unit.name} takes part in interrupt remapping", parts)

    def _shown_by_unit(self) -> dict[str, dict[bool, Answer]]:
        if self._shown is None:
            self._shown = {}
            for device in every_device(self._snapshot):
                unit = self._units.get(device.name)
                family = self._chips.family(device) if unit else None
                if unit is None or family is None or device.chip is None:
                    continue
                if family.family in {REMAPPING, GENERIC}:
                    remapped = family.family == REMAPPING
                    seen = self._shown.setdefault(unit.name, {})
                    if remapped not in seen:
                        claim = f"{device.name} has remapped MSIs"
                        seen[remapped] = ask(claim, device.chip, _constant(remapped))
        return self._shown

    def _bypass(self, device: Device) -> Answer:
        """A VMD either hands its children's MSIs through, or remaps them onto its own vectors."""
        claim = f"the VMD above {device.name} hands MSIs through"
        domain = _domain(device)
        endpoints: list[Device] = []
        for other in every_device(self._snapshot):
            if _domain(other) == domain and isinstance(other.chip, Fact):
                if self._chips.is_family(other, VMD):
                    return ask(claim, other.chip, lambda _: False)
                if self._chips.is_family(other, REMAPPING):
                    return ask(claim, other.chip, lambda _: True)
            if other.driver == "vmd":
                endpoints.append(other)
        with_vectors = [other for other in endpoints if isinstance(other.chip, Fact)]
        if endpoints and len(with_vectors) == len(endpoints):
            # It allocates vectors of its own only to remap onto them.
            return ask(claim, endpoints[0].msi_irqs, lambda _: False)
        return ask(claim, device.msi_irqs, lambda _: None)


def _constant(truth: bool) -> Callable[[str], bool]:
    return lambda _: truth


def _domain(device: Device) -> int:
    bdf = parse_bdf(device.name)
    return -1 if bdf is None else bdf.domain
