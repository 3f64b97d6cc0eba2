"""Why the MSI domain of a device of an Arm host does not isolate, or is missing.

The kernel asks each member from v6.3 on, and before it asks every controller of the machine
(kernel/irq/msi.c, kernel/irq/irqdomain.c; policy.md 1.1).
"""

from __future__ import annotations

from enum import StrEnum

from vfioguard.acpi.parts.madt_arm import GicIts, GicMsiFrame, GicV5Its
from vfioguard.cause.parts import why
from vfioguard.fact import Fact, Gap
from vfioguard.inference import of_map, tables
from vfioguard.inference.host import Host
from vfioguard.inference.msi_domain import its_log
from vfioguard.inference.msi_domain.devicetree_controllers import kinds
from vfioguard.inference.msi_domain.its import V3, V5
from vfioguard.inference.msi_domain.its_log import ItsLog
from vfioguard.kernel.devices import Device, is_pci
from vfioguard.kernel.firmware.acpi_tables import devicetree_boot
from vfioguard.kernel.firmware.devicetree import V2M, Node
from vfioguard.kernel.members import Members
from vfioguard.kernel.module_param import kstrtobool
from vfioguard.kernel.pci.pci_topology import requester_id
from vfioguard.report import GroupReport
from vfioguard.typed import NamedTuple

_BARE = "MSI controller without isolation"


class Reason(StrEnum):
    """Why a device has no domain that isolates.

    GAP: its id is in no map. ELSEWHERE: its map leads to no MSI controller. OFF, FAILED, DISABLED
    and MISSING are about the ITS.
    """

    MEMBER = "member"
    V2M = "v2m"
    MBI = "mbi"
    OTHER = "other"
    PRE_ITS = "pre-its"
    OFF = "off"
    FAILED = "failed"
    DISABLED = "disabled"
    GAP = "gap"
    ELSEWHERE = "elsewhere"
    MISSING = "missing"
    UNKNOWN = "unknown"


class MsiControllers(NamedTuple):
    """The MSI controllers that firmware names. `its` and `frames` (GICv2m) say whether any is.

    `disabled` are nodes of ITSs that the device tree disables, `others` nodes of other controllers.
    `off` is the word that switches every ITS off, or None. `log` is None if it was not read.
    """

    its: bool
    disabled: tuple[Node, ...]
    frames: bool
    mbi: bool
    pre_its: bool
    others: tuple[Node, ...]
    off: str | None
    log: ItsLog | None


def controllers(host: Host) -> MsiControllers:
    """The controllers of the host; made once."""
    return host.once(_controllers)


def _controllers(host: Host) -> MsiControllers:
    snapshot = host.snapshot
    madt = tables.madt(snapshot.acpi.madt)
    entries = madt.value.entries if isinstance(madt, Fact) else ()
    tree = snapshot.wiring.nodes if snapshot.wiring is not None else None
    used = isinstance(tree, Fact) and devicetree_boot(snapshot.acpi)
    nodes = tuple(tree.value.values()) if isinstance(tree, Fact) and used else ()
    itss = [node for node in nodes if not {V3, V5}.isdisjoint(kinds(node))]
    frames = [node for node in nodes if V2M in kinds(node)]
    log = snapshot.interrupts.log
    return MsiControllers(
        its=any(isinstance(entry, GicIts | GicV5Its) for entry in entries)
        or any(node.enabled is not False for node in itss),
        disabled=tuple(node for node in itss if node.enabled is False),
        frames=bool(frames) or any(isinstance(entry, GicMsiFrame) for entry in entries),
        mbi=any(node.mbi_ranges for node in nodes),
        pre_its=any(node.pre_its for node in itss),
        others=tuple(
            node
            for node in nodes
            if node.msi_controller
            and node not in itss
            and node not in frames
            and node.enabled
            and not node.mbi_ranges
        ),
        off=_off(host),
        log=its_log.read(log.value) if isinstance(log, Fact) else None,
    )


def _off(host: Host) -> str | None:
    options = host.snapshot.kernel.cmdline
    off: str | None = None
    for word in options.value if isinstance(options, Fact) else ():
        name, _, value = word.partition("=")
        given = kstrtobool(value) if name.replace("-", "_") == "irqchip.gicv3_nolpi" else None
        off = off if given is None else word if given else None
    return off


def with_reason(
    host: Host, group: GroupReport | None, members: Members | None, *wanted: Reason
) -> Device | None:
    """The first member of an Arm's group that fails for one of the reasons, or None."""
    if not host.is_arm or members is None or not why.tested(group, members):
        return None
    failing = why.not_isolated(host, members)
    if not why.by_members(host):  # machine_wide_rule tells of a controller of other devices
        first = failing[0] if failing else None
        return first if host.once(of_machine) in wanted else None
    return next((device for device in failing if of_device(host, device) in wanted), None)


def of_machine(host: Host) -> Reason:
    """The reason before v6.3: a controller of the machine that does not isolate."""
    if host.all_msi_domains.truth is not False:
        return Reason.UNKNOWN
    witness = host.witnesses.unisolated
    chips = host.finder.chips
    family = chips.family_of(witness.name, witness.chip) if witness is not None else None
    return _by_family(host, family.family) if family is not None else _unisolated(controllers(host))


def of_device(host: Host, device: Device) -> Reason:
    """The reason from v6.3 on, for a device whose domain is not known to isolate.

    It is kept, because each cause asks for it.
    """
    reasons = host.once(_reasons)
    path = device.uevent.source  # not the name, which devices of two buses may share
    reason = reasons.get(path)
    if reason is None:
        reason = reasons[path] = _reason(host, device)
    return reason


def _reasons(_: Host) -> dict[str, Reason]:
    return {}


def _reason(host: Host, device: Device) -> Reason:
    if not is_pci(device.name):
        return Reason.MEMBER
    if isinstance(device.chip, Fact):
        family = host.finder.chips.family(device)
        if family is None:  # a name that nobody knows may still stand on no ITS
            return Reason.OTHER if host.isolated(device).truth is False else Reason.UNKNOWN
        return Reason.PRE_ITS if family.its else _by_family(host, family.family)
    link, known = host.by_firmware(device), controllers(host)
    target = mapped_to(host, device)
    if target is not None and link.isolated.truth is False and not _is_its(target):
        return _by_node(target)
    if link.exists.truth is None or link.isolated.truth is None:
        return Reason.UNKNOWN
    if link.exists.truth:
        return _unisolated(known)
    log = known.log
    if known.off is not None and (known.its or known.disabled):
        return Reason.OFF
    if known.its and log is not None and (log.none or log.failed or log.v5_failed):
        return Reason.FAILED
    if known.its:
        return Reason.GAP
    return Reason.DISABLED if known.disabled else Reason.MISSING


def mapped_to(host: Host, device: Device) -> Node | None:
    """The node to which the msi-map of the function's bridge leads its id; None if to none."""
    wiring = host.snapshot.wiring
    if wiring is None or not isinstance(wiring.nodes, Fact):
        return None
    place, number = wiring.places.get(device.name), requester_id(device.name, wiring.places)
    path = wiring.of_nodes.get(place.value.root_bus) if isinstance(place, Fact) else None
    bridge = wiring.nodes.value.get(path.value) if isinstance(path, Fact) else None
    if bridge is None or not isinstance(bridge.msi_map, Fact) or isinstance(number, Gap):
        return None
    mask = bridge.msi_map_mask
    bits = mask.value if isinstance(mask, Fact) else of_map.ALL_BITS
    phandle = of_map.old(bridge.msi_map.value, bits, number)
    return host.once(_by_phandle).get(phandle) if isinstance(phandle, int) else None


def _by_phandle(host: Host) -> dict[int, Node]:
    wiring = host.snapshot.wiring
    tree = wiring.nodes if wiring is not None else None
    nodes = tree.value.values() if isinstance(tree, Fact) else ()
    return {node.phandle.value: node for node in nodes if isinstance(node.phandle, Fact)}


def _is_its(node: Node) -> bool:
    return not {V3, V5}.isdisjoint(kinds(node))


def _by_node(node: Node) -> Reason:
    if V2M in kinds(node):
        return Reason.V2M
    if node.mbi_ranges:
        return Reason.MBI
    return Reason.OTHER if node.msi_controller else Reason.ELSEWHERE


def _by_family(host: Host, family: str) -> Reason:
    if family == "GICv2m":
        return Reason.V2M
    if family == "GICv3 MBI":
        return Reason.MBI
    return _unisolated(controllers(host)) if family == _BARE else Reason.OTHER


def _unisolated(known: MsiControllers) -> Reason:
    """The kind of the controller that does not isolate, if firmware names one kind alone."""
    kinds_of = [
        (Reason.V2M, known.frames),
        (Reason.MBI, known.mbi),
        (Reason.OTHER, bool(known.others)),
        (Reason.PRE_ITS, known.pre_its),
    ]
    named = [reason for reason, there in kinds_of if there]
    return named[0] if len(named) == 1 else Reason.OTHER
