"""A text of any size and content is read once, line by line, and says what was not read."""

from __future__ import annotations

import re
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.symptom.test_symptoms import ROWS
from vfioguard.symptom import Call, Whose, paste, words

BUSY = "EAL: Cannot open /dev/vfio/151: Device or resource busy"
FINE = "AMD-Vi: Interrupt remapping enabled"
QEMU = (
    "kvm: -device vfio-pci,host=0000:00:02.1,romfile=/x,x-vga=on: vfio 0000:00:02.1: error getting "
    "device from group 22: Permission denied"
)


def test_what_refuses_comes_first_and_what_only_repeats_is_left_out() -> None:
    text = f"{FINE}\n{QEMU}\nVerify all devices in group 22 are bound\nQEMU exited with code 1\n"
    understood = paste.read(text).understood
    assert [one.whose for one in understood] == [Whose.VFIO, Whose.FINE]
    assert (understood[0].errno, understood[0].call) == ("EACCES", Call.GET_DEVICE)
    assert understood[0].number == 2


def test_a_line_that_only_repeats_is_told_by_itself() -> None:
    (one,) = paste.read("TASK ERROR: start failed: QEMU exited with code 1").understood
    assert one.whose is Whose.REST


def test_the_arguments_of_a_vmm_are_not_its_message() -> None:
    assert paste.read(QEMU).understood[0].message is None


def test_lines_that_say_the_same_are_one_with_all_their_names() -> None:
    text = "\n".join(BUSY.replace("151", str(number)) for number in (7, 8, 7))
    (one,) = paste.read(text).understood
    assert one.names.groups == (7, 8)


def test_line_breaks_that_are_written_out_break_lines() -> None:
    text = 'Message="vfio 0000:01:00.0: group 1 is not viable\\nPlease ensure all devices within"'
    (one,) = paste.read(text).understood
    assert one.names.groups == (1,)


@pytest.mark.parametrize(
    "text",
    [
        "Operation not permitted",
        "[Errno 1] Operation not permitted",
        "Operation not permitted (os error 1)",
        "EPERM (Operation not permitted)",
        "-EPERM",
        "errno: 1",
        "error 1: Operation not permitted.",
        "-1 EPERM (Operation not permitted)",
    ],
)
@pytest.mark.parametrize("change", [str, str.lower, str.upper])
def test_an_errno_by_itself_is_told_however_it_is_written(text: str, change: type[str]) -> None:
    (one,) = paste.read(change(text)).understood
    assert (one.errno, one.call) == ("EPERM", None)


@pytest.mark.parametrize(
    "text", ["cp: x: Operation not permitted", "22 Operation not permitted", "an error"]
)
def test_an_errno_of_somebody_else_is_not_told(text: str) -> None:
    assert not paste.read(text).understood


def test_a_negative_errno_is_no_argument_of_a_vmm() -> None:
    (one,) = paste.read("vfio_device_bind_iommufd: -EPERM").understood
    assert (one.errno, one.call) == ("EPERM", Call.IOMMUFD)


@pytest.mark.parametrize(
    "text",
    [
        "vfio 0000:00:02.0: failed to open /dev/vfio/13: No such file or\ndirectory",
        "vfio 0000:00:02.0: failed to open /dev/vfio/13: No such\n  file or directory\nand so on",
        "vfio: failed to open /dev/vfio/13: NO SUCH FILE  \r\nOR DIRECTORY: unknown",
    ],
)
def test_an_errno_that_a_terminal_broke_is_whole(text: str) -> None:
    (one,) = paste.read(text).understood
    assert (one.errno, one.call) == ("ENOENT", Call.OPEN)


def test_each_errno_is_whole_wherever_it_breaks() -> None:
    for phrase, name in words.WORDS.items():
        parts = phrase.split()
        for place in range(1, len(parts)):
            first, second = " ".join(parts[:place]), " ".join(parts[place:])
            text = f"vfio: failed to set iommu for container: {first}\n{second}"
            assert paste.read(text).understood[0].errno == name


def test_a_mapping_between_devices_that_failed_is_harmless() -> None:
    failed = (
        "vfio_container_dma_map(0x55c, 0x382000000000, 0x%s000, 0x7fae) = -22 (Invalid argument)"
    )
    p2p = "0000:01:00.0: PCI peer-to-peer transactions on BARs are not supported."
    bar = "qemu-system-x86_64: IOMMU_IOAS_MAP failed: Bad address, PCI BAR?"
    text = "\n".join((failed % 1, p2p, failed % 2, p2p, bar, p2p))
    assert {one.whose for one in paste.read(text).understood} == {Whose.FINE}
    alone = paste.read(f"{text}\n{failed % 3}").understood
    assert (alone[0].errno, alone[0].call) == ("EINVAL", Call.MAP)


NAMES = [
    ("vfio 0000:41:00.0: busy", (), ("0000:41:00.0",), ()),
    ("VFIO 0000:4B:00.0: BUSY", (), ("0000:4b:00.0",), ()),
    ("-device vfio-pci,host=0b:00.0: vfio", (), (), ("0b:00.0",)),
    ("pci_0000_01_00_1 is busy", (), ("0000:01:00.1",), ()),
    ("<address domain='0x0000' bus='0x06' slot='0x00' function='0x1'/>", (), ("0000:06:00.1",), ()),
    ("/sys/devices/pci0000:00/0000:00:02.1/0000:03:00.0/reset", (), ("0000:03:00.0",), ()),
    ("at 20:00:01.5 and 0:02:00:03.0", (), (), ()),
    ("10000:e1:00.0 of a VMD", (), ("10000:e1:00.0",), ()),
    ("/dev/vfio/84 and group 12, group:13", (84, 12, 13), (), ()),
    ("/dev/vfio/noiommu-3", (3,), (), ()),
    ("/sys/kernel/iommu_groups/5/devices", (5,), (), ()),
    ("/dev/vfio/vfio", (), (), ()),
    ("groups 3 and subgroup 4", (), (), ()),
]


@pytest.mark.parametrize(("text", "groups", "devices", "short"), NAMES)
def test_groups_and_devices_are_known_as_people_write_them(
    text: str, groups: tuple[int, ...], devices: tuple[str, ...], short: tuple[str, ...]
) -> None:
    named = words.names(text.lower())
    assert {*named.groups} == {*groups}
    assert (named.devices, named.short) == (devices, short)


def test_the_driver_is_known_by_its_directory() -> None:
    line = "open /sys/bus/pci/drivers/nvgrace-gpu-vfio-pci/bind: no such file or directory"
    assert paste.read(line).understood[0].driver == "nvgrace-gpu-vfio-pci"


@pytest.mark.parametrize(
    "noise", ["\0", "\x1b[31m", "\x1b", "\r", "\x07", "\u202e", "\ufeff", "\udcff", "\x9b"]
)
def test_control_characters_are_no_text(noise: str) -> None:
    (one,) = paste.read(f"{noise}{BUSY}{noise}").understood
    assert one.line == BUSY


@given(st.text(max_size=300))
def test_any_text_is_read_and_shown_as_printable_ascii(text: str) -> None:
    for one in paste.read(f"{text}\nvfio: {text} error -22").understood:
        assert one.line.isascii()
        assert one.line.isprintable()


@given(st.lists(st.sampled_from([line for *_, line in ROWS]), max_size=12))
def test_more_lines_hide_nothing_but_what_repeats(lines: list[str]) -> None:
    together = {(one.message, one.errno) for one in paste.read("\n".join(lines)).understood}
    for line in lines:
        for one in paste.read(line).understood:
            if one.whose is not Whose.REST and (one.message or one.errno):
                assert (one.message, one.errno) in together


def test_a_hundred_thousand_lines_are_read_and_no_more() -> None:
    read = paste.read("x\n" * paste.MOST_LINES + f"{BUSY}\n")
    assert (read.lines, read.understood) == (paste.MOST_LINES, ())
    assert read.cut == f"only its first {paste.MOST_LINES} lines are read"
    assert paste.read("x\n" * paste.MOST_LINES).cut is None


def test_so_many_different_lines_of_vfio_are_enough() -> None:
    lines = [f"vfio: group {number}: error -22" for number in range(paste.MOST_TOLD + 1)]
    read = paste.read("\n".join(lines))
    assert read.cut == f"only its first {paste.MOST_TOLD} lines are read"
    assert len(read.understood[0].names.groups) == 256


def test_a_long_text_is_cut_and_says_so() -> None:
    read = paste.read("x" * (paste.MOST_CHARACTERS + 1))
    assert read.cut == "only the first 16 MB are read"


def test_the_end_of_a_long_line_is_read_as_its_beginning() -> None:
    read = paste.read(f"{'x' * 1_000_000} {BUSY}")
    assert read.understood[0].errno == "EBUSY"
    assert read.cut == "of long lines only both ends are read"
    assert len(read.understood[0].line) <= 400


EXPRESSIONS = {
    name: value
    for module in (words, paste)
    for name, value in vars(module).items()
    if isinstance(value, re.Pattern)
}


def repeats(parsed: Any, outer: int = 0) -> list[tuple[int, int]]:
    """(how deep, at most how often) of every repeat in a regular expression."""
    found = []
    for code, argument in parsed:
        if code in {_constants.MAX_REPEAT, _constants.MIN_REPEAT}:
            _, most, inner = argument
            deeper = outer + (most > 1)
            found += [(deeper, most if isinstance(most, int) else 1 << 32)]
            found += repeats(inner, deeper)
        elif code is _constants.BRANCH:
            found += [each for branch in argument[1] for each in repeats(branch, outer)]
        elif code is _constants.SUBPATTERN:
            found += repeats(argument[3], outer)
        elif code in {_constants.ASSERT, _constants.ASSERT_NOT}:
            found += repeats(argument[1], outer)
    return found


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_no_expression_can_take_more_steps_than_its_line_has_characters(name: str) -> None:
    """A repeat is of one set of characters, never of a repeat, and is short or stands at an end."""
    for deep, most in repeats(_parser.parse(EXPRESSIONS[name].pattern)):
        assert deep <= 1
        assert most <= 64 or name in {"_COLOUR", "_NO_TEXT"}


def test_a_pattern_is_one_search_for_each_of_its_texts() -> None:
    class Counted(str):
        __slots__ = ()
        searches = 0

        def find(self, *arguments: Any) -> int:
            Counted.searches += 1
            return str.find(self, *arguments)

    assert not words.follows(Counted("a*" * 10_000), ("a",) * 50 + ("b",))
    assert Counted.searches == 51
