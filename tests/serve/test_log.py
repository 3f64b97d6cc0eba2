"""The daemon's lines, and what is said of a failure that lasts."""

from __future__ import annotations

import errno
import logging
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.serve.serving import Clock
from tests.serve.test_daemon import BY_OVERRIDE, daemon
from tests.support.commands import SERVE
from vfioguard.serve.telling.log import OneLine, Trouble, error_line, place_of

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "vfioguard")


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_a_failure_is_said_when_it_begins_and_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trouble = Trouble("it works again")
    for _ in range(3):
        trouble.gone()
        trouble.here("it fails")
        trouble.here("it fails")
    trouble.gone()
    assert said(caplog) == ["it fails", "it works again"] * 3


def test_another_failure_is_said_too(caplog: pytest.LogCaptureFixture) -> None:
    trouble = Trouble("it works again")
    trouble.here("it fails: a")
    trouble.here("it fails: b")
    trouble.here("it fails: c", kind="it fails: b")
    assert said(caplog) == ["it fails: a", "it fails: b"]


def test_what_comes_and_goes_is_over_when_it_has_not_come_for_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    trouble = Trouble("it works again", 60.0, clock)
    for _ in range(100):
        trouble.here("it fails")
        trouble.gone()
        clock.now += 59
    clock.now += 1
    trouble.gone()
    trouble.gone()
    assert said(caplog) == ["it fails", "it works again"]


@pytest.mark.parametrize(
    ("level", "priority"), [(logging.INFO, "6"), (logging.WARNING, "4"), (logging.ERROR, "3")]
)
def test_a_line_for_the_journal_begins_with_its_priority(level: int, priority: str) -> None:
    record = logging.LogRecord("vfioguard", level, "", 0, "one\ntwo", (), None)
    assert OneLine(priorities=True).format(record) == f"<{priority}>vfioguard: one | two"
    assert OneLine().format(record) == "vfioguard: one | two"


def in_a_journal(stream: int, *command: str) -> subprocess.Popen[bytes]:
    """With a pipe as stderr that says of itself that it is the journal."""
    found = os.fstat(stream)
    environment = {**os.environ, "JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
    return subprocess.Popen(command, stderr=stream, env=environment, cwd=REPOSITORY)


def test_why_the_daemon_does_not_start_is_an_error_to_the_journal() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as lines:
        process = in_a_journal(writing, *SERVE, "--root", "/no/such/host")
        os.close(writing)
        assert lines.read().startswith(b"<3>vfioguard: ")
        assert process.wait(20) == 3


def test_whoever_is_no_journal_gets_no_priorities() -> None:
    with daemon(BY_OVERRIDE, JOURNAL_STREAM="1:2") as running:
        running.wait_for("of .* IOMMU groups")
        running.stop()
    assert all(line.startswith("vfioguard: ") for line in running.log)


def test_what_comes_in_two_kinds_by_turns_is_two_lines(caplog: pytest.LogCaptureFixture) -> None:
    trouble = Trouble("it works again")
    for number in range(10):
        trouble.here(f"it fails at {number}", kind="ab"[number % 2])
    trouble.gone()
    trouble.here("it fails", kind="a")
    assert said(caplog) == ["it fails at 0", "it fails at 1", "it works again", "it fails"]


def raised(error: Exception) -> Exception:
    try:
        raise error
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.EIO, "Input/output error", "/sys/a"), "/sys/a: Input/output error"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
        (OSError("odd"), "odd"),
    ],
)
def test_a_failure_of_the_host_is_said_in_its_own_words(error: Exception, line: str) -> None:
    assert (error_line(raised(error)), place_of(raised(error))) == (line, "")


def test_a_bug_is_said_with_its_place_but_no_path_of_ours() -> None:
    error = raised(ValueError("two\nlines"))
    assert error_line(error) == "ValueError: two lines"
    assert re.fullmatch(r" \([\w.]+, line \d+\)", place_of(error))
    record = logging.LogRecord("vfioguard", logging.ERROR, "", 0, "a bug", (), None)
    record.exc_info = (type(error), error, error.__traceback__)
    assert ".py" not in OneLine().format(record)
