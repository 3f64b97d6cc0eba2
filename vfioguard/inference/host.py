"""The inferences from one snapshot, each made once: policies ask the Host, never the readings."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from vfioguard.attach import Backend
from vfioguard.fact import Fact, Gap
from vfioguard.inference import backends, capability, era, exempt
from vfioguard.inference.borders import Border, Version
from vfioguard.inference.chips import Chips
from vfioguard.inference.msi_domain.of_device import MsiDomains
from vfioguard.inference.msi_domain.x86_route import Routes
from vfioguard.inference.remapping import enabled
from vfioguard.inference.witnesses import Finder, Witnesses
from vfioguard.kernel.devices import Device
from vfioguard.kernel.identity.arch import is_arm, is_x86
from vfioguard.kernel.identity.symbols import Predicate
from vfioguard.kernel.iommu_class import Iommu, instances
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer, Claim, ask, every, some
from vfioguard.snapshot import IOMMUFD, TYPE1, Snapshot
from vfioguard.typed import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from vfioguard.inference.coherency import Coherency
    from vfioguard.inference.memory.by_device import ReservedByDevice
    from vfioguard.inference.msi_domain.by_firmware import FirmwareDomains
    from vfioguard.inference.msi_domain.resolution import Domain
    from vfioguard.kernel.firmware.devicetree import Nodes

_EVERY_MEMBER = Claim(
    "every device of the group has an MSI domain that isolates",
    "a device of the group has no MSI domain that isolates",
)
T = TypeVar("T")


class _Kept:
    """What a Host keeps of single devices and groups, all of it made when it is first asked for."""

    def __init__(self) -> None:
        self.isolated: dict[str, Answer] = {}
        self.groups: dict[int, Answer] = {}
        self.domains: MsiDomains | None = None
        self.firmware: FirmwareDomains | None = None


class Host:
    """A snapshot and its inferences."""

    def __init__(
        self, snapshot: Snapshot, finder: Finder | None = None, witnesses: Witnesses | None = None
    ) -> None:
        self.snapshot = snapshot
        self._version = era.version(snapshot)
        self.finder = finder or Finder(Chips(), _units(snapshot))
        self._given_witnesses = witnesses
        self._kept = _Kept()
        self._once: dict[object, object] = {}

    def once(self, make: Callable[[Host], T]) -> T:
        """What `make` gives for this host, made when it is first asked for.

        `make` is a function of a module, and its value rests on nothing but this host.
        """
        if make not in self._once:
            self._once[make] = make(self)
        return cast("T", self._once[make])

    def for_another_thread(self) -> Host:
        """The same host with answers of its own, because a Host makes them when it is asked."""
        return Host(self.snapshot, self.finder.for_another_thread(), self.witnesses)

    def forget(self) -> None:
        """Drop the answers on single devices and groups, which are in a Report by now.

        The domains refer back to the Host; without them it is freed without the cycle collector.
        """
        self._kept = _Kept()

    @cached_property
    def context(self) -> tuple[object, ...]:
        """All that a verdict on one group may rest on besides its own members."""
        snapshot = self.snapshot
        return (
            snapshot.kernel,
            snapshot.parameters,
            snapshot.modules,
            instances(snapshot.iommus),
            snapshot.interrupts,
            snapshot.acpi,
            snapshot.machine,
            snapshot.processor,
            snapshot.container,
            snapshot.denylist,
            snapshot.unloadable,
            snapshot.chipset,
            snapshot.wiring,
            self.witnesses,
            self.remapping if self.is_x86 else None,
        )

    @cached_property
    def witnesses(self) -> Witnesses:
        """The devices whose MSIs speak for more than themselves."""
        return self._given_witnesses or self.finder.find(self.snapshot)

    @cached_property
    def remapping(self) -> Answer:
        """Whether x86's interrupt remapping is enabled."""
        return enabled.enabled(self.snapshot, self.witnesses, self.finder.names)

    @cached_property
    def noiommu(self) -> Answer:
        """Whether VFIO takes functions that no IOMMU translates."""
        return exempt.noiommu_mode(self.snapshot)

    @cached_property
    def all_msi_domains(self) -> Answer:
        """Whether every MSI domain of the machine isolates (v4.11 to v6.2)."""
        from vfioguard.inference.msi_domain import of_machine  # only kernels before v6.3 need it

        return of_machine.isolated(self.snapshot, self.witnesses, self._all_by_firmware)

    @property
    def _domains(self) -> MsiDomains:
        domains = self._kept.domains
        if domains is None:
            route = self._routes() if self.is_x86 else _no_route
            domains = self._kept.domains = self._with_route(route)
        return domains

    def _routes(self) -> Routes:
        return Routes(
            self.snapshot, self.finder.chips, self.finder.units, self.witnesses, self.remapping
        )

    def _with_route(self, route: Callable[[Device], Answer]) -> MsiDomains:
        return MsiDomains(
            snapshot=self.snapshot,
            family=self.finder.chips.family,
            route=route,
            firmware=self.by_firmware,
            no_pre_its=self._no_pre_its,
        )

    def _no_pre_its(self, nodes: Fact[Nodes]) -> Answer:
        return self._firmware.no_pre_its(nodes)

    @property
    def _firmware(self) -> FirmwareDomains:
        domains = self._kept.firmware
        if domains is None:
            from vfioguard.inference.msi_domain.by_firmware import FirmwareDomains

            domains = self._kept.firmware = FirmwareDomains(self.snapshot, self.witnesses)
        return domains

    def _all_by_firmware(self) -> Answer:
        return self._firmware.all_isolated()

    def by_firmware(self, device: Device) -> Domain:
        """The MSI domain that an Arm's firmware gives a device."""
        return self._firmware.domain(device)

    @property
    def is_x86(self) -> bool:
        """Whether this is known to be an x86."""
        return is_x86(self.snapshot.kernel.arch)

    def capability(self, version: Version) -> Answer:
        """IOMMU_CAP_INTR_REMAP as the drivers of `version` report it."""
        return capability.intr_remap(self.snapshot, self.remapping, version)

    def has(self, change: Border) -> bool | None:
        """Whether the running kernel has a change; None if that is not known."""
        return change.passed(self._version)  # several blockers ask it for each group

    def decides_by(self, predicate: Predicate) -> Answer:
        """Whether the running kernel decides by this predicate."""
        return era.decides_by(self.snapshot, predicate)

    def has_backend(self, backend: str) -> bool:
        """Whether the running kernel offers this way to attach."""
        return backends.present(self.snapshot, backend)

    def backend_exists(self, backend: str) -> Answer:
        """Why the running kernel offers this way to attach, or does not."""
        return backends.exists(self.snapshot, backend)

    @cached_property
    def counting(self) -> tuple[Backend, ...]:
        """The backends that an attach on this host meets."""
        return backends.counting(self.snapshot)

    def is_loaded(self, backend: str) -> bool:
        """Whether the backend's module is loaded or built in."""
        return backends.is_loaded(self.snapshot, backend)

    def cdev(self, members: Members) -> Answer:
        """Whether the group's devices have nodes of their own once they are on a VFIO driver."""
        return backends.cdev_of(members, self.has_cdevs)

    @cached_property
    def has_cdevs(self) -> Answer:
        """Whether this kernel gives each device on a VFIO driver a node of its own."""
        return backends.cdev(self.snapshot)

    @cached_property
    def iommufd_container(self) -> Answer:
        """Whether iommufd provides /dev/vfio/vfio."""
        return backends.iommufd_container(self.snapshot)

    @cached_property
    def reserved(self) -> ReservedByDevice:
        """The memory that firmware's tables keep for devices; without a table, for none."""
        from vfioguard.inference.memory import by_device

        return by_device.of_host(self.snapshot)

    def isolated(self, device: Device) -> Answer:
        """Whether the device's own MSI domain isolates."""
        isolated = self._kept.isolated
        path = device.uevent.source  # not the name, which devices of two buses may share
        answer = isolated.get(path)
        if answer is None:
            answer = isolated[path] = self._domains.isolated(device)
        return answer

    def unlinked_or_isolated(self, device: Device) -> Answer:
        """Off x86: whether the device is linked to no MSI controller, or to one that isolates."""
        if device.chip is not None or not self.is_arm:
            return self.isolated(device)
        domain = self.by_firmware(device)
        claim = Claim(
            f"{device.name} is linked to no MSI controller without isolation",
            f"{device.name} is linked to an MSI controller without isolation",
        )
        return some(claim, (~domain.exists, domain.isolated))

    @property
    def is_arm(self) -> bool:
        """Whether this is known to be an Arm."""
        return is_arm(self.snapshot.kernel.arch)

    def every_member(self, members: Members) -> Answer:
        """Whether the domain of every member isolates: iommu_group_has_isolated_msi()'s `&=`."""
        answer = self._kept.groups.get(members.group.id)
        if answer is None:
            parts = [self.isolated(device) for device in members.devices]
            if isinstance(members.complete, Gap) or not parts:
                # The members could not be listed, or the group lost its last one meanwhile.
                named = f" of {members.devices[0].name}" if members.devices else ""
                known = f"all members of the group{named} are known"
                unknown = f"not all members of the group{named} are known"
                parts.append(ask(Claim(known, unknown=unknown), members.complete, lambda _: None))
            answer = self._kept.groups[members.group.id] = every(_EVERY_MEMBER, parts)
        return answer

    def coherent(self, device: Device) -> Answer:
        """Whether VFIO binds the device as far as IOMMU_CAP_CACHE_COHERENCY goes; else EINVAL."""
        return self._coherency.passes(device)

    @cached_property
    def _coherency(self) -> Coherency:
        from vfioguard.inference.coherency import Coherency  # no verdict needs it

        return Coherency(self.snapshot)

    def override(self, backend: str) -> Answer:
        """Whether the backend's parameter switches the interrupt test off."""
        module = IOMMUFD if backend == "iommufd" else TYPE1
        parameter = self.snapshot.parameter(module)
        if parameter.pending is None:
            claim = Claim(f"{parameter} is set", f"{parameter} is not set")
        else:
            claim = exempt.will_be_set(parameter)
        return ask(claim, parameter.effective, bool)


def _no_route(device: Device) -> Answer:
    raise AssertionError(f"only x86 asks for a route, not for {device.name}")


def _units(snapshot: Snapshot) -> dict[str, Iommu]:
    """Device -> the x86 remapping unit that manages it."""
    return {
        name: unit
        for unit in (snapshot.iommus.value if isinstance(snapshot.iommus, Fact) else ())
        if unit.driver is not None and unit.driver.remaps_interrupts
        for name in (unit.devices.value if isinstance(unit.devices, Fact) else ())
    }
