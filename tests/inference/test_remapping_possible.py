"""When firmware makes remapping impossible, by tables packed here and by those of real machines."""

from __future__ import annotations

from struct import pack

import pytest

from tests.support.packed_tables import (
    dmar,
    drhd,
    io_apic,
    io_apic_scope,
    ivhd,
    ivrs,
    madt,
    madt_of,
    special,
    table,
)
from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference.borders import Version
from vfioguard.inference.remapping.allowed import Evidence, Possible, possible
from vfioguard.kernel.firmware.acpi_tables import PATH
from vfioguard.kernel.identity.dmi import Machine
from vfioguard.kernel.identity.processor import Processor

SB, NB = 0xA0, 0x01
IR, NO_IR = 0xF020FE, 0xF020E3
UNIT = 0xFED90000
#: Kernels with each of the three forms of check_ioapic_information().
ANY, OWNER, CLASS = Version(6, 12, 107), Version(6, 12, 118), Version(7, 3, 4)


def there(raw: bytes) -> Fact[bytes]:
    return Fact(raw, raw, "a table")


def absent(name: str) -> Gap:
    return Gap(
        why=Why.ABSENT, source=f"{PATH}/{name}", detail="No such file or directory", errno="ENOENT"
    )


def denied(name: str) -> Gap:
    return Gap(why=Why.DENIED, source=f"{PATH}/{name}", detail="Permission denied", errno="EACCES")


def register(value: int) -> Fact[int]:
    return Fact(value, b"%x\n" % value, "ecap")


def intel(table: bytes, *madts: bytes, **ecaps: int) -> Possible:
    known = tuple((int(base[1:], 16), register(value)) for base, value in ecaps.items())
    tables = tuple(map(there, madts))
    return possible(Evidence(dmar=there(table), ivrs=absent("IVRS"), madts=tables, ecaps=known))


def amd(
    table: bytes,
    *madts: bytes,
    words: str = "",
    classes: dict[int, int | None] | None = None,
    version: Version | None = None,
    machine: Reading[Machine] | None = None,
    processor: Reading[Processor] | None = None,
) -> Possible:
    options = Fact(tuple(words.split()), words.encode(), "/proc/cmdline")
    shown = None if classes is None else tuple(classes.items())
    tables = tuple(map(there, madts))
    evidence = Evidence(
        dmar=absent("DMAR"),
        ivrs=there(table),
        madts=tables,
        options=options,
        classes=shown,
        version=version,
        machine=machine,
        processor=processor,
    )
    return possible(evidence)


GOOD = dmar(drhd(UNIT, io_apic_scope(2), flags=1))


def test_a_dmar_that_covers_every_io_apic_makes_remapping_possible() -> None:
    found = intel(GOOD, madt(2), xFED90000=IR)
    assert found.possible is True
    assert found.sentence == (
        "DMAR allows interrupt remapping; 1 of 1 units support it; every IO-APIC is covered"
    )


def test_that_it_is_possible_is_no_witness_that_it_is_on() -> None:
    assert intel(GOOD, madt(2)).witness().truth is None
    assert intel(dmar(flags=0), madt(2)).witness().truth is False


def test_without_registers_the_tables_decide_alone() -> None:
    found = intel(GOOD, madt(2))
    assert found.possible is True
    assert "1 unit;" in found.sentence


def test_a_dmar_without_intr_remap_is_impossible_whatever_its_scopes_say() -> None:
    found = intel(dmar(drhd(UNIT, io_apic_scope(2)), flags=2), madt(2))
    assert found.possible is False
    assert "INTR_REMAP is clear" in found.sentence


def test_the_dmar_names_the_io_apic_that_it_leaves_out() -> None:
    found = intel(GOOD, madt(2, 5))
    assert (found.possible, found.missing) == (False, (5,))
    assert found.sentence == "DMAR leaves out IO-APIC 5: interrupt remapping is impossible"


def test_io_apics_may_be_in_the_scopes_of_several_units() -> None:
    table = dmar(drhd(UNIT, io_apic_scope(8)), drhd(UNIT + 4096, io_apic_scope(9), flags=1))
    assert intel(table, madt(8, 9)).possible is True


def test_one_unit_that_cannot_spoils_it_for_all_and_is_named() -> None:
    table = dmar(drhd(UNIT), drhd(UNIT + 4096, io_apic_scope(2), flags=1))
    found = intel(table, madt(2), xFED90000=NO_IR, xFED91000=IR)
    assert found.possible is False
    assert "0xfed90000" in found.sentence


def test_a_unit_that_is_not_in_the_dmar_was_added_later_and_says_nothing() -> None:
    assert intel(GOOD, madt(2), xFED90000=IR, xFEDA0000=NO_IR).possible is True


@pytest.mark.parametrize(
    "table",
    [dmar(), dmar(drhd(0, io_apic_scope(2))), dmar(drhd(UNIT, io_apic_scope(2)), width=0)],
    ids=["no unit", "unit at 0", "no width"],
)
def test_a_dmar_that_the_kernel_rejects_is_impossible(table: bytes) -> None:
    assert intel(table, madt(2)).possible is False


@pytest.mark.parametrize(("length", "expected"), [(8, None), (11, None), (16, True)])
def test_an_io_apic_entry_that_is_too_short_makes_nothing_certain(
    length: int, expected: bool | None
) -> None:
    """BAD_MADT_ENTRY() makes the kernel read no further; of a longer entry it reads the begin."""
    entry = pack("<BBBBII", 1, length, 2, 0, 0xFEC00000, 0).ljust(16, b"\0")[:length]
    raw = table(b"APIC", pack("<II", 0xFEE00000, 1) + entry)
    assert intel(GOOD, raw).possible is expected


def test_an_io_apic_without_an_address_is_skipped_as_the_kernel_does() -> None:
    assert intel(GOOD, madt(7, address=0)).possible is True


def test_an_io_apic_id_that_occurs_twice_is_changed_at_boot_and_proves_nothing() -> None:
    assert intel(GOOD, madt(2, 2)).possible is None
    assert intel(GOOD, madt(5, 5)).possible is None


def test_of_two_madts_that_differ_nothing_is_concluded_and_the_io_apic_is_named() -> None:
    found = intel(GOOD, madt(2), madt(2, 5))
    assert (found.possible, found.missing) == (None, (5,))
    assert intel(GOOD, madt(5), madt(5)).possible is False
    assert intel(GOOD, madt(2), madt(2)).possible is True


BOTH = ivrs(ivhd(special(33, SB), special(34, NB), special(0, SB, variety=2)))


def test_an_ivrs_that_covers_every_io_apic_makes_remapping_possible() -> None:
    found = amd(BOTH, madt(33, 34))
    assert found.possible is True
    assert found.sentence == "IVRS allows interrupt remapping; every IO-APIC is covered"


def test_the_ivrs_names_exactly_the_io_apic_that_it_leaves_out() -> None:
    found = amd(BOTH, madt(33, 34, 5))
    assert (found.possible, found.missing) == (False, (5,))
    assert found.sentence == "IVRS leaves out IO-APIC 5: interrupt remapping is impossible"


def test_an_hpet_is_no_io_apic() -> None:
    assert amd(BOTH, madt(0, 33)).missing == (0,)


def test_an_io_apic_that_is_missing_before_the_southbridges_is_named_and_does_not_decide() -> None:
    found = amd(BOTH, madt(5, 33))
    assert (found.possible, found.missing) == (None, (5,))


@pytest.mark.parametrize(("kind", "covered"), [(0x10, True), (0x11, False), (0x40, False)])
def test_only_blocks_of_the_kernels_type_count(kind: int, covered: bool) -> None:
    table = ivrs(ivhd(special(33, SB)), ivhd(special(34, NB), kind=kind))
    assert amd(table, madt(33)).possible is covered


@pytest.mark.parametrize(
    "word",
    ["ivrs_ioapic[5]=00:00.1", "ivrs_ioapic[5]=0000:00:00.1", "ivrs_ioapic=5@00:00.1",
     "ivrs_ioapic=5@0000:00:00.1", "ivrs_ioapic[5]=0x0:0x0.0x1", "ivrs_ioapic=5@0:0.1,for-now",
     "ivrs-ioapic=5@00:00.1", "ivrs_ioapic=5@00:00.01"],
)  # fmt: skip
def test_the_command_line_may_add_what_the_ivrs_leaves_out(word: str) -> None:
    assert amd(BOTH, madt(33, 5), words=word, version=OWNER).possible is True


@pytest.mark.parametrize("word", ["ivrs_ioapic[5]=", "ivrs_ioapic[x]=00:00.1", "ivrs_ioapic"])
def test_an_override_that_the_kernel_refuses_adds_nothing(word: str) -> None:
    assert amd(BOTH, madt(33, 5), words=word).possible is False


@pytest.mark.parametrize("word", ["amd_iommu=off", "amd-iommu=off", "iommu=off", "iommu=pt,off"])
def test_without_the_driver_there_is_no_remapping(word: str) -> None:
    assert amd(BOTH, madt(33, 34), words=word).possible is False


SMBUS, ISA, OTHER = 0x0C05, 0x0601, 0x0806
ELSEWHERE = ivrs(ivhd(special(33, 0x98)))


@pytest.mark.parametrize(
    ("table", "classes", "version", "expected"),
    [
        (BOTH, None, CLASS, True),  # nobody asked the hardware
        (BOTH, {SB: SMBUS, NB: OTHER}, CLASS, True),
        (BOTH, {SB: ISA, NB: OTHER}, CLASS, True),
        (BOTH, {SB: OTHER, NB: OTHER}, CLASS, False),
        (BOTH, {0: 0x0600}, CLASS, False),  # the function does not exist
        (BOTH, {SB: None, NB: OTHER}, CLASS, None),
        (BOTH, {0: 0x0600}, ANY, True),
        (BOTH, {0: 0x0600}, OWNER, True),
        (BOTH, {0: 0x0600}, None, None),
        (BOTH, {0: 0x0600}, Version(7, 0), None),  # nobody knows when it changed
        (BOTH, {SB: SMBUS}, None, True),  # and where all forms agree nobody needs to
        (BOTH, None, None, True),
        (ELSEWHERE, None, None, None),
        (ELSEWHERE, None, ANY, False),
        (ELSEWHERE, None, OWNER, False),
        (ELSEWHERE, {0x98: ISA}, CLASS, True),
        (ELSEWHERE, {0x98: ISA}, None, None),
        (ELSEWHERE, {0x98: OTHER}, None, False),
    ],
)
def test_the_southbridge_is_found_by_its_place_and_from_7_3_by_its_class(
    table: bytes, classes: dict[int, int | None], version: Version | None, expected: bool | None
) -> None:
    assert amd(table, madt(33), classes=classes, version=version).possible is expected


def test_the_southbridges_io_apic_counts_only_if_the_madt_has_it() -> None:
    """check_ioapic_information() goes through the IO-APICs of the MADT, not through the IVRS."""
    assert amd(BOTH, madt(34), version=ANY).possible is False
    assert amd(BOTH, madt(34), version=OWNER).possible is False


@pytest.mark.parametrize(
    ("version", "first", "second"), [(ANY, True, True), (OWNER, True, False), (CLASS, True, False)]
)
def test_later_kernels_want_the_southbridge_to_have_the_first_interrupts(
    version: Version, first: bool, second: bool
) -> None:
    classes = {SB: SMBUS, NB: OTHER}
    assert amd(BOTH, madt(33, 34), classes=classes, version=version).possible is first
    assert amd(BOTH, madt(34, 33), classes=classes, version=version).possible is second


def test_the_class_is_asked_of_segment_0_whatever_the_ivrs_says() -> None:
    """check_sb_ioapic() reads the configuration space by bus and function alone."""
    words = "ivrs_ioapic=33@0001:00:14.0"
    found = amd(BOTH, madt(33), words=words, classes={SB: SMBUS}, version=CLASS)
    assert found.possible is True


def test_without_an_io_apic_of_the_first_interrupts_later_kernels_do_not_remap() -> None:
    raw = bytearray(madt(33))
    raw[-4:] = (24).to_bytes(4, "little")
    assert amd(BOTH, bytes(raw), version=ANY).possible is True
    for version in (OWNER, CLASS):
        assert amd(BOTH, bytes(raw), classes={SB: SMBUS}, version=version).possible is False


HYGON = ivrs(ivhd(special(33, 0x58)))


def processor(vendor: str, family: int, model: int) -> Fact[Processor]:
    return Fact(Processor(vendor, family, model), vendor.encode(), "/proc/cpuinfo")


@pytest.mark.parametrize(
    ("of", "version", "expected"),
    [
        (processor("HygonGenuine", 0x18, 0x4), OWNER, True),
        (processor("HygonGenuine", 0x18, 0xF), OWNER, True),
        (processor("HygonGenuine", 0x18, 0x3), OWNER, False),
        (processor("HygonGenuine", 0x18, 0x10), OWNER, False),
        (processor("HygonGenuine", 0x17, 0x4), OWNER, False),
        (processor("AuthenticAMD", 0x18, 0x4), OWNER, False),
        (processor("HygonGenuine", 0x18, 0x4), ANY, False),
        (processor("HygonGenuine", 0x18, 0x4), Version(6, 12, 109), None),
        (None, OWNER, None),
        (None, ANY, False),
        (processor("HygonGenuine", 0x18, 0x4), None, None),
    ],
)
def test_on_some_hygons_it_is_elsewhere_and_kernels_since_2026_know(
    of: Fact[Processor] | None, version: Version | None, expected: bool | None
) -> None:
    assert amd(HYGON, madt(33), version=version, processor=of).possible is expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (ANY, True),
        (Version(5, 10, 262), True),
        (Version(6, 1, 176), True),
        (Version(6, 12, 109), None),
        (OWNER, False),
        (Version(6, 1, 192), False),
        (Version(6, 12, 111), False),
        (Version(7, 2, 13), False),
        (CLASS, False),
        (Version(6, 12), None),
        (Version(4, 19, 300), None),
        (Version(6, 12, 107, backports=True), None),
        (None, None),
    ],
)
def test_what_is_missing_before_the_southbridges_was_once_forgotten(
    version: Version | None, expected: bool | None
) -> None:
    found = amd(BOTH, madt(5, 33), classes={SB: SMBUS}, version=version)
    assert (found.possible, found.missing) == (expected, (5,))


def test_where_the_forms_disagree_the_sentence_says_so() -> None:
    found = amd(BOTH, madt(33), classes={SB: OTHER})
    assert found.sentence == (
        "IVRS has no southbridge's IO-APIC (an SMBus or ISA bridge function with interrupt 0), "
        "which not every release minds: whether interrupts can be remapped is not known"
    )


def test_a_wrong_checksum_makes_amds_driver_do_without_the_ivrs() -> None:
    raw = bytearray(BOTH)
    raw[9] ^= 1
    found = amd(bytes(raw), madt(33, 34))
    assert found.possible is False
    assert found.sentence == "IVRS has a wrong checksum: interrupt remapping is impossible"


def test_a_dump_with_a_wrong_checksum_may_have_been_changed_by_whoever_made_it() -> None:
    raw = bytearray(BOTH)
    raw[9] ^= 1
    tables = (there(madt(33, 34)),)
    assert possible(Evidence(absent("DMAR"), there(bytes(raw)), tables)).possible is True


def test_a_wrong_checksum_of_the_dmar_is_none_of_intels_business() -> None:
    raw = bytearray(GOOD)
    raw[9] ^= 1
    assert intel(bytes(raw), madt(2)).possible is True


@pytest.mark.parametrize(("kind", "expected"), [(0x10, True), (0x11, False)])
def test_a_special_device_of_no_known_kind_ends_amds_driver_if_it_is_looked_at(
    kind: int, expected: bool
) -> None:
    table = ivrs(
        ivhd(special(33, SB), special(9, NB, variety=3), kind=0x10),
        ivhd(special(33, SB), *([special(9, NB, variety=3)] if kind == 0x11 else []), kind=0x11),
    )
    assert amd(table, madt(33)).possible is expected


def test_of_two_ids_for_an_io_apic_the_first_counts() -> None:
    twice = ivrs(ivhd(special(33, SB), special(33, 0x98)))
    assert amd(twice, madt(33), version=OWNER).possible is True
    other = ivrs(ivhd(special(33, 0x98), special(33, SB)))
    assert amd(other, madt(33), version=OWNER).possible is False


def test_of_two_overrides_for_an_io_apic_the_first_counts_and_four_are_kept() -> None:
    first = "ivrs_ioapic=33@00:14.0 ivrs_ioapic=33@00:13.0"
    assert amd(ELSEWHERE, madt(33), words=first, version=OWNER).possible is True
    last = "ivrs_ioapic=33@00:13.0 ivrs_ioapic=33@00:14.0"
    assert amd(BOTH, madt(33), words=last, version=OWNER).possible is False
    five = " ".join(f"ivrs_ioapic={number}@00:14.0" for number in range(5))
    assert amd(BOTH, madt(33, 4), words=five, version=OWNER).missing == (4,)


@pytest.mark.parametrize(
    ("word", "version", "expected"),
    [
        ("ivrs_ioapic[5]=00:00.1", Version(3, 16, 4), True),
        ("ivrs_ioapic[5]=0000:00:00.1", Version(5, 10, 163), False),
        ("ivrs_ioapic[5]=0000:00:00.1", Version(5, 10, 164), True),
        ("ivrs_ioapic[5]=0000:00:00.1", Version(6, 1, 3), True),
        ("ivrs_ioapic=5@0000:00:00.1", Version(5, 4, 236), False),
        ("ivrs_ioapic=5@0000:00:00.1", Version(5, 4, 237), True),
        ("ivrs_ioapic=5@0000:00:00.1", Version(5, 15, 102), False),
        ("ivrs_ioapic=5@0000:00:00.1", Version(5, 15, 103), True),
        ("ivrs_ioapic=5@00:00.1", Version(6, 1, 3), False),
        ("ivrs_ioapic=5@00:00.1", Version(6, 1, 4), True),
        ("ivrs_ioapic=5@00:00.1", Version(6, 2, 0), True),
        ("ivrs_ioapic=5@00:00.1", Version(5, 15), None),
        ("ivrs_ioapic=5@00:00.1", None, None),
    ],
)
def test_an_override_counts_in_the_kernels_that_take_its_form(
    word: str, version: Version | None, expected: bool | None
) -> None:
    """The announcements of these stable releases name Linux commit 1198d2316dc4."""
    found = amd(BOTH, madt(33, 5), words=word, classes={SB: SMBUS}, version=version)
    assert found.possible is expected


def test_a_command_line_that_cannot_be_read_may_add_what_is_missing() -> None:
    hidden = Gap(why=Why.DENIED, source="/proc/cmdline", detail="Permission denied", errno="EACCES")
    for raw in (BOTH, ELSEWHERE):
        evidence = Evidence(
            absent("DMAR"), there(raw), (there(madt(33, 5)),), options=hidden, version=ANY
        )
        assert possible(evidence).possible is None


def dmi(vendor: str, product: str) -> Fact[Machine]:
    return Fact(Machine(vendor, product), product.encode(), "/sys/class/dmi/id/product_name")


EMPTY = ivrs(ivhd())


@pytest.mark.parametrize(
    ("vendor", "product", "numbers", "expected"),
    [
        ("Acer", "Aspire A315-41", (4,), True),
        ("Acer", "Aspire A315-41", (4, 5), False),
        ("Acer", "Aspire A315-41G", (4,), True),  # DMI_MATCH() takes a part of the name
        ("Dell Inc.", "Inspiron 7375", (4, 5), True),
        ("Dell Inc.", "Latitude 5495", (4,), True),
        ("LENOVO", "81FB", (32,), True),
        ("LENOVO", "81FC", (32,), False),
        ("ACER", "Aspire A315-41", (4,), False),
    ],
)
def test_linux_corrects_the_ivrs_of_a_few_machines(
    vendor: str, product: str, numbers: tuple[int, ...], expected: bool
) -> None:
    found = amd(EMPTY, madt(*numbers), version=OWNER, machine=dmi(vendor, product))
    assert found.possible is expected


def test_what_a_correction_leaves_out_is_named_as_the_kernel_names_it() -> None:
    """An Acer A315-41 with v5.15 complains of IOAPIC[5] alone: Linux added 4."""
    machine = dmi("Acer", "Aspire A315-41")
    found = amd(BOTH, madt(4, 5), version=Version(5, 15), machine=machine)
    assert (found.possible, found.missing) == (False, (5,))
    assert amd(BOTH, madt(4, 5), version=Version(5, 15)).missing == (4, 5)


@pytest.mark.parametrize("version", [None, Version(4, 19), Version(5, 4)])
def test_whether_an_older_kernel_corrects_it_is_not_known(version: Version | None) -> None:
    machine = dmi("Acer", "Aspire A315-41")
    assert amd(EMPTY, madt(4), version=version, machine=machine).possible is None
    assert amd(BOTH, madt(33), version=version, machine=machine).possible is True


def test_a_machine_whose_name_cannot_be_read_may_be_one_of_them() -> None:
    hidden = Gap(
        why=Why.DENIED,
        source="/sys/class/dmi/id/product_name",
        detail="Permission denied",
        errno="EACCES",
    )
    assert amd(EMPTY, madt(4), version=OWNER, machine=hidden).possible is None
    assert amd(BOTH, madt(33), version=OWNER, machine=hidden).possible is True
    none = Gap(
        why=Why.ABSENT,
        source="/sys/class/dmi/id/sys_vendor",
        detail="No such file or directory",
        errno="ENOENT",
    )
    assert amd(EMPTY, madt(4), version=OWNER, machine=none).possible is False


def test_of_two_units_for_the_same_registers_the_second_is_none() -> None:
    table = dmar(drhd(UNIT, io_apic_scope(2)), drhd(UNIT, io_apic_scope(5)), drhd(UNIT, segment=1))
    assert intel(table, madt(2, 5)).missing == (5,)


@pytest.mark.parametrize(("name", "expected"), [(b"\\_SB.X\0", True), (b"\\_SB.XY", False)])
def test_a_name_without_an_end_makes_the_kernel_reject_the_dmar(
    name: bytes, expected: bool
) -> None:
    andd = pack("<HHBBBB", 4, 8 + len(name), 0, 0, 0, 1) + name
    assert intel(dmar(drhd(UNIT, io_apic_scope(2)), andd), madt(2)).possible is expected


@pytest.mark.parametrize(
    ("dmar_reading", "ivrs_reading", "madt_reading", "expected"),
    [
        (denied("DMAR"), absent("IVRS"), there(madt(2)), None),
        (absent("DMAR"), denied("IVRS"), there(madt(2)), None),
        (there(GOOD), absent("IVRS"), denied("APIC"), None),
        (there(dmar(flags=0)), absent("IVRS"), denied("APIC"), False),
        (there(GOOD[:-1]), absent("IVRS"), there(madt(2)), None),
        (there(GOOD), absent("IVRS"), there(madt(2)[:-1]), None),
        (absent("DMAR"), absent("IVRS"), there(madt(2)), False),
        (absent("DMAR"), absent("IVRS"), absent("APIC"), None),
        (there(dmar(flags=0)), there(BOTH), there(madt(33, 34)), True),
        (there(dmar(flags=0)), there(BOTH), there(madt(5)), False),
        (there(dmar(flags=0)), denied("IVRS"), there(madt(5)), None),
    ],
)
def test_what_cannot_be_read_or_is_broken_is_not_known(
    dmar_reading: Reading[bytes],
    ivrs_reading: Reading[bytes],
    madt_reading: Reading[bytes],
    expected: bool | None,
) -> None:
    found = possible(Evidence(dmar_reading, ivrs_reading, (madt_reading,)))
    assert found.possible is expected
    assert found.sentence


def test_tables_from_elsewhere_are_not_all_the_tables_of_a_machine() -> None:
    elsewhere = Gap(why=Why.ABSENT, source="the files given", detail="no such table")
    assert possible(Evidence(elsewhere, elsewhere, (there(madt(2)),))).possible is None


#: The second of these IO-APICs can have its interrupts only if the first has few.
NEAR = (io_apic(9, 0xFEC01000, 48), io_apic(5, 0xFEC02000, 56))


def test_a_miss_that_the_kernel_may_skip_may_be_forgotten_with_the_others() -> None:
    table = ivrs(ivhd(special(9, SB)))
    found = amd(table, madt_of(io_apic(4, 0xFEC00000, 0), *NEAR), version=ANY)
    assert (found.possible, found.missing) == (None, (4, 5))


def test_a_southbridges_io_apic_that_the_kernel_may_skip_is_not_known_to_be_there() -> None:
    table = ivrs(ivhd(special(9, 2), special(5, SB)))
    assert amd(table, madt_of(*NEAR), version=ANY).possible is None


@pytest.mark.parametrize("version", [OWNER, CLASS])
def test_an_owner_of_gsi_0_that_the_kernel_may_skip_is_not_known_to_be_one(
    version: Version,
) -> None:
    table = ivrs(ivhd(special(9, 2), special(5, SB)))
    entries = madt_of(io_apic(9, 0xFEC01000, 16), io_apic(5, 0xFEC02000, 0))
    assert amd(table, entries, version=version, classes={SB: 0x0C05}).possible is None


@pytest.mark.parametrize("version", [ANY, OWNER, CLASS])
def test_an_io_apic_whose_id_the_kernel_changes_may_be_anywhere(version: Version) -> None:
    """Nobody knows what id arch/x86/kernel/apic/io_apic.c io_apic_unique_id() chooses."""
    table = ivrs(ivhd(special(4, 2), special(5, SB)))
    entries = madt_of(io_apic(4, 0xFEC00000, 24), io_apic(4, 0xFEC01000, 0))
    assert amd(table, entries, version=version, classes={SB: 0x0C05}).possible is None


def test_a_repeated_id_behind_the_southbridges_io_apic_is_not_forgotten() -> None:
    table = ivrs(ivhd(special(4, SB)))
    entries = madt_of(
        io_apic(4, 0xFEC00000, 0), io_apic(5, 0xFEC01000, 24), io_apic(4, 0xFEC02000, 48)
    )
    assert amd(table, entries, version=ANY).possible is None
