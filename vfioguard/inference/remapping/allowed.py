"""Whether the firmware allows interrupt remapping on an x86: policy.md 4.1, X8 and X9.

False proves that remapping is off. True only says that the firmware is not in the way.
"""

from __future__ import annotations

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
from vfioguard.logic import Claim, some
from vfioguard.snapshot import Snapshot
from vfioguard.typed import NamedTuple

NOT_GIVEN: Gap = Gap(Why.ABSENT, "the command line of the kernel", "not given")


class Evidence(NamedTuple):
    """The tables, and what decides beside them.

    `ecaps` pairs the register base of an Intel unit with its ECAP. `classes` pairs a requester id
    of segment 0 with its class, which is None if not known. `machine` is DMI's name, `processor`
    that of /proc/cpuinfo; each is None if nobody asked for it.
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
    """The answer by the vendor's table that there is, or by both vendors' tables."""
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
        asked = amd.Circumstances(
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
    """The answer without a vendor's table: impossible if the host's other tables can be read."""
    absent = (evidence.dmar, evidence.ivrs)
    seen = all(isinstance(madt, Fact) for madt in evidence.madts) and evidence.madts
    hosts = all(isinstance(gap, Gap) and _of_host(gap) for gap in absent)
    truth = False if seen and hosts else None
    text = "there is neither a DMAR nor an IVRS"
    claim = Claim(
        "the firmware describes a remapping unit",
        f"the firmware describes no remapping unit: {text}",
    )
    return conclude([part(text, claim, truth, *absent, kind="no_remapping_unit")])


def _either(first: Possible, second: Possible) -> Possible:
    """The answer by two vendors' tables, one of which may be there without being readable."""
    answer = some(first.answer.claim, (first.answer, second.answer))
    if answer.truth is False:
        reasons = (*first.reasons, *second.reasons)
        text = f"{'; '.join(reasons)}: {IMPOSSIBLE}"
        return Possible(
            answer=answer,
            sentence=text,
            reasons=reasons,
            missing=(*first.missing, *second.missing),
            decided=(*first.decided, *second.decided),
        )
    return first if first.answer.truth is answer.truth else second


def _none(reading: Reading[bytes]) -> bool:
    return isinstance(reading, Gap) and reading.why is Why.ABSENT


def _of_host(gap: Gap) -> bool:
    return gap.why is Why.ABSENT and gap.source.startswith(f"{acpi_tables.PATH}/")


def of_host(snapshot: Snapshot) -> Possible:
    """The answer for a host that was read."""
    return possible(evidence(snapshot))


def evidence(snapshot: Snapshot) -> Evidence:
    """The evidence that a snapshot holds."""
    acpi = snapshot.acpi
    return Evidence(
        dmar=acpi.dmar,
        ivrs=acpi.ivrs,
        madts=(acpi.madt,),
        ecaps=_ecaps(snapshot),
        options=snapshot.kernel.cmdline,
        classes=_classes(snapshot) if isinstance(acpi.ivrs, Fact) else None,
        version=era.version(snapshot),
        machine=snapshot.machine,
        processor=snapshot.processor,
    )


def _ecaps(snapshot: Snapshot) -> tuple[tuple[int, Reading[int]], ...]:
    """Each unit's ECAP by the address of its registers, which the DMAR has as well."""
    ecaps: list[tuple[int, Reading[int]]] = []
    for unit in snapshot.iommus.value if isinstance(snapshot.iommus, Fact) else ():
        address = unit.attributes.get("intel-iommu/address")
        ecap = unit.attributes.get("intel-iommu/ecap")
        if isinstance(address, Fact) and ecap is not None:
            ecaps.append((address.value, ecap))
    return tuple(ecaps)


def _classes(snapshot: Snapshot) -> tuple[tuple[int, int | None], ...] | None:
    """The functions of segment 0 with their classes; None if no function could be listed."""
    devices = list(snapshot.devices)
    for members in snapshot.members:
        devices += members.devices
    classes: dict[int, int | None] = {}
    for device in devices:
        bdf = parse_bdf(device.name) if device.bus == "pci" else None
        if bdf is not None and not bdf.domain:
            classes[bdf.bus << 8 | bdf.device << 3 | bdf.function] = _class(device)
    return tuple(classes.items()) or None


def _class(device: Device) -> int | None:
    code = device.uevent.value.pci_class if isinstance(device.uevent, Fact) else None
    return None if code is None else code >> 8
