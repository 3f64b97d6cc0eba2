"""/sys/firmware/devicetree/base: whether an ITS stands behind a Socionext pre-ITS.

There the writer chooses the requester id, so the kernel clears the ITS's isolation flag
(drivers/irqchip/irq-gic-v3-its.c its_enable_quirk_socionext_synquacer()).
"""

from __future__ import annotations

from vfioguard.fact import Fact, Gap, Reading, Why, gap_from
from vfioguard.root import Root

PATH = "/sys/firmware/devicetree/base"
PRE_ITS = "socionext,synquacer-pre-its"
_MAX_NODES = 20_000
# Standard properties (Devicetree Specification 0.4, 2.3): not worth a system call each.
_PROPERTIES = frozenset(
    [
        "compatible",
        "reg",
        "ranges",
        "status",
        "name",
        "phandle",
        "interrupts",
        "interrupt-parent",
        "dma-ranges",
        "device_type",
        "clocks",
        "clock-names",
        "reg-names",
        "interrupt-names",
        "bootargs",
        "model",
        "msi-controller",
    ]
)


def has_pre_its(root: Root) -> Reading[bool]:
    """Walk the nodes; a host that booted without a device tree has none."""
    todo = [PATH]
    seen = 0
    while todo:
        node = todo.pop()
        try:
            names = root.listdir(node)
        except NotADirectoryError:
            continue
        except OSError as error:
            gap = gap_from(error, node)
            if gap.why is Why.ABSENT:
                if node == PATH:
                    return Fact(False, b"", PATH)
                continue
            return gap
        if PRE_ITS in names:
            return Fact(True, PRE_ITS.encode(), f"{node}/{PRE_ITS}")
        seen += 1
        if seen > _MAX_NODES:
            return Gap(Why.MALFORMED, PATH, f"more than {_MAX_NODES} nodes")
        todo.extend(f"{node}/{name}" for name in sorted(names) if _may_be_node(name))
    return Fact(False, b"", PATH)


def _may_be_node(name: str) -> bool:
    if "@" in name:
        return True
    return name not in _PROPERTIES and "," not in name and not name.startswith("#")
