"""The archive's folder is apt's: what is counted there may be gone at any moment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.archive import Archive, Suite, bytes_in


def test_a_file_that_apt_moves_away_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "partial").mkdir()
    (tmp_path / "kept.deb").write_bytes(b"12345")
    (tmp_path / "partial" / "moved.deb").write_bytes(b"123")
    assert bytes_in(str(tmp_path)) == 8
    listed = os.scandir

    def moved(folder: str) -> list[os.DirEntry[str]]:
        entries = list(listed(folder))
        if folder.endswith("/partial"):
            (tmp_path / "partial" / "moved.deb").unlink()
        return entries

    monkeypatch.setattr(os, "scandir", moved)
    assert bytes_in(str(tmp_path)) == 5


SUITES = [Suite("trixie", "amd64"), Suite("trixie-backports", "amd64")]


def with_indexes(folder: Path) -> Archive:
    """A folder that has indexes of now."""
    archive = Archive(str(folder))
    (folder / "apt").mkdir(parents=True)
    (folder / "apt" / "apt.conf").write_text(f'Dir::State::Lists "{folder}/apt/lists";\n')
    (folder / "apt" / "updated").write_text("".join(f"{s.release} {s.arch}\n" for s in SUITES))
    return archive


def test_indexes_of_today_are_kept_and_older_ones_are_not(tmp_path: Path) -> None:
    archive = with_indexes(tmp_path)
    assert archive.indexes() == set(SUITES)
    os.utime(tmp_path / "apt" / "updated", (0, 0))
    assert archive.indexes() == set()


def test_a_folder_without_indexes_has_none(tmp_path: Path) -> None:
    assert Archive(str(tmp_path)).indexes() == set()


def test_a_folder_that_was_moved_has_no_indexes(tmp_path: Path) -> None:
    with_indexes(tmp_path / "lab")
    (tmp_path / "lab").rename(tmp_path / "moved")
    assert Archive(str(tmp_path / "moved")).indexes() == set()
