"""`report --output-file`: the report where collectors pick it up, whole or not at all."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from tests.cli.test_cli import ALLOWED, MIXED, NO_GROUPS, OVERRIDE, UNKNOWN, vfioguard
from vfioguard import leaves

TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:Z| UTC)")
FORMS = leaves.names("vfioguard.output")


def without_times(text: str) -> str:
    """Two runs differ in the time of the report, and in what follows from it."""
    return TIME.sub("TIME", text)


@pytest.mark.parametrize(
    ("root", "status"),
    [(ALLOWED, 0), (OVERRIDE, 1), (MIXED, 2), (UNKNOWN, 3), (NO_GROUPS, 3)],
)
def test_the_exit_status_stays_the_verdict(tmp_path: Path, root: str, status: int) -> None:
    path = tmp_path / "report"
    result = vfioguard("report", "--root", root, "--output-file", str(path))
    assert (result.returncode, result.stdout, result.stderr) == (status, "", "")
    assert path.read_text()


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_written_as_it_would_be_printed(tmp_path: Path, form: str) -> None:
    path = tmp_path / "report"
    arguments = ("report", "--root", MIXED, "--output", form)
    printed = vfioguard(*arguments).stdout
    vfioguard(*arguments, "--output-file", str(path))
    assert without_times(path.read_text()) == without_times(printed)
    assert list(tmp_path.iterdir()) == [path]


def test_other_users_can_read_the_file_under_any_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        vfioguard("report", "--root", MIXED, "--output-file", str(tmp_path / "report"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "report").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no/such/directory/report", "No such file or directory"),
        (".", "is there already and is no regular file"),
        ("name\0", "embedded null byte"),
        ("", "No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_written_is_one_line_and_no_verdict(
    tmp_path: Path, name: str, why: str
) -> None:
    from vfioguard.cli.failure import Failure
    from vfioguard.cli.parser import parse
    from vfioguard.cli.standing_by import Work

    path = str(tmp_path / name) if name else ""
    options = parse(["report", "--root", MIXED, "--output-file", path])
    options.work = Work()
    with pytest.raises(Failure, match=why) as caught:
        options.run(options)
    assert len(str(caught.value).splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_device_is_never_replaced() -> None:
    result = vfioguard("report", "--root", ALLOWED, "--output-file", "/dev/full")
    assert result.returncode == 3
    assert result.stderr == (
        "vfioguard: cannot write '/dev/full': is there already and is no regular file\n"
    )
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)
