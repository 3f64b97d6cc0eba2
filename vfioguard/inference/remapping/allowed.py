"""Whether the firmware allows interrupt remapping on an x86: policy.md 4.1, X8 and X9.

False is a proof that it is off; True is only that the firmware is not in the way.
"""

from __future__ import annotations

from typing import NamedTuple

from vfioguard.bdf import parse_bdf
from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference import era, tables
from vfioguard.inference.borders import Version
from vfioguard.inference.remapping import amd, amd_io_apics, intel
from vfioguard.inference.remapping.parts import IMPOSSIBLE, Possible, conclude, part
from vfioguard.kernel.devices import Device
from vfioguard.kernel.firmware import acpi_tables
from vfioguard.kernel.identity.dmi import Machine
from vfioguard.kernel.identity.processor import Processor
from vfioguard.logic import some
from vfioguard.snapshot import Snapshot

NOT_GIVEN: Gap = Gap(Why.ABSENT, "the command line of the kernel", "not given")


class Evidence(NamedTuple):
    """The tables, and what beside them decides; all of it hashable, so that answers are kept.

    `ecaps` by register base; `classes`: requester id in segment 0 and class, None: not known;
    `machine`: as DMI names it, `processor` as /proc/cpuinfo does, None where nobody asked.
    """

    dmar: Reading[bytes]
    ivrs: Reading[bytes]
    madts: tuple[Reading[bytes], ...]
    ecaps: tuple[tuple[int, Reading[int]], ...] = ()
    options: Reading[tuple[str, ...]] = NOT_GIVEN
    classes: tuple[tuple[int, int | None], ...] | None = None
    version: Version | None = None
    machine: Reading[Machine] | None = None
    processor: Reading[Processor] | None = None


def possible(evidence: Evidence) -> Possible:
    """The answer for the vendor whose table there is."""
    madts = [tables.madt(reading) for reading in evidence.madts]
    answers: list[Possible] = []
    if not _none(evidence.dmar):
        dmar = tables.dmar(evidence.dmar)
        ecaps = dict(evidence.ecaps)
        answers.append(conclude(intel.conditions(dmar, madts, ecaps)))
    if not _none(evidence.ivrs):
        ivrs = tables.ivrs(evidence.ivrs)
        classes = None if evidence.classes is None else dict(evidence.classes)
        quirks = None if evidence.machine is None else amd_io_apics.quirks(evidence.machine)
        dumped = evidence.options == NOT_GIVEN
        asked = amd.Asked(
            options=evidence.options,
            classes=classes,
            version=evidence.version,
            quirks=quirks,
            processor=evidence.processor,
            dumped=dumped,
        )
        answers.append(conclude(amd.conditions(ivrs, madts, asked)))
    if not answers:
        return _neither(evidence)
    return answers[0] if len(answers) == 1 else _either(*answers)


def _neither(evidence: Evidence) -> Possible:
    """Nobody's table: impossible where the host's other tables are there to be seen."""
    absent = (evidence.dmar, evidence.ivrs)
    seen = all(isinstance(madt, Fact) for madt in evidence.madts) and evidence.madts
    hosts = all(isinstance(gap, Gap) and _of_host(gap) for gap in absent)
    truth = False if seen and hosts else None
    text = "there is neither a DMAR nor an IVRS"
    return conclude([part(text, "the firmware describes a remapping unit", truth, *absent)])


def _either(one: Possible, other: Possible) -> Possible:
    """Two vendors' tables, or one that there is and one that cannot be read."""
    answer = some(one.answer.claim, (one.answer, other.answer))
    if answer.truth is False:
        reasons = (*one.reasons, *other.reasons)
        text = f"{'; '.join(reasons)}: {IMPOSSIBLE}"
        return Possible(
            answer=answer, sentence=text, reasons=reasons, missing=(*one.missing, *other.missing)
        )
    return one if one.answer.truth is answer.truth else other


def _none(reading: Reading[bytes]) -> bool:
    return isinstance(reading, Gap) and reading.why is Why.ABSENT


def _of_host(gap: Gap) -> bool:
    return gap.why is Why.ABSENT and gap.source.startswith(f"{acpi_tables.PATH}/")


def of_host(snapshot: Snapshot) -> Possible:
    """The answer for a host that was read."""
    return possible(evidence(snapshot))


def evidence(snapshot: Snapshot) -> Evidence:
    """What a snapshot has of it."""
    found = snapshot.acpi
    return Evidence(
        dmar=found.dmar,
        ivrs=found.ivrs,
        madts=(found.madt,),
        ecaps=_ecaps(snapshot),
        options=snapshot.kernel.cmdline,
        classes=_classes(snapshot) if isinstance(found.ivrs, Fact) else None,
        version=era.version(snapshot),
        machine=snapshot.machine,
        processor=snapshot.processor,
    )


def _ecaps(snapshot: Snapshot) -> tuple[tuple[int, Reading[int]], ...]:
    """By the address of the unit's registers, which the DMAR has as well."""
    found: list[tuple[int, Reading[int]]] = []
    for unit in snapshot.iommus.value if isinstance(snapshot.iommus, Fact) else ():
        address = unit.attributes.get("intel-iommu/address")
        ecap = unit.attributes.get("intel-iommu/ecap")
        if isinstance(address, Fact) and ecap is not None:
            found.append((address.value, ecap))
    return tuple(found)


def _classes(snapshot: Snapshot) -> tuple[tuple[int, int | None], ...] | None:
    """The functions of segment 0; None where they could not be listed."""
    devices = list(snapshot.devices)
    for members in snapshot.members:
        devices += members.devices
    found: dict[int, int | None] = {}
    for device in devices:
        bdf = parse_bdf(device.name) if device.bus == "pci" else None
        if bdf is not None and not bdf.domain:
            found[bdf.bus << 8 | bdf.device << 3 | bdf.function] = _class(device)
    return tuple(found.items()) or None


def _class(device: Device) -> int | None:
    code = device.uevent.value.pci_class if isinstance(device.uevent, Fact) else None
    return None if code is None else code >> 8
