"""The firmware resolution that a host takes: the device tree's, or ACPI's."""

from __future__ import annotations

from vfioguard.fact import Fact, Gap, Why
from vfioguard.inference import era, tables
from vfioguard.inference.msi_domain.its import Itss
from vfioguard.inference.msi_domain.resolution import Domain, mbi_used, unknown
from vfioguard.inference.witnesses import Witnesses
from vfioguard.kernel.devices import Device
from vfioguard.kernel.firmware.acpi_tables import devicetree_boot
from vfioguard.kernel.firmware.devicetree import Nodes
from vfioguard.kernel.identity.arch import is_arm
from vfioguard.logic import Answer, Claim, ask
from vfioguard.snapshot import Snapshot
from vfioguard.typed import Protocol


class _Resolver(Protocol):
    def domain(self, device: Device) -> Domain: ...
    def all_isolated(self) -> Answer: ...


class FirmwareDomains:
    """The MSI domains of an Arm host by its firmware; built once for a snapshot."""

    def __init__(self, snapshot: Snapshot, witnesses: Witnesses) -> None:
        self._itss = Itss(snapshot, witnesses)
        self._resolver = _resolver(snapshot, self._itss)

    def domain(self, device: Device) -> Domain:
        """The domain that firmware gives a device."""
        if isinstance(self._resolver, Gap):
            claim = Claim(
                f"{device.name} has isolated MSIs (it has none now; only firmware tells)",
                unknown=f"{device.name} has no MSI now, and only firmware tells of which domain",
            )
            return unknown(claim, self._resolver)
        return self._resolver.domain(device)

    def no_pre_its(self, nodes: Fact[Nodes]) -> Answer:
        """Whether no ITS has the quirk of a pre-ITS; unknown if some have it and some do not."""
        return self._itss.all_plain(nodes)

    def all_isolated(self) -> Answer:
        """Whether firmware names no MSI controller without isolation."""
        if isinstance(self._resolver, Gap):
            claim = "firmware names no MSI controller without isolation"
            return ask(claim, self._resolver, lambda _: None)
        return self._resolver.all_isolated()


def _resolver(snapshot: Snapshot, itss: Itss) -> _Resolver | Gap:
    """The resolution of this host, or a gap that says why there is none.

    Both resolutions are imported here, because x86, where most commands run, needs neither. Both
    are Arm's: the MADT of LoongArch or RISC-V proves nothing by what it does not name.
    """
    wiring, arch = snapshot.wiring, snapshot.kernel.arch
    if wiring is None:
        return Gap(Why.ABSENT, "/sys/firmware", "not read: x86 does not ask it")
    if isinstance(arch, Gap):
        return arch
    if not is_arm(arch):
        return Gap(Why.ABSENT, "/sys/firmware", f"only Arm's firmware tells, not {arch.value}'s")
    version = era.version(snapshot)
    madt = tables.madt(snapshot.acpi.madt)
    if isinstance(madt, Fact):
        from vfioguard.inference.msi_domain.iort import IortDomains

        return IortDomains(madt, tables.iort(snapshot.acpi.iort), wiring, itss, version)
    if devicetree_boot(snapshot.acpi) and isinstance(wiring.nodes, Fact):
        from vfioguard.inference.msi_domain.devicetree import DeviceTreeDomains
        from vfioguard.inference.msi_domain.devicetree_controllers import Controllers

        controllers = Controllers(wiring.nodes, itss, mbi_used(snapshot), version)
        return DeviceTreeDomains(wiring, controllers, version)
    return madt
