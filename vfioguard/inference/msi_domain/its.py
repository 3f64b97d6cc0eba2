"""The ITSs that the kernel uses, among those that firmware names (policy.md 4.3).

its_of_probe() and its_acpi_probe() reset all ITSs first, and probe none if one cannot be reset
(drivers/irqchip/irq-gic-v3-its.c, 6.1.176 to 7.3.4: "If any of the ITS fails to reset, don't even
try to go any further"). So evidence that one ITS is in use shows that all were reset. Then the
kernel probes each. An ITS that fails its probe has no domain; nor have the later ones, except in a
device tree up to 6.1. 5.10 works otherwise, but the answers here are the same for it.
"""

from __future__ import annotations

from collections.abc import Callable

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference.msi_domain import its_log
from vfioguard.inference.msi_domain.its_log import ItsLog
from vfioguard.inference.witnesses import Witness, Witnesses
from vfioguard.kernel.firmware.devicetree import Node, Nodes
from vfioguard.kernel.log import Log
from vfioguard.kernel.module_param import kstrtobool
from vfioguard.logic import Answer, Claim, agree, ask, every
from vfioguard.snapshot import Snapshot
from vfioguard.typed import NamedTuple

V3, V5 = "arm,gic-v3-its", "arm,gic-v5-its"
_USES = Claim("the kernel uses the ITS", "the kernel does not use the ITS")
_LOGGED = Claim(
    "the kernel's log shows the ITS in use",
    "the kernel's log shows that the ITS is not in use",
    "the kernel's log does not tell whether the ITS is in use",
)
_LPIS_ON = Claim(
    "the command line leaves LPIs on", "the command line turns LPIs off (irqchip.gicv3_nolpi)"
)
_LPIS_LOGGED = Claim(
    "the kernel's log shows that the GICv3 has LPIs",
    "the kernel's log shows that the GICv3 has no LPIs",
    "the kernel's log does not tell whether the GICv3 has LPIs",
)
_LPIS = Claim(
    "the GICv3 has LPIs, so that it uses no GICv2m frame",
    "the GICv3 has no LPIs, so that it uses its GICv2m frames",
    "it is not known whether the GICv3 has LPIs",
)
_NO_PRE_ITS = Claim(
    "no pre-ITS lets devices choose their requester id",
    "a pre-ITS lets devices choose their requester id",
)


class Its(NamedTuple):
    """One ITS of the firmware. `base` is its physical address, or None if that is not known.

    `alone`: firmware names no other ITS. `name` is what the kernel's log calls an ITS of a GICv5;
    it is None for other ITSs.
    """

    base: int | None
    alone: bool
    name: str | None = None


class Itss:
    """The ITSs of an Arm host, as far as its command line, log and interrupts show them."""

    def __init__(self, snapshot: Snapshot, witnesses: Witnesses) -> None:
        self._cmdline = snapshot.kernel.cmdline
        self._log: Reading[Log] = snapshot.interrupts.log or Gap(
            Why.ABSENT, "/dev/kmsg", "not read"
        )
        self._events = None if isinstance(self._log, Gap) else its_log.read(self._log.value)
        self._chip = witnesses.its
        self._used: dict[Its, Answer] = {}
        self._counted: dict[str, int] = {}

    def used(self, its: Its) -> Answer:
        """Whether the kernel initialised an ITS, so that it has an MSI domain."""
        answer = self._used.get(its)
        if answer is None:
            answer = self._used[its] = self._v5(its) if its.name is not None else self._v3(its)
        return answer

    def _v3(self, its: Its) -> Answer:
        witnesses = [
            ask(_LPIS_ON, self._cmdline, _lpis),
            self._by_log(_LOGGED, lambda events: _v3(events, its)),
        ]
        if self._chip is not None and self._speaks_for(its):
            witnesses.append(_has_msis(self._chip))
        return agree(_USES, witnesses)

    def _speaks_for(self, its: Its) -> bool:
        """Whether MSIs that come from some ITS show that this one is in use.

        They show that all were reset. If one ITS failed its probe, they may come from any other.
        """
        events = self._events
        if its.alone or events is None or not events.failed:
            return True
        return its.base not in events.failed and not events.lpis

    def _v5(self, its: Its) -> Answer:
        """Whether an ITS of a GICv5 is used: its log line is gicv5_its_print_info()'s."""
        witnesses = [self._by_log(_LOGGED, lambda events: _v5(events, its))]
        failed = self._events is not None and self._events.v5_failed
        if self._chip is not None and (its.alone or not failed):
            witnesses.append(_has_msis(self._chip))
        return agree(_USES, witnesses)

    def lpis(self) -> Answer:
        """Whether the GICv3 has LPIs (gic_dist_supports_lpis(), irq-gic-v3.c).

        A GICv3 without LPIs uses its GICv2m frames.
        """
        witnesses = [
            ask(_LPIS_ON, self._cmdline, _lpis),
            self._by_log(_LPIS_LOGGED, _has_lpis),
        ]
        if self._chip is not None:
            witnesses.append(_has_msis(self._chip))
        return agree(_LPIS, witnesses)

    def plain(self, node: Node, nodes: Nodes) -> Answer:
        """Whether an ITS is without the quirk of the Socionext pre-ITS that its node names.

        its_enable_quirk_socionext_synquacer() clears the flag only if GITS_IIDR, which no file
        shows, and CONFIG_SOCIONEXT_SYNQUACER_PREITS agree. gic_enable_quirks() logs the quirk
        after the line that begins the ITS's probe.
        """
        path, effect = node.path, "by which devices choose their requester id"
        claim = Claim(f"{path} has no pre-ITS, {effect}", f"{path} has a pre-ITS, {effect}")
        return self._by_log(claim, lambda events: _plain(events, node, self.count(V3, nodes)))

    def count(self, kind: str, nodes: Nodes) -> int:
        """The number of nodes of a kind that the kernel may try; counted once for all devices."""
        if kind not in self._counted:
            self._counted[kind] = sum(_may_be(kind, node) for node in nodes.values())
        return self._counted[kind]

    def all_plain(self, nodes: Fact[Nodes]) -> Answer:
        """Whether no ITS has the quirk; unknown if some have it and some do not."""
        answers = [
            ask(f"{node.path} names no pre-ITS", node.compatible, lambda _: True)
            if not node.pre_its
            else self.plain(node, nodes.value)
            for node in nodes.value.values()
            if node.pre_its or _may_be(V3, node)
        ]
        mixed = len({answer.truth for answer in answers}) > 1
        if mixed:
            return Answer(_NO_PRE_ITS, None, tuple(answers))
        return every(_NO_PRE_ITS, answers, over=nodes)

    def _by_log(self, claim: str, question: Callable[[ItsLog], bool | None]) -> Answer:
        events = self._events
        return ask(claim, self._log, lambda _: None if events is None else question(events))


def _v3(events: ItsLog, its: Its) -> bool | None:
    if events.lpis and (events.none or (events.failed and (its.alone or events.reset))):
        return None  # the lines contradict each other, as if from two boots
    if events.none or its.base in events.failed:
        return False
    if not events.failed:
        return True if events.lpis else None
    if not events.lpis:
        return False  # the ITS that failed takes all others with it
    return True if its.base in events.tried else None


def _v5(events: ItsLog, its: Its) -> bool | None:
    if its.name in events.v5_failed:
        return False
    return True if its.name in events.v5_used else None


def _has_lpis(events: ItsLog) -> bool | None:
    if events.frames:
        return None if events.init else False
    return True if events.init else None


def _plain(events: ItsLog, node: Node, itss: int) -> bool | None:
    if events.pre_its:
        return False
    seen = unit_address(node) in events.tried or 0 < itss <= len(events.tried)
    return True if seen else None


def unit_address(node: Node) -> int | None:
    """The address in the name of an ITS's node, or None; it is `reg`'s if no bus translates it."""
    try:
        return int(node.path.rpartition("@")[2], 16)
    except ValueError:
        return None


def _may_be(kind: str, node: Node) -> bool:
    named = isinstance(node.compatible, Fact) and kind in node.compatible.value
    return named and node.enabled is not False


def _has_msis(witness: Witness) -> Answer:
    chip = witness.chip or Gap(Why.ABSENT, "/sys/kernel/irq", "no MSI")
    return ask(f"{witness.name} has MSIs of an ITS", chip, lambda _: True)


def _lpis(words: tuple[str, ...]) -> bool | None:
    """False if irqchip.gicv3_nolpi turns LPIs off, and with them every ITS; else None.

    The last valid value on the command line counts.
    """
    off = None
    for word in words:
        name, _, value = word.partition("=")
        if name.replace("-", "_") == "irqchip.gicv3_nolpi":
            given = kstrtobool(value)  # None for a word without a value, too
            off = given if given is not None else off
    return False if off else None
