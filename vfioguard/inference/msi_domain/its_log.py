"""The kernel's log about ITSs: which were tried, given up, or are in use.

drivers/irqchip/irq-gic-v3-its.c its_map_one(), its_probe_one(), gic_acpi_parse_madt_its(),
its_init(); up to v6.10 also irq-gic-v3-its-pci-msi.c its_pci_msi_init_one(); irq-gic-v5-its.c
gicv5_its_print_info(), gicv5_its_of_probe(). Read in 5.10.223, 5.10.262, 6.1.176, 6.1.192,
6.12.107, 6.12.111, 6.12.118, 7.2.13 and 7.3.4.
"""

from __future__ import annotations

import re

from vfioguard.kernel.log import Log
from vfioguard.typed import NamedTuple

#: "ITS [mem 0x08080000-0x0809ffff]": the ITS's probe begins; its other lines come later.
_TRIED = re.compile(r"ITS \[mem (0x[0-9a-f]+)-")
#: Lines that end all probes before any ITS is tried (v6.1), or the probe of this ITS (v5.10).
_RESET = "Unable to map ITS registers|No ITS detected, giving up|Failed to quiesce, giving up"
#: Lines that end the probe of one ITS; the line "... doesn't stick" may come before.
_PROBE = (
    r"failed probing|No ITSList entry available!|Duplicate ITSList entry|"
    r"Unable to (?:allocate|register) GICv3 ITS domain token|[Uu]nable to locate ITS domain"
)
_FAILED = re.compile(rf"ITS@(0x[0-9a-f]+): (?:({_RESET})|{_PROBE})")
#: Lines that its_init() and its callees print. "Unable to locate ITS domain" is not one: an
#: initcall prints it on any machine.
_INIT = re.compile(r"ITS(?: \[|: |@0x[0-9a-f]+: (?![Uu]nable to locate))")
#: its_cpu_init_lpis() prints it for each CPU, if and only if some ITS was initialised.
_LPIS = re.compile(r"GICv3: CPU\d+: using \w+ LPI pending table @")
_NONE = "ITS: No ITS available"
#: gic_enable_quirks() (irq-gic-common.c) with the name that its_quirks[] has for it.
_PRE_ITS = "GIC: enabling workaround for ITS: Socionext Synquacer pre-ITS"
_V5_USED = re.compile(r"GICv5 ITS: ITS (\S+) enabled using ")
_V5_FAILED = re.compile(
    r"GICv5 ITS: (?:Failed to init ITS (\S+)|"
    r"ITS@(0x[0-9a-f]+): Unable to allocate GICv5 ITS domain token)"
)


class ItsLog(NamedTuple):
    """The ITSs of a GICv3 by physical address, those of a GICv5 by the kernel's name for them.

    `init`: its_init() was called, which wants a distributor that knows LPIs. `none`: it found no
    ITS that works. `lpis`: it found one. `reset`: one failed when all were reset. `pre_its`: the
    kernel met a Socionext pre-ITS. `frames`: it uses GICv2m frames.
    """

    init: bool
    none: bool
    lpis: bool
    tried: frozenset[int]
    failed: frozenset[int]
    reset: bool
    pre_its: bool
    frames: bool
    v5_used: frozenset[str]
    v5_failed: frozenset[str]


def read(log: Log) -> ItsLog:
    """Read the kept lines of one boot."""
    tried = [match[1] for match in map(_TRIED.match, log) if match]
    failed = [match for match in map(_FAILED.match, log) if match]
    v5_failed = [match for match in map(_V5_FAILED.match, log) if match]
    lpis = any(map(_LPIS.match, log))
    return ItsLog(
        init=lpis or any(map(_INIT.match, log)),
        none=any(line.startswith(_NONE) for line in log),
        lpis=lpis,
        tried=frozenset(int(base, 16) for base in tried),
        failed=frozenset(int(match[1], 16) for match in failed),
        reset=any(match[2] for match in failed),
        pre_its=any(line.startswith(_PRE_ITS) for line in log),
        frames=any(line.startswith("GICv2m: range") for line in log),
        v5_used=frozenset(match[1] for match in map(_V5_USED.match, log) if match),
        v5_failed=frozenset(
            match[1] or f"irqchip@{int(match[2], 16):#018x}" for match in v5_failed
        ),
    )
