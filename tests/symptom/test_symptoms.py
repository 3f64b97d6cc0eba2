"""The tables: every line of a real kernel or program is told, whatever stands before it."""

from __future__ import annotations

import errno
import gettext
import os
import re
from itertools import chain
from pathlib import Path

import pytest

from vfioguard.symptom import Call, Cause, Message, causes_of, every_message, paste, words
from vfioguard.symptom.calls import CALLS
from vfioguard.symptom.errors import ERRORS
from vfioguard.symptom.languages import TRANSLATED
from vfioguard.symptom.words import WORDS

LINES = Path(__file__).parent.parent / "fixtures/symptom/lines.tsv"
#: (who printed it, whose it is, errno, call, line); "-" for none. Each is of a public report or of
#: the program's source.
ROWS = [tuple(row.split("\t")) for row in LINES.read_text().splitlines()]
BEFORE = ["", "[    1.234567] ", "Nov 27 20:00:01 host kernel: ", "\x1b[0;1;31m", "  "]
#: Words that mean nothing on another architecture.
X86 = re.compile(
    r"intel_iommu|amd_iommu|VT-d|AMD-Vi|RMRR|IVMD|IVRS|DMAR|x2APIC|IO-APIC", re.IGNORECASE
)


def told(line: str) -> tuple[str, str, str]:
    """(whose, errno, call) that are told of a line, as the table writes them."""
    understood = paste.read(line).understood
    if not understood:
        return "-", "-", "-"
    one = understood[0]
    return str(one.whose), one.errno or "-", one.call.name if one.call else "-"


@pytest.mark.parametrize(("who", "whose", "name", "call", "line"), ROWS, ids=lambda v: v[:40])
@pytest.mark.parametrize("change", [str, str.lower, str.upper], ids=["as-is", "lower", "upper"])
def test_a_line_is_told_in_any_letter_case(
    who: str, whose: str, name: str, call: str, line: str, change: type[str]
) -> None:
    assert told(change(line)) == (whose, name, call), who


@pytest.mark.parametrize("before", BEFORE)
def test_what_stands_before_a_line_does_not_matter(before: str) -> None:
    wrong = [line for _, *expected, line in ROWS if told(before + line) != tuple(expected)]
    assert not wrong


def test_each_message_has_a_line_that_somebody_wrote() -> None:
    said = [line.lower() for *_, line in ROWS]
    for message in every_message():
        pieces = [words.pieces(pattern) for pattern in message.patterns]
        real = any(words.follows(line, texts) for line in said for texts in pieces)
        assert real, f"{message.patterns[0]!r} lacks a line in tests/fixtures/symptom/lines.tsv"


def test_patterns_are_lower_case_and_have_no_empty_end() -> None:
    patterns = chain(
        *(message.patterns for message in every_message()), *(texts for _, texts in CALLS)
    )
    for pattern in patterns:
        assert pattern == pattern.lower()
        assert words.pieces(pattern)


@pytest.mark.parametrize("line", ["", "usb 1-1: new high-speed USB device", "DMAR: Host address"])
def test_other_lines_are_not_guessed(line: str) -> None:
    assert told(line) == ("-", "-", "-")


def every_cause() -> list[Cause]:
    return [cause for causes in ERRORS.values() for cause in causes]


def test_every_errno_is_one_and_each_cause_says_when_why_and_what_to_do() -> None:
    assert all(hasattr(errno, name) for name in ERRORS)
    for cause in every_cause():
        assert all((cause.calls, cause.why, cause.change, cause.label))
        assert cause.label != "None"


def test_every_call_has_a_cause() -> None:
    assert {call for cause in every_cause() for call in cause.calls} == set(Call)


def advice(text: Message | Cause) -> str:
    """What is told on any architecture."""
    if isinstance(text, Message):
        return "" if text.x86 else text.means + text.change
    return text.why + text.change


@pytest.mark.parametrize("text", [*every_message(), *every_cause()], ids=lambda t: advice(t)[:40])
def test_no_text_names_a_word_of_x86_unless_only_x86_writes_the_line(text: Message | Cause) -> None:
    assert not X86.search(advice(text))


def test_no_text_of_the_tables_offers_the_override() -> None:
    for text in [*every_message(), *every_cause()]:
        assert "allow_unsafe_interrupts=" not in advice(text)


#: Messages, and the errno that each tells.
TOLD = [
    ("Operation not permitted", "EPERM"),
    (
        "qemu: vfio 0000:01:00.0: Failed to set iommu for container: Operation not permitted",
        "EPERM",
    ),
    ("errno=1", "EPERM"),
    ("VfioError(ContainerSetIOMMU(Error(1)))", "EPERM"),
    ("VFIO_SET_IOMMU: EPERM", "EPERM"),
    ("open /dev/vfio/1: Permission denied", "EACCES"),
    ("vfio-pci: probe of 0000:01:00.0 failed with error -22", "EINVAL"),
    ("failed (os error 22)", "EINVAL"),
    ("[Errno 22] link group", "EINVAL"),
    ("Os { code: 22, kind: InvalidInput }", "EINVAL"),
    ("vfio_dma_map(0x5, 0x0) = -22", "EINVAL"),
    ("cannot add vfio group to container, error 22", "EINVAL"),
    ("vfio-pci 0000:01:00.0: probe with driver vfio-pci failed with error -16", "EBUSY"),
    ("Could not open '/dev/vfio/15': Device or resource busy", "EBUSY"),
    ("open /dev/vfio/15: Resource busy", "EBUSY"),
    ("failed to bind: No such device", "ENODEV"),
    ("open /dev/vfio/15: No such device or address", "ENXIO"),
    ("open /dev/vfio/15: No such file or directory", "ENOENT"),
    ("VFIO_MAP_DMA failed: Cannot allocate memory", "ENOMEM"),
    ("VFIO_MAP_DMA failed: No space left on device", "ENOSPC"),
    ("write new_id: File exists", "EEXIST"),
    ("VFIO_MAP_DMA: -14", "EFAULT"),
    ("Message='internal error: vfio-pci: VFIO_MAP_DMA: -12')", "ENOMEM"),
    ("vfio_device_bind_iommufd: -EPERM", "EPERM"),
    ("Failed to set iommu for container: Input/output error", "EIO"),
    ("Inappropriate ioctl for device", "ENOTTY"),
    ("error -22: open: Permission denied", "EACCES"),
    ("probe failed with error -2", "ENOENT"),
    ("error -999", None),
    ("error: 500 reason", None),
    ("QEMU exited with code 1", None),
    ("it was cold: -12 degrees", None),
    ("terror -1 of permitted operations", None),
    ("errors 22.5 and 0x16", None),
]


@pytest.mark.parametrize(("text", "name"), TOLD)
def test_an_errno_is_told_in_words_by_name_or_by_number(text: str, name: str | None) -> None:
    assert words.told_errno(text.lower()) == name


#: musl's strerror() for these; glibc has others.
MUSL = {"resource busy", "out of memory", "i/o error", "not a tty"}


def test_words_are_those_of_the_c_library() -> None:
    for text, name in WORDS.items():
        assert causes_of(name, None)
        if text not in MUSL:
            assert text == os.strerror(getattr(errno, name)).lower()
    assert {*WORDS.values()} == {*ERRORS}


#: Words that other releases of glibc have.
RELEASES = {"aucun fichier ou dossier de ce nom", "impossible d'allouer de la mémoire"}


@pytest.mark.parametrize("language", ["de", "fr", "zh_CN"])
def test_translated_words_are_those_of_the_c_library(language: str) -> None:
    catalog = Path(f"/usr/share/locale/{language}/LC_MESSAGES/libc.mo")
    if not catalog.exists():
        pytest.skip("this host has no translations of glibc")
    with catalog.open("rb") as file:
        translations = gettext.GNUTranslations(file)
    said = {
        translations.gettext(os.strerror(getattr(errno, name))).lower(): name for name in ERRORS
    }
    # Another release may say some of them otherwise.
    assert len({words for words, name in said.items() if TRANSLATED.get(words) == name}) >= 8


def test_each_language_has_words_for_every_errno() -> None:
    names = [name for words, name in TRANSLATED.items() if words not in RELEASES]
    assert all(names.count(name) == 3 for name in ERRORS)
