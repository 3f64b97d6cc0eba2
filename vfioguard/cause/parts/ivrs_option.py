"""`ivrs_ioapic=`: the words that tell AMD's driver of the IO-APICs that an IVRS leaves out.

drivers/iommu/amd/init.c parse_ivrs_ioapic(), check_ioapic_information(). Only words that pass the
kernel's check are offered, and only for a function that is there: an IO-APIC whose requester id is
wrong loses its interrupts, the timer's included.
"""

from __future__ import annotations

from collections.abc import Sequence

from vfioguard.cause.parts import machine, options
from vfioguard.fact import Gap
from vfioguard.inference import borders, tables
from vfioguard.inference.host import Host
from vfioguard.inference.remapping import allowed
from vfioguard.inference.remapping.amd_io_apics import overrides, special_io_apics, syntaxes
from vfioguard.inference.remapping.madt_io_apics import registered
from vfioguard.inference.remapping.parts import named
from vfioguard.remedy.command_line import edit
from vfioguard.report import Step
from vfioguard.typed import NamedTuple

#: 00:14.0, where the southbridges of AMD have their SMBus function, and 00:0b.0 on some Hygons:
#: IOAPIC_SB_DEVID, IOAPIC_SB_DEVID_FAM18H_M4H.
_SOUTHBRIDGE, _HYGONS = 0x14 << 3, 0x0B << 3
#: The classes of a southbridge's function: SMBus, ISA bridge, or None if it cannot be read.
_CLASSES = frozenset({0x0C05, 0x0601, None})
OPTION = "ivrs_ioapic"


class Words(NamedTuple):
    """The words to add, and those to remove first; `guessed` are IO-APICs with a likely place."""

    add: tuple[str, ...]
    remove: tuple[str, ...]
    guessed: tuple[int, ...]


def is_option(word: str) -> bool:
    """Whether a word of the command line is this option, in any spelling."""
    return word.replace("-", "_").startswith(OPTION)


def timers(host: Host) -> int | None:
    """The id of the IO-APIC that has the interrupts from 0 on. Returns None if no MADT tells."""
    madt = tables.madt(host.snapshot.acpi.madt)
    entries = [] if isinstance(madt, Gap) else [io_apic.entry for io_apic in registered(madt.value)]
    return next((entry.io_apic_id for entry in entries if entry.gsi_base == 0), None)


def given(host: Host) -> tuple[str, ...]:
    """The words of this option on the command line."""
    return tuple(word for word in options.words(host) if is_option(word))


def cure(host: Host) -> Words | None:
    """The words by which the kernel's check passes. Returns None if there are none.

    They are complete: words on the command line are replaced by them.
    """
    return host.once(_cure)


def passes(host: Host, words: Sequence[str]) -> bool | None:
    """Whether the firmware allows remapping if the command line had these words of the option."""
    evidence = allowed.evidence(host.snapshot)
    cmdline = host.snapshot.kernel.cmdline
    if isinstance(cmdline, Gap):
        return None
    # Other words that count, such as `amd_iommu=off`, are causes of their own.
    tried = cmdline._replace(value=tuple(words))
    return allowed.possible(evidence._replace(options=tried)).possible


def understood(host: Host, words: Sequence[str]) -> bool | None:
    """Whether this kernel takes the form of every word; None if that is not known."""
    taken = {
        all(overrides((each,), syntax) for each in words)
        for syntax in syntaxes(allowed.evidence(host.snapshot).version)
    }
    return taken.pop() if len(taken) == 1 else None


def word(host: Host, number: int, place: int) -> str:
    """The option for one IO-APIC, in the form that this kernel takes.

    Every kernel takes the old form for segment 0; new kernels call it deprecated.
    """
    bus, device, function = place >> 8, place >> 3 & 0x1F, place & 7
    where = f"{bus:02x}:{device:02x}.{function}"
    if host.has(borders.IVRS_AT):
        return f"{OPTION}={number}@0000:{where}"
    return f"{OPTION}[{number}]={where}"


def _cure(host: Host) -> Words | None:
    acpi = host.snapshot.acpi
    ivrs, madt = tables.ivrs(acpi.ivrs), tables.madt(acpi.madt)
    if isinstance(ivrs, Gap) or isinstance(madt, Gap) or machine.virtual(host) is not None:
        return None
    from vfioguard.acpi.ivrs import Ivhd

    io_apics = [io_apic.entry for io_apic in registered(madt.value)]
    owner = timers(host)
    unit = next((b.device_id for b in ivrs.value.blocks if isinstance(b, Ivhd)), None)
    if owner is None or unit is None:
        return None
    known = special_io_apics(ivrs.value)
    others = [entry.io_apic_id for entry in io_apics if entry.io_apic_id not in {*known, owner}]
    for southbridge in _southbridges(host):
        places = {} if known.get(owner) == southbridge else {owner: southbridge}
        places |= dict.fromkeys(others, unit)
        words = tuple(word(host, number, place) for number, place in places.items())
        if words and passes(host, words) is not False:
            return Words(add=words, remove=given(host), guessed=tuple(others))
    return None


def _southbridges(host: Host) -> list[int]:
    """The places of a southbridge at which this machine has such a function."""
    classes = dict(allowed.evidence(host.snapshot).classes or ())
    places = (_SOUTHBRIDGE, _HYGONS)
    return [place for place in places if place in classes and classes[place] in _CLASSES]


def if_timers(host: Host, number: int) -> tuple[Step, ...]:
    """The steps if only the log tells that an IO-APIC is left out, and no table which one it is."""
    if timers(host) is not None:
        return ()
    return (
        Step("Run vfioguard as root: then the tables tell the words that correct them."),
        Step(
            f"If IO-APIC {number} is the one of interrupt 0 (GSI 0), and the southbridge is at "
            "00:14.0, this word does; a wrong one costs the machine its timer.",
            word(host, number, _SOUTHBRIDGE),
        ),
    )


def steps(host: Host) -> tuple[Step, ...]:
    """The steps against an IVRS that leaves an IO-APIC out: the option, else the firmware."""
    words = cure(host)
    if words is None:
        return machine.mend(host)
    option = edit(host, add=words.add, remove=words.remove)
    return (option, *caution(words), *machine.mend(host))


def caution(words: Words) -> tuple[Step, ...]:
    """The step that tells which of the words is a guess, if one is."""
    if not words.guessed:
        return ()
    return (
        Step(
            f"The place of {named(words.guessed)} is a guess: that of the IOMMU itself, which "
            "Linux sets on a Dell Inspiron 7375. If a device then gets no interrupts, remove the "
            "option."
        ),
    )
