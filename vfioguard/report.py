"""The Report, which every face shows: values only, nothing that reads the host."""

from typing import Final, NamedTuple

from vfioguard.fact import Gap
from vfioguard.logic import Answer
from vfioguard.verdict import Outcome, Verdict, severity

#: Version of the JSON form; fields are added under the same number, never changed.
SCHEMA_VERSION: Final = 1


class DeviceReport(NamedTuple):
    """A member of a group. `isolated`: whether its own MSI domain isolates."""

    name: str
    bus: str
    driver: str | None
    pci_class: int | None
    isolated: Answer

    @property
    def on_vfio(self) -> bool:
        """Whether the device is bound to a VFIO driver."""
        # All their names have it: vfio-pci, mlx5_vfio_pci, vfio_ccw, nvgrace-gpu-vfio-pci.
        return "vfio" in (self.driver or "")


class Holder(NamedTuple):
    """A process that has a group's device node open.

    `since` is the process's start (RFC 3339, UTC): the kernel does not keep the time of the open.
    """

    pid: int
    name: str
    since: str | None


class GroupReport(NamedTuple):
    """The verdicts on one group.

    `headline` is the worst verdict of the backends in force, or the pinned policy's verdict.
    `backends` maps each backend that vfioguard knows to its verdict, or to None if this kernel
    lacks it. `series` is the verdict of the 2016 series. `holders` are the processes that hold the
    group now. It is None if nobody looked: only the daemon looks, if a VFIO driver is bound.
    """

    id: int
    type: str | None
    devices: tuple[DeviceReport, ...]
    headline: Verdict
    backends: tuple[tuple[str, Verdict | None], ...]
    series: Verdict
    holders: tuple[Holder, ...] | None = None

    @property
    def on_vfio(self) -> bool:
        """Whether a member is bound to a VFIO driver: only then the group's node can be opened."""
        return any(device.on_vfio for device in self.devices)

    @property
    def outcome(self) -> Outcome:
        """The headline's outcome."""
        return self.headline.outcome

    @property
    def kernel(self) -> Verdict | None:
        """The worst verdict of the backends, whatever policy is pinned. None if there is none."""
        verdicts = [verdict for _, verdict in self.backends if verdict is not None]
        return max(verdicts, key=lambda verdict: severity(verdict.outcome)) if verdicts else None

    @property
    def agrees(self) -> bool | None:
        """Whether the 2016 series and the kernel say the same if every override is off.

        Returns None if one of them does not know.
        """
        kernel = self.kernel or self.headline
        ours, theirs = kernel.needs_override, self.series.needs_override
        return None if ours is None or theirs is None else ours is theirs


class OverrideReport(NamedTuple):
    """A module's parameter.

    `value` is None if the module is not loaded or the parameter cannot be read. `pending` is the
    value that loading the module would set, or None if the module is loaded or that is not known.
    """

    name: str
    value: bool | None
    pending: bool | None


NO_GROUP = "in no IOMMU group"
UNBINDABLE = f"{NO_GROUP}: VFIO cannot bind it"


class UngroupedDevice(NamedTuple):
    """A PCI function in no IOMMU group. `binds`: whether a VFIO driver can be bound to it.

    `reason` is written after the name. `because` proves it, or is None if the missing link does.
    """

    name: str
    driver: str | None
    pci_class: int | None
    binds: bool | None = False
    reason: str = UNBINDABLE
    because: Answer | None = None


class PolicyReport(NamedTuple):
    """A policy. It is in force if the kernel carries it (`carried`) and its backend (`offered`)."""

    name: str
    backend: str | None
    kernels: str
    summary: str
    source: str
    in_force: bool
    carried: Answer
    offered: Answer | None


class FindingReport(NamedTuple):
    """A fact about the whole host that a person should look at."""

    name: str
    severity: str
    summary: str
    because: Answer


class HostReport(NamedTuple):
    """The host. `pinned` is the policy of the headlines, or None for the policies in force.

    `remapping`: whether x86's interrupt remapping is enabled; None on other architectures.
    `modules`: a loaded module of VFIO, if no parameter shows one.
    """

    kernel: str | None
    arch: str | None
    iommu: tuple[str, ...]
    policies_in_force: tuple[str, ...]
    pinned: str | None
    remapping: Answer | None = None
    modules: tuple[str, ...] = ()


class Report(NamedTuple):
    """The whole host. `groups_read` is the gap of the kernel's list of groups, or None.

    `firmware` pairs a table with present, absent, denied, hidden or failed; no table is decoded.
    """

    generated_at: str
    host: HostReport
    overrides: tuple[OverrideReport, ...]
    groups: tuple[GroupReport, ...]
    groups_read: Gap | None
    ungrouped: tuple[UngroupedDevice, ...]
    policies: tuple[PolicyReport, ...]
    findings: tuple[FindingReport, ...]
    gaps: tuple[Gap, ...]
    firmware: tuple[tuple[str, str], ...]
