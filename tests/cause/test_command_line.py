"""Causes that somebody chose on the kernel's command line: the word that wins, and the edit."""

from __future__ import annotations

import pytest

from tests.support.causing import causes, words
from tests.support.hosts import x86_host
from tests.support.packed_tables import dmar, drhd, io_apic_scope, madt
from vfioguard.kernel.firmware.acpi_tables import PATH
from vfioguard.root.memory import Entry


def off(cmdline: bytes, **options: object) -> dict[str, Entry]:
    return x86_host(1, remapping=False, cmdline=cmdline, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cmdline", "word", "removed", "added"),
    [
        (b"intremap=off", "intremap=off", ["intremap=off"], []),
        (b"nointremap", "nointremap", ["nointremap"], []),
        (b"intremap=offline", "intremap=offline", ["intremap=offline"], []),
        (b"intremap=on intremap=off", "intremap=off", ["intremap=off"], []),
        (b"nointremap intremap=off", "intremap=off", ["nointremap", "intremap=off"], []),
        (b"intremap=off intremap=nosid", "intremap=off", ["intremap=off"], []),
        (b"intremap=nosid,off", "intremap=nosid,off", ["intremap=nosid,off"], ["intremap=nosid"]),
    ],
)
def test_intremap_off_names_the_word_that_wins(
    cmdline: bytes, word: str, removed: list[str], added: list[str]
) -> None:
    cause = causes(off(cmdline))["intremap_off"]
    assert cause.sentence == f"Interrupt remapping is off: {word} on the kernel command line."
    removing, _, adding = cause.change[0].do.partition(" from")
    for option in removed:
        assert f"`{option}`" in removing
    for option in added:
        assert f"add `{option}`" in adding
    assert bool(added) == ("add" in adding)
    assert "reboot" in adding


@pytest.mark.parametrize("cmdline", [b"intremap=off,on", b"nointremap intremap=on", b"quiet", b""])
def test_a_word_that_does_not_win_is_no_cause(cmdline: bytes) -> None:
    assert "intremap_off" not in causes(off(cmdline))


@pytest.mark.parametrize(
    ("name", "cmdline", "word"),
    [
        ("io_apic_off", b"noapic", "noapic"),
        ("io_apic_off", b"nosmp", "nosmp"),
        ("io_apic_off", b"maxcpus=0", "maxcpus=0"),
        ("io_apic_off", b"noapic apic nosmp", "nosmp"),
        ("local_apic_off", b"nolapic", "nolapic"),
        ("local_apic_off", b"disableapic", "disableapic"),
        ("acpi_off", b"acpi=off", "acpi=off"),
    ],
)
def test_a_word_that_takes_what_remapping_needs_is_named(
    name: str, cmdline: bytes, word: str
) -> None:
    found = causes(off(cmdline))
    assert list(found) == [name, *list(found)[1:]]
    cause = found[name]
    assert cause.sentence == f"Interrupt remapping is off: {word} on the kernel command line."
    assert f"Remove `{word}`" in cause.change[0].do
    assert cause.because.truth is False


@pytest.mark.parametrize("cmdline", [b"maxcpus=4", b"noapic apic", b"acpi=off acpi=force"])
def test_a_word_that_takes_nothing_is_no_cause(cmdline: bytes) -> None:
    names = set(causes(off(cmdline)))
    assert not names & {"io_apic_off", "local_apic_off", "acpi_off"}


def test_an_option_that_a_later_apic_undoes_is_not_to_be_removed() -> None:
    cause = causes(off(b"noapic apic nosmp"))["io_apic_off"]
    assert "`noapic`" not in cause.change[0].do


def test_where_the_tables_forbid_it_anyway_both_are_named() -> None:
    tables: dict[str, Entry] = {
        f"{PATH}/DMAR": dmar(drhd(0xFED90000, io_apic_scope(2), flags=1), flags=0),
        f"{PATH}/APIC": madt(2),
    }
    found = causes(off(b"intremap=off") | tables)
    assert next(iter(found)) == "intremap_off"
    assert "dmar_forbids" in found
    assert "That alone does not help" in words(found["intremap_off"])
    assert "INTR_REMAP is clear" in words(found["intremap_off"])


def test_where_amds_tables_cannot_be_read_they_are_looked_at_before_the_word_is_removed() -> None:
    first, then, *_ = causes(off(b"intremap=off", vendor="amd"))["intremap_off"].change
    assert first.where == "sudo vfioguard firmware"
    assert "hang" in first.do
    assert then.do.startswith("Remove `intremap=off`")
    assert causes(off(b"intremap=off"))["intremap_off"].change[0].do.startswith("Remove")


def test_two_words_are_two_causes() -> None:
    assert {"intremap_off", "io_apic_off"} <= set(causes(off(b"intremap=off noapic")))


def test_a_host_that_remaps_has_no_such_cause() -> None:
    found = causes(x86_host(1, cmdline=b"intremap=off", msis=False))
    assert set(found) == {"evidence_contradicts"}
