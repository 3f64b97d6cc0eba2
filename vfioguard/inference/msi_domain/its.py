"""Which of the ITSs that firmware names the kernel uses (policy.md 4.3).

its_of_probe() and its_acpi_probe() reset all ITSs first and probe none where one of them fails
(drivers/irqchip/irq-gic-v3-its.c, 6.1.176 to 7.3.4: "If any of the ITS fails to reset, don't even
try to go any further"). So whatever shows one ITS in use shows that all were reset. Then each is
probed, and one that fails there has no domain; the later ones have none either, but those of a
device tree up to 6.1. What 5.10 does is the same to all that is answered here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference.msi_domain import its_log
from vfioguard.inference.msi_domain.its_log import ItsLog
from vfioguard.inference.witnesses import Witness, Witnesses
from vfioguard.kernel.firmware.devicetree import Node, Nodes
from vfioguard.kernel.log import Log
from vfioguard.kernel.module_param import kstrtobool
from vfioguard.logic import Answer, agree, ask, every
from vfioguard.snapshot import Snapshot

V3, V5 = "arm,gic-v3-its", "arm,gic-v5-its"
_USES = "the kernel uses the ITS"
_LOGGED = "the kernel's log shows the ITS in use"


class Its(NamedTuple):
    """One ITS of the firmware. `base`: its physical address, None where nothing tells it.

    `alone`: firmware names no other. `name`: a GICv5's, as the kernel's log calls it, else None.
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
        self._said = None if isinstance(self._log, Gap) else its_log.read(self._log.value)
        self._chip = witnesses.its
        self._used: dict[Its, Answer] = {}
        self._counted: dict[str, int] = {}

    def used(self, its: Its) -> Answer:
        """Whether the kernel initialised an ITS, so that it has a domain of MSIs."""
        answer = self._used.get(its)
        if answer is None:
            answer = self._used[its] = self._v5(its) if its.name is not None else self._v3(its)
        return answer

    def _v3(self, its: Its) -> Answer:
        found = [
            ask("the command line leaves LPIs on", self._cmdline, _lpis),
            self._by_log(_LOGGED, lambda said: _v3(said, its)),
        ]
        if self._chip is not None and self._speaks_for(its):
            found.append(_has_msis(self._chip))
        return agree(_USES, found)

    def _speaks_for(self, its: Its) -> bool:
        """Whether a device's MSIs, which are of some ITS, tell of this one.

        They show that all were reset. If one failed to be probed, they may be of any other.
        """
        said = self._said
        if its.alone or said is None or not said.failed:
            return True
        return its.base not in said.failed and not said.lpis

    def _v5(self, its: Its) -> Answer:
        """The log has a line for each (irq-gic-v5-its.c gicv5_its_print_info())."""
        found = [self._by_log(_LOGGED, lambda said: _v5(said, its))]
        failed = self._said is not None and self._said.v5_failed
        if self._chip is not None and (its.alone or not failed):
            found.append(_has_msis(self._chip))
        return agree(_USES, found)

    def lpis(self) -> Answer:
        """gic_dist_supports_lpis(): where not, a GICv3 uses its GICv2m frames (irq-gic-v3.c)."""
        found = [
            ask("the command line leaves LPIs on", self._cmdline, _lpis),
            self._by_log("the kernel's log shows that the GICv3 has LPIs", _has_lpis),
        ]
        if self._chip is not None:
            found.append(_has_msis(self._chip))
        return agree("the GICv3 has LPIs, so that it uses no GICv2m frame", found)

    def plain(self, node: Node, nodes: Nodes) -> Answer:
        """Whether an ITS is without the quirk of the Socionext pre-ITS that its node names.

        its_enable_quirk_socionext_synquacer() clears the flag only where GITS_IIDR, which is not
        visible, and CONFIG_SOCIONEXT_SYNQUACER_PREITS say so too. gic_enable_quirks() logs it
        behind the line that begins the ITS's probe.
        """
        claim = f"{node.path} has no pre-ITS, by which devices choose their requester id"
        return self._by_log(claim, lambda said: _plain(said, node, self.count(V3, nodes)))

    def count(self, kind: str, nodes: Nodes) -> int:
        """How many nodes of a kind the kernel may try; counted once, as all devices ask."""
        if kind not in self._counted:
            self._counted[kind] = sum(_may_be(kind, node) for node in nodes.values())
        return self._counted[kind]

    def all_plain(self, nodes: Fact[Nodes]) -> Answer:
        """Whether no ITS has the quirk; unknown too where some have it and some do not."""
        claim = "no pre-ITS lets devices choose their requester id"
        found = [
            ask(f"{node.path} names no pre-ITS", node.compatible, lambda _: True)
            if not node.pre_its
            else self.plain(node, nodes.value)
            for node in nodes.value.values()
            if node.pre_its or _may_be(V3, node)
        ]
        mixed = len({answer.truth for answer in found}) > 1
        return Answer(claim, None, tuple(found)) if mixed else every(claim, found, over=nodes)

    def _by_log(self, claim: str, question: Callable[[ItsLog], bool | None]) -> Answer:
        said = self._said
        return ask(claim, self._log, lambda _: None if said is None else question(said))


def _v3(said: ItsLog, its: Its) -> bool | None:
    if said.lpis and (said.none or (said.failed and (its.alone or said.reset))):
        return None  # of two boots?
    if said.none or its.base in said.failed:
        return False
    if not said.failed:
        return True if said.lpis else None
    if not said.lpis:
        return False  # one that failed takes all others with it
    return True if its.base in said.tried else None


def _v5(said: ItsLog, its: Its) -> bool | None:
    if its.name in said.v5_failed:
        return False
    return True if its.name in said.v5_used else None


def _has_lpis(said: ItsLog) -> bool | None:
    if said.frames:
        return None if said.init else False
    return True if said.init else None


def _plain(said: ItsLog, node: Node, itss: int) -> bool | None:
    if said.pre_its:
        return False
    seen = unit_address(node) in said.tried or 0 < itss <= len(said.tried)
    return True if seen else None


def unit_address(node: Node) -> int | None:
    """Where an ITS is by its node's name: as `reg` says, on a bus that translates nothing."""
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
    """irqchip.gicv3_nolpi takes LPIs, and with them every ITS, away; the last valid one counts."""
    off = None
    for word in words:
        name, _, value = word.partition("=")
        if name.replace("-", "_") == "irqchip.gicv3_nolpi":
            given = kstrtobool(value)  # a word without a value is no bool either
            off = given if given is not None else off
    return False if off else None
