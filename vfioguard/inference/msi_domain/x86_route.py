"""The MSI domain of an x86 PCI device that shows no MSI: that of its remapping unit.

drivers/iommu/intel/irq_remapping.c intel_irq_remap_add_device(), drivers/iommu/amd/iommu.c
amd_iommu_set_pci_msi_domain(); policy.md 4.2 rules 3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference.chips import GENERIC, REMAPPING, Chips
from vfioguard.inference.remapping.enabled import able
from vfioguard.inference.witnesses import FIRST_VMD_DOMAIN, Witness, Witnesses, domain
from vfioguard.iommu.intel import ECAP_IR
from vfioguard.kernel.devices import Device
from vfioguard.kernel.iommu_class import Iommu, instances
from vfioguard.kernel.uevent import Uevent
from vfioguard.logic import Answer, Claim, agree, ask, every
from vfioguard.snapshot import Snapshot

_NO_HYPERVISOR = Claim(
    "no hypervisor puts an MSI domain of its own in front",
    unknown="a hypervisor may put an MSI domain of its own in front",
)
_CAN = Claim("this VMD can do without", "this VMD is of a model that always remaps MSIs")


class Routes:
    """One answer for each remapping unit, which the devices behind it share."""

    def __init__(
        self,
        snapshot: Snapshot,
        chips: Chips,
        units: Mapping[str, Iommu],
        witnesses: Witnesses,
        remapping: Answer,
    ) -> None:
        self._instances = instances(snapshot.iommus)
        self._hypervisor = snapshot.kernel.hypervisor
        self._chips = chips
        self._units = units
        self._witnesses = witnesses
        self._remapping = remapping
        self._answers: dict[str, Answer] = {}

    def __call__(self, device: Device) -> Answer:
        """Whether the device gets a domain that remaps its MSIs."""
        unit = self._units.get(device.name)
        if unit is None:
            return self._without_unit(device)
        answer = self._answers.get(unit.name)
        if answer is None:
            answer = self._answers[unit.name] = self._unit(unit)
        if len(device.name) > len("0000:00:00.0") and domain(device.name) >= FIRST_VMD_DOMAIN:
            claim = Claim(
                f"{device.name} gets the remapping domain of {unit.name} through its VMD",
                f"{device.name} gets no remapping domain of {unit.name} through its VMD",
            )
            return every(claim, (answer, self._bypass(device)))
        gets: str = f"{device.name} gets the MSI domain of {unit.name}"
        if answer.truth is not True:  # most hosts remap, and have thousands of devices
            denied = f"{device.name} gets no MSI domain that {unit.name} remaps"
            unknown = f"it is not known whether {unit.name} remaps the MSIs of {device.name}"
            gets = Claim(gets, denied, unknown)
        return Answer(gets, answer.truth, (answer,))

    def _without_unit(self, device: Device) -> Answer:
        """The answer for a device that is not known to be behind a unit.

        If remapping is off for the machine, it is off for this device as well.
        """
        name = device.name
        managed = ask(f"{name} is behind a remapping unit", self._instances, lambda _: None)
        claim = Claim(
            f"{name} gets a remapping MSI domain", f"{name} gets no MSI domain that remaps"
        )
        return every(claim, (self._remapping, managed))

    def _unit(self, unit: Iommu) -> Answer:
        parts = [self._remaps(unit)]
        parts.append(ask(_NO_HYPERVISOR, self._hypervisor, lambda name: None if name else True))
        listed: Reading[object] = unit.devices
        if isinstance(listed, Fact):  # so that the proof does not change with each device
            listed = Fact(True, b"lists them", listed.source)
        parts.append(ask(f"{unit.name} names the devices it manages", listed, lambda _: True))
        remaps = Claim(
            f"{unit.name} remaps the MSIs of the devices behind it",
            f"{unit.name} does not remap the MSIs of the devices behind it",
        )
        return every(remaps, parts)

    def _remaps(self, unit: Iommu) -> Answer:
        """Whether a unit remaps: by other devices behind it, else by the machine and its ECAP.

        At boot remapping is on for all units or for none (intel_prepare_irq_remapping()). The
        kernel tolerates a unit that is added later without ECAP.IR (dmar_ir_hotplug()). So MSIs
        that are not remapped, behind a unit that can remap, contradict a machine that remaps.
        """
        shown = list(self._shown(unit))
        if any(answer.truth for answer in shown):
            return agree(f"devices behind {unit.name} have remapped MSIs", shown)
        parts = [self._remapping]
        ecap = unit.attributes.get("intel-iommu/ecap")
        if ecap is not None:
            parts.append(ask(able(unit.name), ecap, lambda bits: bool(bits & ECAP_IR)))
        claim = Claim(
            f"{unit.name} takes part in interrupt remapping",
            f"{unit.name} takes no part in interrupt remapping",
        )
        answer = every(claim, parts)
        return agree(claim, (answer, *shown)) if answer.truth else answer

    def _shown(self, unit: Iommu) -> Iterator[Answer]:
        """The answers by a device behind the unit with remapped MSIs, and by one with others."""
        for family in (REMAPPING, GENERIC):
            device = self._witnesses.behind(unit.name, family)
            if device is not None and device.chip is not None:
                name = device.name
                claim = Claim(f"{name} has remapped MSIs", f"{name} has MSIs that are not remapped")
                yield ask(claim, device.chip, _constant(family == REMAPPING))

    def _bypass(self, device: Device) -> Answer:
        """Whether the VMD above the device hands MSIs through; else it remaps them.

        drivers/pci/controller/vmd.c vmd_enable_domain() allocates vectors only to remap MSIs onto
        them (from v5.13 on; before, it always remaps).
        """
        from vfioguard.irqchip.vmd import FAMILY as VMD  # few hosts have a VMD

        claim = Claim(
            f"the VMD above {device.name} hands MSIs through",
            f"the VMD above {device.name} remaps MSIs itself",
        )
        own = domain(device.name)
        endpoints: list[Witness] = []
        for witness in self._witnesses.vmd:
            if domain(witness.name) == own and isinstance(witness.chip, Fact):
                if self._chips.is_family(witness.name, witness.chip, VMD):
                    return ask(claim, witness.chip, lambda _: False)
                if self._chips.is_family(witness.name, witness.chip, REMAPPING):
                    return ask(claim, witness.chip, lambda _: True)
            if witness.driver == "vmd":
                endpoints.append(witness)
        # Nobody reads which of several VMDs is above the device, so all of them must agree.
        answers = [_hands_through(endpoint) for endpoint in endpoints]
        if answers and len({answer.truth for answer in answers}) == 1:
            return Answer(claim, answers[0].truth, (answers[0],))
        return ask(claim, device.msi_irqs, lambda _: None)


def _hands_through(endpoint: Witness) -> Answer:
    """Whether a VMD has no vectors to remap onto, and is of a model that may have none."""
    name = endpoint.name
    claim = Claim(
        f"{name} has no vectors to remap onto", f"{name} has vectors onto which it remaps MSIs"
    )
    irqs = endpoint.msi_irqs
    if isinstance(irqs, Gap) and irqs.why is Why.ABSENT:
        vectors = Answer(claim, True, (irqs,))
    else:
        vectors = ask(claim, irqs, lambda numbers: not numbers)
    if vectors.truth and endpoint.uevent is not None:  # then the recording lacks its interrupts
        return agree(claim, (vectors, ask(_CAN, endpoint.uevent, _can)))
    return vectors


def _can(uevent: Uevent) -> bool | None:
    from vfioguard.irqchip.vmd import REMAPS_ALWAYS

    return False if uevent.pci_id in REMAPS_ALWAYS else None


def _constant(truth: bool) -> Callable[[str], bool]:
    return lambda _: truth
