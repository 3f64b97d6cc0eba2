"""Laws of every parser: a value or `Malformed`, and a selection that selects itself."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vfioguard import leaves
from vfioguard.fact import Malformed
from vfioguard.iommu import IommuDriver
from vfioguard.kernel import iommu_groups, log, module_param, uevent
from vfioguard.kernel.identity import arch, cmdline, config, osrelease, symbols
from vfioguard.kernel.interrupts import ir_translation, irq_domains, proc_interrupts
from vfioguard.kernel.pci import pci_config
from vfioguard.root import text

PARSERS: dict[str, Callable[[bytes], object]] = {
    "arch": arch.parse,
    "cpuinfo": arch.parse_cpuinfo,
    "cmdline": cmdline.parse,
    "config": config.parse,
    "ir_translation": ir_translation.parse,
    "irq_domains": irq_domains.parse,
    "iommu_groups": iommu_groups.parse_regions,
    "log": log.parse,
    "module_param": module_param.parse,
    "osrelease": osrelease.parse,
    "version": osrelease.parse_banner,
    "pci_config": pci_config.parse,
    "proc_interrupts": proc_interrupts.parse,
    "symbols": symbols.parse,
    "uevent": uevent.parse,
    "text": text,
    **{
        f"{driver.name} {file}": number
        for driver in leaves.all_of("vfioguard.iommu", "DRIVER", IommuDriver)
        for file, number in driver.attributes
    },
}
SELECTS: dict[str, Callable[[bytes], bytes]] = {
    "cpuinfo": arch.select,
    "cmdline": cmdline.select,
    "config": config.select,
    "ir_translation": ir_translation.select,
    "log": log.select,
    "module_param": module_param.select,
    "proc_interrupts": proc_interrupts.select,
    "notes": arch.order,
    "version": osrelease.select,
}
#: Pieces of the formats, so that chance gets past the first line.
_PIECES = [
    b"\n", b" ", b"\t", b"\\", b"\\\n", b'"', b"=", b"--", b"#", b"0", b"9" * 5000, b"\0", b"\xff",
    b"options vfio_iommu_type1 allow_unsafe_interrupts=1", b"options", b"vfio", b"intremap=off",
    b"nointremap", b"CONFIG_VFIO=m", b"\n# CONFIG_VFIO is not set", b"CONFIG_PROC_FS=y\n",
    b"[    1.000000] ", b"6,1,2,-;", b"DMAR-IR: ", b"ITS@", b"       CPU0       CPU1\n",
    b"  1:   9   0  IR-IO-APIC    1-edge  i8042\n", b"  2:   9   0  GICv3  27 Level  x\n",
    b"Remapped Interrupt supported on IOMMU: dmar0\n", b" IR table address:1\n",
    b"Interrupt Remapping is not enabled\n", b"name:   X\n", b" flags:  0x00000020\n",
    b"DRIVER=", b"PCI_CLASS=", b"PCI_ID=", b"0x00000000fee00000 0x00000000feefffff msi\n",
    b"cpu family\t: 6\n", b"CPU implementer", b"6.12.0", b"Y\n",
    b"Linux version ",
]  # fmt: skip
texts = st.binary() | st.lists(st.sampled_from(_PIECES) | st.binary(max_size=4)).map(b"".join)


@pytest.mark.parametrize("name", PARSERS)
@given(raw=texts)
@example(raw=b"")
@example(raw=b"\0" * 256)
@example(raw=b"\xff" * 4096)
@example(raw=b"9" * 5000 + b"." + b"9" * 5000)
@example(raw=b" CPU0\n" + b"9" * 5000 + b": 1 x 1-edge\n")
def test_a_parser_gives_a_value_or_says_malformed(name: str, raw: bytes) -> None:
    with contextlib.suppress(Malformed):
        PARSERS[name](raw)


@pytest.mark.parametrize("name", SELECTS)
@given(raw=texts)
@example(raw=b"options vfio x\\")
@example(raw=b"options vfio \x0b")
def test_a_selection_of_a_selection_is_itself(name: str, raw: bytes) -> None:
    once = SELECTS[name](raw)
    assert SELECTS[name](once) == once


@pytest.mark.parametrize(
    "name", ["cpuinfo", "config", "ir_translation", "proc_interrupts", "version"]
)
@given(raw=texts)
def test_a_selection_parses_as_the_whole_does(name: str, raw: bytes) -> None:
    def outcome(content: bytes) -> object:
        try:
            return PARSERS[name](content)
        except Malformed:
            return Malformed

    assert outcome(SELECTS[name](raw)) == outcome(raw)
