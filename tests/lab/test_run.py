"""A cell that leaves something broken fails alone, in one line, and keeps nothing large."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from lab import kernels, table
from lab import run as lab_run
from lab.archive import Archive
from lab.say import Failed
from vfioguard.root.opening import CannotOpen

(RUN,) = table.runs(["6.12-amd64--none"])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "x"), "the disk of {folder} is full"),
        (ValueError("Expecting value"), "the guest left something broken: ValueError: Expecting"),
        (KeyError("bind"), "the guest left something broken: KeyError: 'bind'"),
        (CannotOpen("x", "cut"), "the guest left no whole capture: x: cut"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_goes_wrong_in_a_cell_is_one_line_and_the_tail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    folder = f"{tmp_path}/cells/{RUN.name}"

    def fails(archive: Archive, name: str) -> NoReturn:
        for left in ("initrd", "console"):
            Path(folder, left).write_text("the last row")
        raise error

    monkeypatch.setattr(kernels, "get", fails)
    with pytest.raises(Failed) as failed:
        lab_run.run(Archive(str(tmp_path)), RUN, lambda took, phase: None)
    first, *tail = str(failed.value).splitlines()
    assert first.startswith(said.format(folder=folder))
    assert tail == ([] if isinstance(error, OSError) else ["    | the last row"])
    assert os.listdir(folder) == ["console"]
