"""The plugin of Nagios, held against the published grammar of its output.

.ci/stages/75-integrations has Nagios and Icinga themselves read it.
"""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.test_cli import ALLOWED, MIXED, NO_GROUPS, OVERRIDE, REFUSED, UNKNOWN, vfioguard
from tests.support.hosts import x86_host
from vfioguard.judging.evaluate import evaluate
from vfioguard.output import Style
from vfioguard.output.nagios import OUTPUT, plugin
from vfioguard.reading.take import take
from vfioguard.root.memory import Memory, Refused

FIELD = Path(__file__).parents[1] / "fixtures" / "field"
WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
#: Monitoring Plugins Development Guidelines, "Performance data": a label without quotes has no
#: blank, quote or equals sign; what follows the value may be empty, but for the unit.
ITEM = re.compile(
    r"(?P<label>[^ '=|]+|'(?:[^']|'')+')=(?P<value>-?[0-9.]+)(?P<unit>us|ms|s|%|[KMGT]?B|c|)"
    r"(?:;(?P<warn>[-0-9.:@~]*)(?:;(?P<crit>[-0-9.:@~]*)(?:;(?P<min>[-0-9.]*)(?:;(?P<max>[-0-9.]*))?)?)?)?"
)


class Read(NamedTuple):
    """What Nagios takes from a plugin's output."""

    word: str
    sentence: str
    values: dict[str, int]
    alerts: dict[str, int]
    details: list[str]


def outside(value: float, threshold: str | None) -> bool:
    """Whether a range alerts; only the form `MAX` is used here, which means 0 to MAX."""
    return bool(threshold) and not 0 <= value <= float(threshold or 0)


def read(text: str) -> Read:
    """Read the output as Nagios does; anything that it would misunderstand is an error."""
    assert text.isascii()
    assert text.endswith("\n")
    first, *details = text[:-1].split("\n")
    assert all(line.isprintable() and line for line in (first, *details))
    head, bar, measured = first.partition(" | ")
    assert "|" not in head + measured
    assert not any("|" in line for line in details), "performance data go on after a bar"
    match = re.fullmatch(r"VFIOGUARD ([A-Z]+) - (.+)", head)
    assert match is not None
    assert match[1] in WORDS
    values: dict[str, int] = {}
    alerts: dict[str, int] = {}
    for item in measured.split(" ") if bar else ():
        part = ITEM.fullmatch(item)
        assert part is not None, item
        assert part["label"] not in values
        values[part["label"]] = int(part["value"])
        alerts[part["label"]] = (
            2 if outside(values[part["label"]], part["crit"])
            else 1 if outside(values[part["label"]], part["warn"])
            else 0
        )  # fmt: skip
    return Read(match[1], match[2], values, alerts, details)


@pytest.mark.parametrize(
    ("root", "status"),
    [(ALLOWED, 0), (OVERRIDE, 1), (REFUSED, 2), (MIXED, 2), (UNKNOWN, 3), (NO_GROUPS, 3)],
)
def test_the_status_word_is_that_of_the_exit_status(root: str, status: int) -> None:
    """Every other form has the same exit statuses: tests/cli/test_cli.py."""
    result = vfioguard("report", "--root", root, "--output", "nagios")
    assert (result.returncode, result.stderr) == (status, "")
    assert read(result.stdout).word == WORDS[status]


def test_a_report_counts_its_groups_and_says_why() -> None:
    told = read(vfioguard("report", "--root", REFUSED, "-o", "nagios").stdout)
    assert told.values == {
        "allowed": 0, "allowed-by-override": 0, "unknown": 0, "refused": 17, "blocked": 0,
        "not-attachable": 7,
    }  # fmt: skip
    assert told.alerts == dict.fromkeys(told.values, 0) | {"refused": 2}
    assert told.sentence.startswith("17 refused of 17 IOMMU groups; 7 not attachable; Interrupt ")
    assert told.details[0].startswith("cause (17): Interrupt remapping is off")
    assert told.details[1].startswith("1. ")


def test_groups_that_something_else_blocks_are_told_in_the_first_line() -> None:
    root = str(FIELD / "other--hpe-gen8-rmrr-6.8" / "root.tar.xz")
    told = read(vfioguard("report", "--root", root, "-o", "nagios").stdout)
    assert told.sentence.startswith("1 allowed of 1 IOMMU groups, 1 of them blocked; 1 not ")
    assert (told.values["allowed"], told.values["blocked"]) == (1, 1)
    assert "EINVAL" in told.details[0]


def test_the_override_warns() -> None:
    told = read(vfioguard("report", "--root", OVERRIDE, "-o", "nagios").stdout)
    assert (told.word, told.values["allowed-by-override"]) == ("WARNING", 8)
    assert told.alerts["allowed-by-override"] == 1
    assert any("allow_unsafe_interrupts is set" in line for line in told.details)


def test_groups_that_cannot_be_read_are_not_counted_as_none() -> None:
    entries = x86_host(2) | {"/sys/kernel/iommu_groups": Refused(errno.EIO)}
    text = OUTPUT.render(evaluate(take(Memory(entries)), "now"), Style())
    told = read(text)
    assert (told.word, told.values) == ("UNKNOWN", {})
    assert "EIO" in told.sentence


@pytest.mark.parametrize("command", ["report", "check"])
def test_a_host_that_cannot_be_read_is_unknown_on_standard_output(command: str) -> None:
    targets = ("group:0",) if command == "check" else ()
    result = vfioguard(command, "--root", "/nonexistent\n|x", "--output", "nagios", *targets)
    assert (result.returncode, result.stderr) == (3, "")
    told = read(result.stdout)
    assert (told.word, told.values, told.details) == ("UNKNOWN", {}, [])
    assert told.sentence == r"/nonexistent\x0a(pipe)x: No such file or directory"


def test_a_file_of_the_output_is_replaced_as_any_other() -> None:
    result = vfioguard("report", "--root", ALLOWED, "-o", "nagios", "--output-file", "/dev/null/x")
    assert (result.returncode, result.stderr) == (3, "")
    assert read(result.stdout).sentence.startswith("cannot write '/dev/null/x'")


@pytest.mark.parametrize(
    ("root", "targets", "status", "start"),
    [
        (ALLOWED, ["0000:00:0a.0"], 0, "yes 0000:00:0a.0 group:"),
        (OVERRIDE, ["0000:01:00.0"], 1, "yes-by-override 0000:01:00.0 group:"),
        (MIXED, ["group:0"], 2, "no group:0: "),
        (MIXED, ["0000:99:00.0"], 3, "no device '0000:99:00.0' here; "),
        (MIXED, ["01:00.0", "99:00.0", "group:0"], 2,
         "1 no, 1 unknown, 1 yes of 3 targets: no group:0: "),
        (MIXED, ["01:00.0", "99:00.0"], 3, "1 unknown, 1 yes of 2 targets: no device '99:00.0'"),
    ],
)  # fmt: skip
def test_check_tells_the_worst_first_and_a_line_for_each_of_several(
    root: str, targets: list[str], status: int, start: str
) -> None:
    result = vfioguard("check", "--root", root, "--output", "nagios", *targets)
    assert (result.returncode, result.stderr) == (status, "")
    told = read(result.stdout)
    assert told.word == WORDS[status]
    assert told.sentence.startswith(start)
    assert len(told.details) == (len(targets) if len(targets) > 1 else 0)
    assert sum(told.values.values()) == len(targets)
    assert max(told.alerts.values()) == (status if status < 3 else 0)


texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1)


@given(
    status=st.integers(0, 3),
    sentence=texts,
    details=st.lists(texts, max_size=40),
    counts=st.lists(
        st.tuples(st.from_regex("[a-z-]+", fullmatch=True), st.integers(0), st.integers(0, 2)),
        unique_by=lambda each: each[0],
    ),
)
def test_any_text_can_be_read_and_none_ends_the_text(
    status: int, sentence: str, details: list[str], counts: list[tuple[str, int, int]]
) -> None:
    told = read(plugin(status, sentence, counts, details))
    assert told.word == WORDS[status]
    assert told.sentence == sentence.replace("|", "(pipe)")
    assert told.values == {label: number for label, number, _ in counts}
    assert told.alerts == {label: wanted if number else 0 for label, number, wanted in counts}
    assert len(told.details) <= 33
