"""Which IO-APIC is the southbridge's: AMD's driver has asked in three ways, one after another.

drivers/iommu/amd/init.c check_ioapic_information(). The timer is behind that IO-APIC, so without it
interrupt remapping stays off. 5.10.223, 5.10.262, 6.1.176 and 6.12.107 have the form `ANY`,
6.1.192, 6.12.111, 6.12.118 and 7.2.13 the form `OWNER`, 7.3.4 the form `CLASS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

from vfioguard.fact import Gap, Reading
from vfioguard.inference import borders
from vfioguard.inference.borders import Version
from vfioguard.kernel.identity.processor import Processor
from vfioguard.typed import NamedTuple, TypeAlias

#: Requester id of segment 0 -> base and sub class, or None if it cannot be read.
Classes: TypeAlias = Mapping[int, int | None]

#: 00:14.0, and on some Hygons 00:0b.0: IOAPIC_SB_DEVID, IOAPIC_SB_DEVID_FAM18H_M4H.
_PLACE, _HYGONS_PLACE = 0x14 << 3, 0x0B << 3
_SMBUS, _ISA_BRIDGE = 0x0C05, 0x0601


class Form(Enum):
    """The forms of the test; a value says in words what the IO-APIC must be."""

    ANY = "00:14.0"
    OWNER = "00:14.0 with interrupt 0"
    CLASS = "an SMBus or ISA bridge function with interrupt 0"


class Listed(NamedTuple):
    """An IO-APIC by its id; `certain`: the kernel does not skip it (madt_io_apics.py).

    `number` is None if an earlier IO-APIC has the id: then io_apic_unique_id() gives it another.
    """

    number: int | None
    certain: bool


class IoApics(NamedTuple):
    """What the forms look at. `places` maps the id of an IO-APIC to its requester id.

    `order` are the IO-APICs of the MADT in the kernel's order; `owners` are those that may have the
    interrupts from 0 on. If no MADT can be read, both are all of `places`. `classes` and
    `processor` are None if nobody asked for them.
    """

    places: Mapping[int, int]
    order: Sequence[Listed]
    owners: Sequence[Listed]
    classes: Classes | None
    processor: Reading[Processor] | None


def forms(version: Version | None) -> list[Form]:
    """The forms that a kernel of this version may have, the newest first."""
    by_class = borders.AMD_SOUTHBRIDGE_BY_CLASS.passed(version)
    by_owner = borders.AMD_OWNER_OF_GSI_0.passed(version)
    newer = [] if by_class is False else [Form.CLASS]
    if not by_class and by_owner is not False:
        newer.append(Form.OWNER)
    return newer if by_owner else [*newer, Form.ANY]


def present(form: Form, seen: IoApics) -> bool | None:
    """Whether the southbridge's IO-APIC is there; None if the tables cannot tell."""
    if form is Form.ANY:
        answers = {_there(io_apic, seen) for io_apic in seen.order}
        return True if True in answers else None if None in answers else False
    answers = {_southbridges(form, io_apic, seen) for io_apic in seen.owners}
    if not any(io_apic.certain for io_apic in seen.owners):
        answers.add(False)
    return answers.pop() if len(answers) == 1 else None


def _there(io_apic: Listed, seen: IoApics) -> bool | None:
    """Whether this IO-APIC is at 00:14.0, and the kernel does not skip it."""
    if io_apic.number is None:
        return None if _PLACE in seen.places.values() else False
    return seen.places.get(io_apic.number) == _PLACE and (io_apic.certain or None)


def _southbridges(form: Form, io_apic: Listed, seen: IoApics) -> bool | None:
    """Whether the IO-APIC of GSI 0 passes as the southbridge's."""
    if io_apic.number is None:
        return None
    place = seen.places.get(io_apic.number)
    if place is None:
        return False
    if form is Form.OWNER:
        return place == _PLACE or (_hygon(seen.processor) if place == _HYGONS_PLACE else False)
    if seen.classes is None:
        return True  # the tables are not in the way
    # check_sb_ioapic() looks in segment 0. A missing function has no class, a hidden one any class.
    code = seen.classes.get(place & 0xFFFF, 0)
    return None if code is None else code in {_SMBUS, _ISA_BRIDGE}


def forgotten(form: Form, seen: IoApics) -> bool | None:
    """Whether the kernel forgets the IO-APICs that the IVRS lacks; None if that is not known.

    It forgets those that come before the southbridge's. So the last IO-APIC that is missing or the
    southbridge's decides. If the kernel may skip that one, the one before it must agree.
    """
    outcomes: set[bool] = set()
    for io_apic in reversed(seen.order if form is Form.ANY else ()):
        if io_apic.number is None:
            return None
        place = seen.places.get(io_apic.number)
        if place in {None, _PLACE}:
            outcomes.add(place is not None)
            if io_apic.certain:
                break
    else:
        outcomes.add(False)
    return outcomes.pop() if len(outcomes) == 1 else None


def _hygon(processor: Reading[Processor] | None) -> bool | None:
    if processor is None or isinstance(processor, Gap):
        return None
    vendor, family, model = processor.value
    return vendor == "HygonGenuine" and family == 0x18 and 0x4 <= model <= 0xF
