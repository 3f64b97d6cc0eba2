"""The MSI controllers of a device tree: which exist, and which of them isolate.

policy.md 3.9 and 4.3, and 10.3 for what real kernels did.
"""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.fact import Fact, Gap
from vfioguard.inference.borders import Version
from vfioguard.inference.msi_domain.bridge_msi import makes_none
from vfioguard.inference.msi_domain.its import V3, V5, Its, Itss, unit_address
from vfioguard.inference.msi_domain.resolution import Domain, unknown
from vfioguard.kernel.firmware.devicetree import V2M, Node, Nodes
from vfioguard.logic import Answer, Claim, ask, every, some

_GIC_V3 = "arm,gic-v3"
#: Controllers whose drivers every distribution builds for arm64; none of them sets the flag.
_UNFLAGGED = ("fsl,ls", "apm,xgene1-msi", "mrvl,", "marvell,", "al,alpine-msi")


class Controllers:
    """The MSI controllers of a device tree; `mbi` says whether the kernel uses `mbi-ranges`."""

    def __init__(
        self, nodes: Fact[Nodes], itss: Itss, mbi: Answer, version: Version | None
    ) -> None:
        self.nodes = nodes
        self._itss = itss
        self._mbi = mbi
        self._version = version
        #: The first phandle that cannot be read, or None: a phandle that no node has may be it.
        phandles = (node.phandle for node in nodes.value.values())
        self.hidden = next((gap for gap in phandles if isinstance(gap, Gap)), None)
        self.by_phandle = {
            node.phandle.value: node
            for node in nodes.value.values()
            if isinstance(node.phandle, Fact)
        }

    def domain(self, node: Node) -> Domain:
        """The domain of the MSI controller that `node` describes."""
        claim = Claim(
            f"{node.path} is an MSI controller that isolates",
            f"{node.path} is no MSI controller that isolates",
        )
        above = self._above(node)
        if above is not None and V5 in kinds(above):
            return self._v5(node, above, claim)
        if isinstance(node.compatible, Gap):
            says = f"{node.path} says what it is"
            unreadable = f"the compatible of {node.path} cannot be read"
            return unknown(Claim(says, unknown=unreadable), node.compatible)
        no = ask(claim, node.compatible, lambda _: False)
        if V5 in kinds(node):
            # IRQ_DOMAIN_FLAG_FWNODE_PARENT: only a child of the node leads to its domain.
            return Domain(no, no)
        if V3 in kinds(node):
            return self._its(node, claim)
        if V2M in kinds(node):
            return Domain(self._frame_used(node), _unflagged(claim, node, "a GICv2m frame"))
        if node.mbi_ranges:
            return Domain(self._mbi, _unflagged(claim, node, "a GICv3 with MBIs"))
        known = any(kind.startswith(_UNFLAGGED) for kind in kinds(node))
        driverless = Claim(f"{node.path} has no driver", f"{node.path} has a driver")
        return Domain(~_unused(node, driverless, known=known), no)

    def _above(self, node: Node) -> Node | None:
        return self.nodes.value.get(node.path.rpartition("/")[0])

    def _v5(self, frame: Node, its: Node, claim: str) -> Domain:
        """The domain by a translate frame of a GICv5: that of its parent, the ITS.

        irq_find_matching_fwspec() by msi_lib_irq_domain_select(); irq-gic-v5-its.c (7.2.13).
        """
        name = its.path.rpartition("/")[2]
        alone = self._itss.count(V5, self.nodes.value) <= 1
        parts = [_enabled(its), self._itss.used(Its(base=None, alone=alone, name=name))]
        path = frame.path
        used = Claim(
            f"{path} is of an ITS that the kernel uses",
            f"{path} is of no ITS that the kernel uses",
        )
        exists = every(used, parts)
        return Domain(exists, every(claim, (exists,)))

    def _its(self, node: Node, claim: str) -> Domain:
        path = node.path
        its = Its(base=unit_address(node), alone=self._itss.count(V3, self.nodes.value) <= 1)
        parts = [
            ask(
                Claim(f"{path} is an ITS", f"{path} is no MSI controller"),
                node.compatible,
                lambda _: node.msi_controller,
            ),
            _enabled(node),
            self._itss.used(its),
        ]
        used = Claim(
            f"{path} is an ITS that the kernel uses", f"{path} is no ITS that the kernel uses"
        )
        exists = every(used, parts)
        if not node.pre_its:
            return Domain(exists, every(claim, (exists,)))
        return Domain(exists, every(claim, (exists, self._itss.plain(node, self.nodes.value))))

    def _its_flagged(self, node: Node, claim: str) -> Answer:
        """Whether an ITS flags the domain that it makes: always, except behind a pre-ITS."""
        if not node.pre_its:
            return ask(claim, node.compatible, lambda _: True)
        plain = self._itss.plain(node, self.nodes.value)
        return some(claim, (~self.domain(node).exists, plain))

    def _frame_used(self, node: Node) -> Answer:
        """Whether the kernel uses a GICv2m frame; a GICv3 uses its frames only if it has no LPIs.

        The kernel does not look at the frame's status.
        """
        claim = Claim(f"{node.path} is a doorbell", f"{node.path} is no doorbell in use")
        above = self._above(node)
        if above is not None:
            if isinstance(above.compatible, Gap) and above.compatible.why != "absent":
                return ask(claim, above.compatible, lambda _: None)
            if _GIC_V3 in kinds(above):
                return every(claim, (~self._itss.lpis(),))
        return ask(claim, node.compatible, lambda _: True)

    def inside(self, bridge: Node) -> Domain:
        """The domain that a host bridge's driver may attach to the bridge itself."""
        if makes_none(bridge, self._version):
            inside = Claim(
                f"{bridge.path} has an MSI controller inside",
                f"{bridge.path} has no MSI controller inside",
            )
            no = ask(inside, bridge.compatible, _never)
            return Domain(no, no)
        claim = Claim(
            f"{bridge.path} has an MSI controller inside, which isolates",
            f"{bridge.path} has no MSI controller inside that isolates",
            f"it is not known whether {bridge.path} has an MSI controller inside",
        )
        return Domain(
            ask(claim, bridge.compatible, lambda _: None),
            ask(claim, bridge.compatible, _never),
        )

    def all_isolated(self) -> Answer:
        """Whether no node makes a domain without isolation (v4.11 to v6.2, policy.md 4.3)."""
        parts = [answer for node in self.nodes.value.values() for answer in self._flagged(node)]
        claim = Claim(
            "every MSI controller of the device tree isolates",
            "an MSI controller of the device tree does not isolate",
        )
        return every(claim, parts, over=self.nodes)

    def _flagged(self, node: Node) -> Iterator[Answer]:
        claim = Claim(
            f"{node.path} makes no MSI domain without isolation",
            f"{node.path} makes an MSI domain without isolation",
        )
        if isinstance(node.compatible, Gap) and node.compatible.why != "absent":
            yield ask(claim, node.compatible, lambda _: None)
        elif V3 in kinds(node):
            yield self._its_flagged(node, claim)
        elif V2M in kinds(node):
            yield ~self._frame_used(node)
        elif node.mbi_ranges:
            yield ~self._mbi
        elif node.host_bridge:
            if not makes_none(node, self._version):
                yield _unused(node, claim, known=False)
        elif node.msi_controller:
            yield ~self.domain(node).exists


def _unflagged(claim: str, node: Node, what: str) -> Answer:
    """That a node is of a kind that never isolates."""
    denied = f"{node.path} is {what}, which does not isolate MSIs"
    return ask(Claim(claim, denied), node.compatible, lambda _: False)


def kinds(node: Node) -> set[str]:
    """The strings of a node's `compatible`; none if they cannot be read."""
    return set(node.compatible.value) if isinstance(node.compatible, Fact) else set[str]()


def _unused(node: Node, claim: str, *, known: bool) -> Answer:
    """Whether no driver is bound to a node, as for a disabled one.

    `known`: if the node is enabled, it has a driver; else that is not known.
    """
    if node.status is None:
        return ask(claim, node.compatible, lambda _: False if known else None)
    return ask(claim, node.status, lambda _: (False if known else None) if node.enabled else True)


def _enabled(node: Node) -> Answer:
    claim = Claim(f"{node.path} is enabled", f"{node.path} is disabled")
    if node.status is None:
        return ask(claim, node.compatible, lambda _: True)
    return ask(claim, node.status, lambda _: node.enabled)


def _never(_kinds: tuple[str, ...]) -> bool:
    return False
