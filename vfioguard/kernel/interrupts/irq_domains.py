"""/sys/kernel/debug/irq/domains: irq_domains with their flags (CONFIG_GENERIC_IRQ_DEBUGFS).

kernel/irq/irqdomain.c irq_domain_debug_show(). Only here the kernel shows the very bit that it
tests, but most distributions do not build it. Domains of single devices are left out: their parents
have the flag.
"""

from __future__ import annotations

import re

from vfioguard.fact import Fact, Malformed, Reading, printable_bytes
from vfioguard.root import Root, listing, reading
from vfioguard.typed import NamedTuple

PATH = "/sys/kernel/debug/irq/domains"

#: include/linux/irqdomain.h, the same bits since v4.11; the second one was renamed in v6.3.
FLAG_MSI = 1 << 4
FLAG_ISOLATED_MSI = 1 << 5

_LIMIT = 64 << 10
_PER_DEVICE = r"MSIX?-[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]"
_FIELD = rb"(?m)^ *(name|flags): +(\S.*)$"
_REMAPPING = r"INTEL-IR-\d+(?:-\d+)?"


class IrqDomain(NamedTuple):
    """A domain. `flags` are its own, then those of each parent."""

    name: str
    flags: tuple[int, ...]

    @property
    def msi(self) -> bool:
        """Whether MSIs are allocated from this domain."""
        return bool(self.flags[0] & FLAG_MSI)

    @property
    def isolated(self) -> bool:
        """Whether the domain or a parent has the flag that msi_device_has_isolated_msi() tests.

        kernel/irq/msi.c.
        """
        return any(flags & FLAG_ISOLATED_MSI for flags in self.flags)

    @property
    def remapping(self) -> bool:
        """Whether this is a domain that Intel's driver has only while interrupts are remapped.

        AMD's driver makes and flags its domains before it decides to remap. The name's last number
        is a bus token, which differs between kernels.
        """
        return re.fullmatch(_REMAPPING, self.name) is not None


def parse(raw: bytes) -> IrqDomain:
    """A domain. Its flags are read as numbers; their names came late and changed."""
    fields = [(key, value.rstrip(b" ")) for key, value in re.findall(_FIELD, raw)]
    try:
        name = next(value for key, value in fields if key == b"name")
        flags = tuple(int(value, 16) for key, value in fields if key == b"flags")
    except (StopIteration, ValueError) as error:
        raise Malformed(f"not an irq domain: {raw[:48]!r}") from error
    if not flags:
        raise Malformed("an irq domain without flags")
    return IrqDomain(printable_bytes(name), flags)


def read(root: Root) -> Reading[tuple[Reading[IrqDomain], ...]]:
    """The domains that devices share; each is a reading of its own."""
    names = listing(root, PATH)
    if not isinstance(names, Fact):
        return names
    shared = [
        name for name in names.value if not re.search(_PER_DEVICE, name) and name != "default"
    ]
    domains = tuple(reading(root, f"{PATH}/{name}", parse, _LIMIT) for name in shared)
    return Fact(domains, names.raw, names.source)
