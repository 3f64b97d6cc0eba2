"""The kernel remaps interrupts, although the firmware's tables forbid it by the kernel's own rules.

The verdicts follow the kernel. Either the kernel skips a table's entry because of a register that
no file shows, or vfioguard's copy of the rules differs from this kernel's. Both are worth a look.

Change: nothing for VFIO, as the kernel's word counts; send the file of `vfioguard capture`, as a
rule may be wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.fact import Fact, Gap, Reading
from vfioguard.finding import Finding, Found
from vfioguard.inference.host import Host
from vfioguard.iommu.intel import ECAP_IR
from vfioguard.logic import Answer, Claim, sources
from vfioguard.report import Step
from vfioguard.snapshot import Snapshot

_ALLOWED = Claim(
    "the tables allow what the kernel does", "the tables rule out what the kernel does"
)


def _find(host: Host, _: tuple[Gap, ...]) -> Iterator[Found]:
    if not host.is_x86 or host.remapping.truth is not True or _plain(host.snapshot):
        return
    from vfioguard.inference.remapping import allowed

    firmware = allowed.of_host(host.snapshot)
    if firmware.possible is False:
        tables = ", ".join(sources(firmware.answer))
        because = host.remapping.because
        seen = next(sources(part)[0] for part in because if isinstance(part, Answer))
        yield Found(
            f"{'; '.join(firmware.reasons)} ({tables}), yet interrupts are remapped ({seen})",
            Answer(_ALLOWED, False, (host.remapping, firmware.answer)),
            (
                Step("For VFIO nothing has to change, as the kernel's word counts."),
                Step(
                    "A rule of vfioguard may be wrong: send the capture as a bug report.",
                    "vfioguard capture host.tar.xz",
                ),
            ),
        )


def _plain(snapshot: Snapshot) -> bool:
    """Whether no parser is needed: there is no table, or the tables allow remapping at a glance."""
    dmar, ivrs, madt = snapshot.acpi.dmar, snapshot.acpi.ivrs, snapshot.acpi.madt
    if isinstance(dmar, Gap) and isinstance(ivrs, Gap):
        return True
    from vfioguard.inference.remapping import tables_glance

    raw = madt.value if isinstance(madt, Fact) else b""
    able = isinstance(ivrs, Gap) or tables_glance.ivrs_is_plain(ivrs.value, raw)
    if isinstance(dmar, Gap) or not able:
        return able
    return tables_glance.dmar_is_plain(dmar.value, raw) and all(
        not isinstance(ecap, Fact) or bool(ecap.value & ECAP_IR) for ecap in _ecaps(snapshot)
    )


def _ecaps(snapshot: Snapshot) -> Iterator[Reading[int] | None]:
    for unit in snapshot.iommus.value if isinstance(snapshot.iommus, Fact) else ():
        yield unit.attributes.get("intel-iommu/ecap")


FINDING = Finding("firmware_disagrees", "warning", _find, of_facts=True)
