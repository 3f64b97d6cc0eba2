"""What the device tree's MSI controllers are: which exist, and which of them isolate.

POLICY 3.9 and 4.3, and 10.5 for what real kernels did.
"""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.fact import Fact, Gap
from vfioguard.inference.firmware_msi import Domain, unknown
from vfioguard.kernel.devicetree import V2M, Node, Nodes
from vfioguard.logic import Answer, ask, every, some

_ITS = frozenset({"arm,gic-v3-its", "arm,gic-v5-its"})
_GIC_V3 = "arm,gic-v3"
#: Controllers whose drivers every distribution builds for arm64; none of them is flagged.
_UNFLAGGED = ("fsl,ls", "apm,xgene1-msi", "mrvl,", "marvell,", "al,alpine-msi")
#: Host bridges that have no MSI controller inside (drivers/pci/controller/pci-host-generic.c).
_PLAIN_BRIDGES = frozenset(
    [
        "pci-host-ecam-generic", "pci-host-cam-generic", "marvell,armada8k-pcie-ecam",
        "socionext,synquacer-pcie-ecam", "snps,dw-pcie-ecam",
    ]
)  # fmt: skip


class Controllers:
    """The MSI controllers of a device tree; `alive`: of its ITSs, `mbi`: of `mbi-ranges`."""

    def __init__(self, nodes: Fact[Nodes], alive: Answer, mbi: Answer) -> None:
        self.nodes = nodes
        self._alive = alive
        self._mbi = mbi
        self._any_its = any(_ITS & kinds(node) for node in nodes.value.values())
        #: Where this is a gap, a phandle that nobody has may be that of the node behind it.
        self.hidden = next((n.phandle for n in nodes.value.values() if _hidden(n)), None)
        self.by_phandle = {
            node.phandle.value: node
            for node in nodes.value.values()
            if isinstance(node.phandle, Fact)
        }

    def domain(self, node: Node) -> Domain:
        """What an MSI controller's node makes of itself."""
        if isinstance(node.compatible, Gap):
            return unknown(f"{node.path} says what it is", node.compatible)
        claim = f"{node.path} is an MSI controller that isolates"
        no = ask(claim, node.compatible, lambda _: False)
        if kinds(node) & _ITS:
            return self._its(node, claim)
        if V2M in kinds(node):
            return Domain(self._frame_used(node), no)
        if node.mbi_ranges:
            return Domain(self._mbi, no)
        known = any(kind.startswith(_UNFLAGGED) for kind in kinds(node))
        return Domain(~_unused(node, f"{node.path} has no driver", known=known), no)

    def _its(self, node: Node, claim: str) -> Domain:
        parts = [
            ask(f"{node.path} is an ITS", node.compatible, lambda _: node.msi_controller),
            _enabled(node),
            self._alive,
        ]
        exists = every(f"{node.path} is an ITS that the kernel uses", parts)
        pre_its = f"{node.path} is not behind a Socionext pre-ITS"
        plain = ask(pre_its, node.compatible, lambda _: not node.pre_its)
        return Domain(exists, every(claim, (exists, plain)))

    def _frame_used(self, node: Node) -> Answer:
        """A frame's status is not looked at; below a GICv3, frames wait for LPIs to be unusable."""
        claim = f"{node.path} is a doorbell"
        above = self.nodes.value.get(node.path.rpartition("/")[0])
        if above is not None and self._any_its:
            if isinstance(above.compatible, Gap) and above.compatible.why != "absent":
                return ask(claim, above.compatible, lambda _: None)
            if _GIC_V3 in kinds(above):
                return every(claim, (~self._alive,))
        return ask(claim, node.compatible, lambda _: True)

    def inside(self, bridge: Node) -> Domain:
        """The domain that a host bridge's driver may attach to the bridge itself."""
        if kinds(bridge) & _PLAIN_BRIDGES:
            no = ask(f"{bridge.path} has an MSI controller inside", bridge.compatible, _never)
            return Domain(no, no)
        claim = f"{bridge.path} has an MSI controller inside, which isolates"
        return Domain(
            ask(claim, bridge.compatible, lambda _: None),
            ask(claim, bridge.compatible, _never),
        )

    def all_isolated(self) -> Answer:
        """Whether no node makes a domain without isolation (v4.11 to v6.2, POLICY 4.3)."""
        parts = [answer for node in self.nodes.value.values() for answer in self._flagged(node)]
        claim = "every MSI controller of the device tree isolates"
        return every(claim, parts, over=self.nodes)

    def _flagged(self, node: Node) -> Iterator[Answer]:
        claim = f"{node.path} makes no MSI domain without isolation"
        if isinstance(node.compatible, Gap) and node.compatible.why != "absent":
            yield ask(claim, node.compatible, lambda _: None)
        elif kinds(node) & _ITS:
            its = self.domain(node)
            yield some(claim, (~its.exists, its.isolated))
        elif V2M in kinds(node):
            yield ~self._frame_used(node)
        elif node.mbi_ranges:
            yield ~self._mbi
        elif node.msi_controller:
            yield ~self.domain(node).exists
        elif node.host_bridge and not kinds(node) & _PLAIN_BRIDGES:
            yield _unused(node, claim, known=False)


def _hidden(node: Node) -> bool:
    return isinstance(node.phandle, Gap)


def kinds(node: Node) -> set[str]:
    """What a node says it is compatible with."""
    return set(node.compatible.value) if isinstance(node.compatible, Fact) else set[str]()


def _unused(node: Node, claim: str, *, known: bool) -> Answer:
    """No driver is bound to a node that is disabled; `known`: one is to this node, if it is not."""
    if node.status is None:
        return ask(claim, node.compatible, lambda _: False if known else None)
    return ask(claim, node.status, lambda _: (False if known else None) if node.enabled else True)


def _enabled(node: Node) -> Answer:
    claim = f"{node.path} is enabled"
    if node.status is None:
        return ask(claim, node.compatible, lambda _: True)
    return ask(claim, node.status, lambda _: node.enabled)


def _never(_kinds: tuple[str, ...]) -> bool:
    return False
