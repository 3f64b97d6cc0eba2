"""Which IO-APIC is the southbridge's: AMD's driver asked in three ways, one after another.

drivers/iommu/amd/init.c check_ioapic_information(). The timer is behind that IO-APIC, so without it
interrupt remapping stays off. Read in 5.10.223, 5.10.262, 6.1.176 and 6.12.107 (`ANY`), in 6.1.192,
6.12.111, 6.12.118 and 7.2.13 (`OWNER`), and in 7.3.4 (`CLASS`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple, TypeAlias

from vfioguard.fact import Gap, Reading
from vfioguard.inference import borders
from vfioguard.inference.borders import Version
from vfioguard.kernel.identity.processor import Processor

#: A requester id of segment 0 -> base and sub class, None where it cannot be read.
Classes: TypeAlias = Mapping[int, int | None]

#: 00:14.0, and on some Hygons 00:0b.0: IOAPIC_SB_DEVID, IOAPIC_SB_DEVID_FAM18H_M4H.
_PLACE, _HYGONS_PLACE = 0x14 << 3, 0x0B << 3
_SMBUS, _ISA_BRIDGE = 0x0C05, 0x0601


class Form(Enum):
    """What must be at which place, or of which class, in the words of a sentence."""

    ANY = "00:14.0"
    OWNER = "00:14.0 with interrupt 0"
    CLASS = "an SMBus or ISA bridge function with interrupt 0"


class Listed(NamedTuple):
    """An IO-APIC by its id; `certain`: the kernel does not skip it (madt_io_apics.py).

    The id is None where an earlier one has it: then io_apic_unique_id() gives it another.
    """

    number: int | None
    certain: bool


class IoApics(NamedTuple):
    """What the forms look at. `places`: the id of each IO-APIC -> its requester id.

    `order`: those of the MADT as the kernel goes through them, `owners` those that may be the one
    of the interrupts from 0 on; both are all of `places` where no MADT can be read. `classes` and
    `processor` are None where nobody asked.
    """

    places: Mapping[int, int]
    order: Sequence[Listed]
    owners: Sequence[Listed]
    classes: Classes | None
    processor: Reading[Processor] | None


def forms(version: Version | None) -> list[Form]:
    """Those that a kernel may have, the newest first."""
    by_class = borders.AMD_SOUTHBRIDGE_BY_CLASS.passed(version)
    by_owner = borders.AMD_OWNER_OF_GSI_0.passed(version)
    found = [] if by_class is False else [Form.CLASS]
    if not by_class and by_owner is not False:
        found.append(Form.OWNER)
    return found if by_owner else [*found, Form.ANY]


def found(form: Form, seen: IoApics) -> bool | None:
    """Whether the southbridge's IO-APIC is there, as far as the tables can tell."""
    if form is Form.ANY:
        answers = {_there(one, seen) for one in seen.order}
        return True if True in answers else None if None in answers else False
    answers = {_southbridges(form, one, seen) for one in seen.owners}
    if not any(one.certain for one in seen.owners):
        answers.add(False)
    return answers.pop() if len(answers) == 1 else None


def _there(one: Listed, seen: IoApics) -> bool | None:
    """Whether this is a registered one at 00:14.0."""
    if one.number is None:
        return None if _PLACE in seen.places.values() else False
    return seen.places.get(one.number) == _PLACE and (one.certain or None)


def _southbridges(form: Form, one: Listed, seen: IoApics) -> bool | None:
    """Whether the IO-APIC of GSI 0 passes as the southbridge's."""
    if one.number is None:
        return None
    place = seen.places.get(one.number)
    if place is None:
        return False
    if form is Form.OWNER:
        return place == _PLACE or (_hygon(seen.processor) if place == _HYGONS_PLACE else False)
    if seen.classes is None:
        return True  # the tables do not stand in its way
    # check_sb_ioapic() asks segment 0. What does not exist has no class; what is hidden, any.
    code = seen.classes.get(place & 0xFFFF, 0)
    return None if code is None else code in {_SMBUS, _ISA_BRIDGE}


def forgotten(form: Form, seen: IoApics) -> bool | None:
    """Whether finding it makes the kernel forget what the IVRS lacks: all stands before it.

    So the last that is either decides, and each behind that which the kernel may skip.
    """
    outcomes: set[bool] = set()
    for one in reversed(seen.order if form is Form.ANY else ()):
        if one.number is None:
            return None
        place = seen.places.get(one.number)
        if place in {None, _PLACE}:
            outcomes.add(place is not None)
            if one.certain:
                break
    else:
        outcomes.add(False)
    return outcomes.pop() if len(outcomes) == 1 else None


def _hygon(processor: Reading[Processor] | None) -> bool | None:
    if processor is None or isinstance(processor, Gap):
        return None
    vendor, family, model = processor.value
    return vendor == "HygonGenuine" and family == 0x18 and 0x4 <= model <= 0xF
