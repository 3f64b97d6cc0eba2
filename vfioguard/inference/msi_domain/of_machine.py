"""irq_domain_check_msi_remap() of v4.11 to v6.2: every MSI domain of the machine is isolated.

One domain without the flag refuses every group, and a machine without any domain is accepted
(kernel/irq/irqdomain.c; policy.md 1.1, 4.3). A domain exists whether or not it is used. So only
debugfs or firmware can prove that every domain has the flag, while any interrupt can prove that
one has not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vfioguard.fact import Fact, Gap, Reading
from vfioguard.inference import borders, era
from vfioguard.inference.remapping.enabled import refused
from vfioguard.inference.witnesses import Witnesses
from vfioguard.kernel.identity.arch import is_x86
from vfioguard.kernel.identity.symbols import Predicate
from vfioguard.logic import Answer, Claim, agree, ask, every
from vfioguard.snapshot import Snapshot
from vfioguard.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from vfioguard.kernel.log import Log

CLAIM = Claim(
    "every MSI domain of this machine isolates MSIs",
    "an MSI domain of this machine does not isolate MSIs",
)
_X86 = Claim(
    "x86 flags its MSI domains before v6.3, or has none (nolapic)",
    "x86 flags none of its MSI domains before v6.3",
    "it is not known whether this x86 has an MSI domain",
)
_DEBUGFS = Claim(
    "every MSI domain in debugfs has the flag", "an MSI domain in debugfs lacks the flag"
)
_FLAGGED = Claim("it has the flag, or a parent has", "neither it nor a parent has the flag")
_NOT_REFUSED = Claim(
    "no attach was refused because a domain does not isolate",
    "an attach was refused because a domain does not isolate",
)
_NO_FRAME = Claim(
    "the kernel's log names no other controller",
    "the kernel's log names a GICv2m frame, which does not isolate",
    "the kernel's log does not tell whether there is another controller",
)


def isolated(snapshot: Snapshot, witnesses: Witnesses, firmware: Callable[[], Answer]) -> Answer:
    """The machine-wide test; `firmware()` says if firmware names only controllers that isolate."""
    if is_x86(snapshot.kernel.arch):
        return agree(CLAIM, _x86_witnesses(snapshot, witnesses))
    return agree(CLAIM, _witnesses(snapshot, witnesses, firmware))


def _x86_witnesses(snapshot: Snapshot, witnesses: Witnesses) -> Iterator[Answer]:
    yield _x86(snapshot, witnesses)
    if snapshot.interrupts.log is not None:
        yield from _refused(snapshot, snapshot.interrupts.log)


def _x86(snapshot: Snapshot, witnesses: Witnesses) -> Answer:
    """Whether x86 passes: before v6.3 it flags no domain, so only if it has none.

    Up to v6.1 it has MSI domains from boot on (PCI-MSI). In v6.2 a PCI function has a domain of its
    own from its first MSI on, and each VT-d unit has one for its faults
    (arch/x86/kernel/apic/msi.c dmar_get_irq_domain(), the same in 6.1.176 and 6.12.118).
    """
    lapic_off = {"nolapic", "disable_apic", "disableapic"}
    cmdline = snapshot.kernel.cmdline
    if isinstance(cmdline, Fact) and not lapic_off.isdisjoint(cmdline.value):
        return ask(_X86, cmdline, lambda _: None)
    shown = witnesses.by_kind or any(
        unit.driver is not None and unit.driver.name == "intel"
        for unit in (snapshot.iommus.value if isinstance(snapshot.iommus, Fact) else ())
    )
    later = era.has(snapshot, borders.X86_OWN_DOMAINS) is not False
    if later and not era.has(snapshot, borders.ISOLATED_MSI) and not shown:
        return ask(_X86, snapshot.kernel.arch, lambda _: None)
    return ask(_X86, snapshot.kernel.arch, lambda _: False)


def _witnesses(
    snapshot: Snapshot, witnesses: Witnesses, firmware: Callable[[], Answer]
) -> Iterator[Answer]:
    domains = snapshot.interrupts.domains
    if isinstance(domains, Fact) and domains.value:
        shared = [domain for domain in domains.value if isinstance(domain, Gap) or domain.value.msi]
        yield every(
            _DEBUGFS,
            (ask(_FLAGGED, d, lambda domain: domain.isolated) for d in shared),
            over=domains,
        )
    device = witnesses.unisolated
    if device is not None and device.chip is not None:
        uses = f"{device.name} uses a domain"
        claim = Claim(f"{uses} that isolates", f"{uses} that does not isolate")
        yield ask(claim, device.chip, lambda _: False)
    if snapshot.interrupts.log is not None:
        yield ask(_NO_FRAME, snapshot.interrupts.log, _logged)
        yield from _refused(snapshot, snapshot.interrupts.log)
    yield firmware()


def _refused(snapshot: Snapshot, log: Reading[Log]) -> Iterator[Answer]:
    """An answer if the log shows a refused attach, which proves that the test fails.

    From v4.14 to v6.2 the kernel refuses an attach only if this test fails, and the test is the
    same for all groups. Before v4.14 the domains count only if the group's MSIs are translated,
    and the line does not say which group it was.
    """
    either = era.has(snapshot, borders.DOMAINS_OR_CAPABILITY)
    if either and era.decides_by(snapshot, Predicate.CHECK_MSI_REMAP).truth:
        yield ask(_NOT_REFUSED, log, lambda lines: False if refused(lines) else None)


def _logged(log: Log) -> bool | None:
    return False if any(line.startswith("GICv2m: range") for line in log) else None
