"""What every face shows: one value, made of nothing that reads the host."""

from typing import Final, NamedTuple

from vfioguard.fact import Gap
from vfioguard.logic import Answer
from vfioguard.verdict import Outcome, Verdict, severity

#: Version of the JSON form; fields are added under the same number, never changed.
SCHEMA_VERSION: Final = 1


class DeviceReport(NamedTuple):
    """A member. `isolated`: whether its own MSI domain isolates; None truth: not known."""

    name: str
    bus: str
    driver: str | None
    pci_class: int | None
    isolated: Answer

    @property
    def on_vfio(self) -> bool:
        """Whether it is bound to a VFIO driver."""
        # vfio-pci, mlx5_vfio_pci, vfio_ccw, nvgrace-gpu-vfio-pci: every one of them says so.
        return "vfio" in (self.driver or "")


class Holder(NamedTuple):
    """A process that has a group's device node open.

    `since` is when the process was started (RFC 3339, UTC): the kernel keeps no time of the open.
    """

    pid: int
    name: str
    since: str | None


class GroupReport(NamedTuple):
    """`headline` is the worst of the backends in force, or the pinned policy's verdict.

    `backends` maps every backend that vfioguard knows to its verdict, None where this kernel does
    not have it. `agrees`: whether the series and the kernel say the same of the group with every
    override off; None where one of them does not know. `holders` are the processes that hold the
    group now, None where nobody looked: only the daemon does, where a VFIO driver is bound.
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
        """Whether a member is bound to a VFIO driver: only then there is something to open."""
        return any(device.on_vfio for device in self.devices)

    @property
    def outcome(self) -> Outcome:
        """The headline's outcome."""
        return self.headline.outcome

    @property
    def kernel(self) -> Verdict | None:
        """The worst verdict of the backends, whatever policy was asked for."""
        verdicts = [verdict for _, verdict in self.backends if verdict is not None]
        return max(verdicts, key=lambda one: severity(one.outcome)) if verdicts else None

    @property
    def agrees(self) -> bool | None:
        """Whether the 2016 series says the same as the running kernel."""
        kernel = self.kernel or self.headline
        ours, theirs = kernel.needs_override, self.series.needs_override
        return None if ours is None or theirs is None else ours is theirs


class OverrideReport(NamedTuple):
    """A parameter: its value now, or None where its module is not loaded or it cannot be read.

    `pending` is what loading the module would set, None where it is loaded or that is not known.
    """

    name: str
    value: bool | None
    pending: bool | None


NO_GROUP = "in no IOMMU group"
UNBINDABLE = f"{NO_GROUP}: VFIO cannot bind it"


class UngroupedDevice(NamedTuple):
    """A PCI function in no IOMMU group. `binds`: whether a VFIO driver can be bound to it.

    `reason` follows the name, and `because` proves it where anything but the missing link does.
    """

    name: str
    driver: str | None
    pci_class: int | None
    binds: bool | None = False
    reason: str = UNBINDABLE
    because: Answer | None = None


class PolicyReport(NamedTuple):
    """A policy, and whether it is in force here: if the kernel carries it and its backend."""

    name: str
    backend: str | None
    kernels: str
    summary: str
    source: str
    in_force: bool
    carried: Answer
    offered: Answer | None


class FindingReport(NamedTuple):
    """Something about the whole host that a person should look at."""

    name: str
    severity: str
    summary: str
    because: Answer


class HostReport(NamedTuple):
    """`pinned` is the policy that the headlines were asked for, None for those in force.

    `remapping`: whether x86's interrupt remapping is enabled; None elsewhere. `modules` are VFIO's
    loaded ones where no parameter shows one.
    """

    kernel: str | None
    arch: str | None
    iommu: tuple[str, ...]
    policies_in_force: tuple[str, ...]
    pinned: str | None
    remapping: Answer | None = None
    modules: tuple[str, ...] = ()


class Report(NamedTuple):
    """The whole host. `groups_read` is a gap where the kernel's list could not be read.

    `firmware`: table -> present, absent, denied, hidden or failed; none of them is decoded for it.
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
