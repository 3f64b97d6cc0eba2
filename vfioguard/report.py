"""The Report, which every face shows: values only, nothing that reads the host."""

from __future__ import annotations

from collections.abc import Iterable

from vfioguard.attach import Attach, Attachment, Backend, Blocker, Call, Objection, OneBackend
from vfioguard.fact import Gap
from vfioguard.logic import Answer
from vfioguard.typed import Literal, NamedTuple
from vfioguard.verdict import Outcome, OverrideReport, Shift, Verdict, severity

#: Version of the JSON form; fields are added under the same number, never changed.
SCHEMA_VERSION: Literal[1] = 1


class DeviceReport(NamedTuple):
    """A member of a group. `isolated`: whether its own MSI domain isolates.

    `pci_id` is "8086:10d3", `node` "vfio3" or None. `given`: its driver gives it to VFIO.
    """

    name: str
    bus: str
    driver: str | None
    pci_class: int | None
    isolated: Answer
    pci_id: str | None = None
    node: str | None = None
    given: bool = False

    @property
    def on_vfio(self) -> bool:
        """Whether VFIO has it. VFIO's drivers have that name: mlx5_vfio_pci, vfio_ccw."""
        return self.given or "vfio" in (self.driver or "")


class Holder(NamedTuple):
    """A process that has a group's device node open.

    `since` is the process's start (RFC 3339, UTC): the kernel does not keep the time of the open.
    """

    pid: int
    name: str
    since: str | None


class PolicyReport(NamedTuple):
    """A policy. It is in force if the kernel carries it (`carried`) and its backend (`offered`)."""

    name: str
    backend: Backend | None
    kernels: str
    summary: str
    source: str
    in_force: bool
    carried: Answer
    offered: Answer | None


class Choice(NamedTuple):
    """What the headlines are about, if somebody asks: one policy, one backend."""

    policy: str | None = None
    backend: Backend | None = None


#: The policies in force and the backends that count give the headlines.
NOTHING_CHOSEN = Choice()


class HostReport(NamedTuple):
    """The host. `counting` are the backends that the headlines are about.

    If nothing is `chosen`, they are those that an attach here meets. `assumed` are the states that
    somebody assumed ("intremap=on", "kernel 7.3"): then the report is not about the host as it is.
    `remapping`: whether x86's interrupt remapping is enabled; None on other architectures.
    `modules`: a loaded module of VFIO, if no parameter shows one.
    """

    kernel: str | None
    arch: str | None
    iommu: tuple[str, ...]
    policies_in_force: tuple[str, ...]
    remapping: Answer | None = None
    modules: tuple[str, ...] = ()
    counting: tuple[Backend, ...] = ()
    assumed: tuple[str, ...] = ()
    chosen: Choice = NOTHING_CHOSEN

    def choosing(self, chosen: Choice, policies: Iterable[PolicyReport]) -> HostReport:
        """The host with headlines that are about what is `chosen`.

        A policy that no kernel carries is judged as type1's.
        """
        if chosen == NOTHING_CHOSEN:
            return self
        backends: dict[str, Backend | None] = {each.name: each.backend for each in policies}
        backend = chosen.backend or backends.get(chosen.policy or "") or "type1"
        return self._replace(chosen=chosen, counting=(backend,))

    @property
    def pinned(self) -> str | None:
        """The policy of the headlines. Returns None if those in force give them."""
        return self.chosen.policy


class GroupReport(NamedTuple):
    """The verdicts on one group.

    `headline` is the worst verdict of the backends that count, or of the pinned policy or backend.
    `attachment` is the worst attach of the same. `attachments` has that of each backend in
    `backends`. `attachable`: whether a VFIO driver can take a member. `causes` are the names of why
    the attach is refused, blocked or unknown, the first errno's first. `backends` maps each backend
    that vfioguard knows to its verdict, or to None if this kernel lacks it. `series` is that of the
    2016 series. `holders` have it open now; None if nobody looked, or `unseen` says why not known.
    """

    id: int
    type: str | None
    devices: tuple[DeviceReport, ...]
    headline: Verdict
    backends: tuple[tuple[str, Verdict | None], ...]
    series: Verdict
    attachments: tuple[tuple[str, Attachment | None], ...]
    attachment: Attachment
    attachable: bool = True
    causes: tuple[str, ...] = ()
    holders: tuple[Holder, ...] | None = None
    unseen: Gap | None = None

    @property
    def on_vfio(self) -> bool:
        """Whether a member is bound to a VFIO driver: only then the group's node can be opened."""
        return any(device.on_vfio for device in self.devices)

    @property
    def outcome(self) -> Outcome:
        """The headline's outcome."""
        return self.headline.outcome

    def deciding(self, host: HostReport) -> list[tuple[str, Verdict]]:
        """The verdicts that the headline is the worst of, each with its backend.

        The name is empty if this kernel has none of the backends that count.
        """
        if host.chosen.policy is not None:
            return [(host.counting[0], self.headline)]
        counting: list[tuple[str, Verdict]] = [
            (name, verdict)
            for name, verdict in self.backends
            if verdict is not None and name in host.counting
        ]
        return counting or [("", self.headline)]

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


class Step(NamedTuple):
    """One thing to do, a sentence. `where` is the file, menu or command that it concerns.

    `where` can be copied as it stands; it is None if the sentence says all.
    """

    do: str
    where: str | None = None


class FindingReport(NamedTuple):
    """A fact about the whole host that a person should look at."""

    name: str
    severity: str
    summary: str
    because: Answer
    change: tuple[Step, ...] = ()


class CauseReport(NamedTuple):
    """Why a group is refused or unknown; `change` are the steps against it, in their order.

    `helps` is False if no step lets the kernel's own test pass here. `rule` names its function,
    `ticket` is a paragraph for the vendor of a faulty firmware, or None. `last_resort` sets the
    override; the last cause of a group that its interrupts refuse has it.
    """

    name: str
    sentence: str
    rule: str
    because: Answer
    change: tuple[Step, ...]
    helps: bool = True
    ticket: str | None = None
    last_resort: tuple[Step, ...] = ()


class Checked(NamedTuple):
    """The answer of `check` for one target.

    `backends` has the answer of each backend that counts; `answer`, `blockers`, `errno` and `call`
    are those of the worst. `bind` are devices to bind first, of `devices`, which are asked for.
    `needed`: what the host needs them for, None if nobody looked; `unsure`: what it may. If the
    asker has `objections`, `answer` is theirs. `causes`: why not yes; `interrupts`: they alone.
    """

    target: str
    answer: Attach
    groups: tuple[GroupReport, ...]
    bind: tuple[str, ...]
    backends: tuple[tuple[str, OneBackend], ...]
    blockers: tuple[Blocker, ...] = ()
    errno: str | None = None
    call: Call | None = None
    devices: tuple[str, ...] = ()
    needed: tuple[tuple[str, tuple[str, ...]], ...] | None = None
    objections: tuple[Objection, ...] = ()
    causes: tuple[CauseReport, ...] = ()
    unsure: tuple[str, ...] = ()
    interrupts: bool = False


class Missing(NamedTuple):
    """A target of `check` that the host does not have; `reason` says which there are."""

    target: str
    reason: str


NO_GROUP = "in no IOMMU group"
UNBINDABLE = f"{NO_GROUP}: VFIO cannot bind it"


class UngroupedDevice(NamedTuple):
    """A PCI function in no IOMMU group. `binds`: whether a VFIO driver can be bound to it.

    `reason` is written after the name. `because` proves it, or is None if the missing link does.
    `forecast` is the attach after a bind that makes its group; None if no bind makes one. `causes`
    are the names of why it has none, only where they are shown (`judging.causes.with_ungrouped`).
    """

    name: str
    driver: str | None
    pci_class: int | None
    binds: bool | None = False
    reason: str = UNBINDABLE
    because: Answer | None = None
    forecast: Attach | None = None
    pci_id: str | None = None
    causes: tuple[str, ...] = ()


class CauseRow(NamedTuple):
    """A cause as its first group has it, with all the groups that it is the first cause of."""

    cause: CauseReport
    groups: tuple[int, ...]


class Report(NamedTuple):
    """The whole host. `groups_read` is the gap of the kernel's list of groups, or None.

    `firmware` pairs a table with present, absent, denied, hidden or failed; no table is decoded.
    `causes` are the groups' first causes, of the most groups first. `shifts` tell what an assumed
    state changes.
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
    causes: tuple[CauseRow, ...] = ()
    shifts: tuple[Shift, ...] = ()

    @property
    def attachable(self) -> tuple[GroupReport, ...]:
        """The groups that count: a VFIO driver may take a member of each."""
        if all(group.attachable for group in self.groups):
            return self.groups
        return tuple([group for group in self.groups if group.attachable])
