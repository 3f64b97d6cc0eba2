"""The MSI domain of one device, and whether it isolates: what msi_device_has_isolated_msi() tests.

A device that has an MSI shows its domain in the chip's name. For other devices the domain follows
from how the kernel assigns domains (policy.md 4.2, 4.3). Unknown stays unknown.
"""

from __future__ import annotations

from collections.abc import Callable

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference import era
from vfioguard.irqchip import Irqchip
from vfioguard.kernel.devices import Device, is_pci
from vfioguard.kernel.identity.arch import is_arm, is_s390, is_x86
from vfioguard.logic import Answer, Claim, ask, every
from vfioguard.snapshot import Snapshot
from vfioguard.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from vfioguard.inference.msi_domain.resolution import Domain
    from vfioguard.kernel.firmware.devicetree import Nodes

#: No irqchip driver of it sets the flag, and no vendor's kernel is known to.
LOONGARCH = frozenset({"loongarch64", "loongarch32"})
#: The newest kernel whose source was read for irqchips. In v5.10 to v7.3 the flag is set in four
#: files: drivers/iommu/intel/irq_remapping.c, drivers/iommu/amd/iommu.c and, for Arm, the two ITSs,
#: drivers/irqchip/irq-gic-v3-its.c and irq-gic-v5-its.c.
NEWEST_READ = (7, 3)

_NO_PRE_ITS = Claim(
    "no Socionext pre-ITS lets devices choose their requester id",
    "a Socionext pre-ITS lets devices choose their requester id",
)


class MsiDomains:
    """The answers for the devices of one host; built once for a snapshot."""

    def __init__(
        self,
        snapshot: Snapshot,
        family: Callable[[Device], Irqchip | None],
        route: Callable[[Device], Answer],
        firmware: Callable[[Device], Domain],
        no_pre_its: Callable[[Fact[Nodes]], Answer],
    ) -> None:
        self._arch = snapshot.kernel.arch
        self._release = snapshot.kernel.release
        self._version = era.version(snapshot)
        self._nodes = snapshot.wiring.nodes if snapshot.wiring else None
        self._firmware = firmware
        self._no_pre_its = no_pre_its
        self._family = family
        self._route = route
        arch = self._arch.value if isinstance(self._arch, Fact) else ""
        # arch_is_isolated_msi() is true only on s390 (arch/s390/include/asm/msi.h).
        self._s390 = is_s390(self._arch)
        self._never = arch in LOONGARCH
        # Plain functions: a bound method refers back to this object, so that only the cycle
        # collector would free it.
        self._topology = (
            MsiDomains._x86 if is_x86(self._arch) else MsiDomains._arm if is_arm(self._arch)
            else MsiDomains._riscv if arch == "riscv64" else MsiDomains._other
        )  # fmt: skip

    def isolated(self, device: Device) -> Answer:
        """Whether the MSI domain of the device, or a parent of it, isolates MSIs."""
        if self._s390:
            return ask(f"{device.name}: s390 isolates every MSI", self._arch, lambda _: True)
        if self._never:
            claim = _never(device, "LoongArch")
            return ask(claim, self._arch, lambda _: False)
        if isinstance(device.chip, Fact):
            return self._by_chip(device, device.chip)
        if device.chip is not None or not _absent_or_empty(device):
            return self._unreadable(device)
        return self._topology(self, device)

    def _by_chip(self, device: Device, chip: Fact[str]) -> Answer:
        family = self._family(device)
        if family is None:
            return self._unlisted(device, chip)
        if family.isolates is None:
            return self._topology(self, device)
        claim = f"{device.name} has isolated MSIs ({family.family})"
        if not (family.isolates and self._nodes is None):  # most devices have such MSIs
            denied = f"{device.name} has no isolated MSIs ({family.family})"
            claim = Claim(claim, denied)
        if family.its and self._nodes is not None:
            plain = self._plain(device, self._nodes)
            return every(claim, (ask(claim, chip, lambda _: True), plain))
        if not family.isolates and isinstance(self._arch, Gap):
            return ask(claim, self._arch, lambda _: None)  # it could be an s390
        return ask(claim, chip, lambda _: family.isolates)

    def _unlisted(self, device: Device, chip: Fact[str]) -> Answer:
        """The answer for a chip of no known family.

        On Arm only an ITS's chip isolates, in all kernels that were read. A newer kernel or a
        vendor's may have a family that nobody listed and that isolates.
        """
        name = device.name
        claim = Claim(
            f"{name} has isolated MSIs (unknown irqchip)",
            f"{name} has no isolated MSIs (an irqchip that stands on no ITS)",
            f"it is not known whether the irqchip of {name} isolates MSIs",
        )
        if is_arm(self._arch) and self._was_read() and _no_its(chip):
            return Answer(claim, False, (chip, self._release))
        return ask(claim, chip, lambda _: None)

    def _was_read(self) -> bool:
        version = self._version
        return version is not None and not version.backports and version.series <= NEWEST_READ

    def _plain(self, device: Device, nodes: Reading[Nodes]) -> Answer:
        """Whether the device's ITS is without a Socionext pre-ITS, which lets devices choose ids.

        Only a device tree can name one. If ITSs differ, firmware says which ITS is the device's.
        """
        claim = _NO_PRE_ITS
        if isinstance(nodes, Gap):
            return Answer(claim, True if nodes.why is Why.ABSENT else None, (nodes,))
        if not any(node.pre_its for node in nodes.value.values()):
            return ask(claim, nodes, lambda _: True)
        plain = self._no_pre_its(nodes)
        return self._its_of(device) if plain.truth is None else plain

    def _its_of(self, device: Device) -> Answer:
        domain = self._firmware(device)
        if domain.exists.truth is True:
            return domain.isolated
        claim = f"{device.name} uses an ITS behind no pre-ITS"
        return Answer(claim, None, (domain.exists,))

    def _unreadable(self, device: Device) -> Answer:
        """The answer if the device's interrupts cannot be read, which could contradict topology."""
        hidden: Reading[object] = device.msi_irqs if device.chip is None else device.chip
        name = device.name
        unknown = f"the domain of the MSIs of {name} cannot be read"
        shows = Claim(f"{name} shows the domain of its MSIs", unknown=unknown)
        own = ask(shows, hidden, lambda _: None)
        topology = self._topology(self, device)
        return topology if topology.truth is False else own

    def _x86(self, device: Device) -> Answer:
        if not is_pci(device.name):
            # Only PCI devices are given a domain (policy.md 1.4; AMD ACPI-HID, Intel ANDD).
            claim = Claim(
                f"{device.name} has an MSI domain (only PCI devices are given one)",
                f"{device.name} has no MSI domain: on x86 only PCI devices are given one",
            )
            return ask(claim, _identity(device), lambda _: False)
        return self._route(device)

    def _arm(self, device: Device) -> Answer:
        if device.bus == "amba":
            # of_msi_configure() is called from drivers/of/platform.c, never for AMBA.
            claim = Claim(
                f"{device.name} has an MSI domain (AMBA devices never get one)",
                f"{device.name} has no MSI domain: AMBA devices never get one",
            )
            return ask(claim, _identity(device), lambda _: False)
        return self._firmware(device).isolated

    def _riscv(self, device: Device) -> Answer:
        return ask(_never(device, "RISC-V"), self._arch, lambda _: False)

    def _other(self, device: Device) -> Answer:
        claim = Claim(
            f"{device.name} shows its MSI domain",
            unknown=f"no file shows which MSI domain {device.name} has",
        )
        return ask(claim, device.msi_irqs, lambda _: None)


def _never(device: Device, arch: str) -> Claim:
    """The claim that is false for every device of an architecture."""
    return Claim(
        f"{device.name}: some {arch} MSI domain isolates MSIs",
        f"{device.name} has no isolated MSIs: no MSI domain of {arch} isolates",
    )


def _no_its(chip: Fact[str]) -> bool:
    """Whether the name is that of an MSI chip that does not stand on an ITS, in any spelling.

    A domain that stands on an ITS isolates too, and has the prefix "ITS-".
    """
    return "MSI" in chip.value and "ITS" not in chip.value.upper()


def _absent_or_empty(device: Device) -> bool:
    irqs = device.msi_irqs
    return irqs.why is Why.ABSENT if isinstance(irqs, Gap) else not irqs.value


def _identity(device: Device) -> Fact[str]:
    """The device's own directory, as the proof of the bus that it is on."""
    source = device.uevent.source.rpartition("/")[0]
    return Fact(device.bus, f"{device.bus} device {device.name}".encode(), source)
