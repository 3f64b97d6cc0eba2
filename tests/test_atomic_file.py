"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from vfioguard import atomic_file


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_name_holds_the_bytes_and_nothing_else_is_left(tmp_path: Path) -> None:
    atomic_file.write(str(tmp_path / "name"), b"bytes")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"name": b"bytes"}


def test_the_mode_is_the_one_that_was_asked_for_under_any_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        atomic_file.write(str(tmp_path / "asked"), b"", 0o644)
        atomic_file.write(str(tmp_path / "not asked"), b"")
    finally:
        os.umask(before)
    assert (mode(tmp_path / "asked"), mode(tmp_path / "not asked")) == (0o644, 0o600)


def test_who_holds_the_old_file_open_keeps_the_old_bytes(tmp_path: Path) -> None:
    path = tmp_path / "name"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        atomic_file.write(str(path), b"new and longer")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new and longer"


def test_until_the_block_ends_the_name_holds_the_old_bytes(tmp_path: Path) -> None:
    path = tmp_path / "name"
    path.write_bytes(b"old")
    with atomic_file.replacing(str(path)) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
        assert all(other.name.startswith(".") for other in tmp_path.iterdir() if other != path)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_block_that_raises_leaves_what_was_there(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "name"
    path.write_bytes(b"old")

    def interrupted() -> None:
        with atomic_file.replacing(str(path)) as file:
            file.write(b"new")
            raise error

    with pytest.raises(error):
        interrupted()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"name": b"old"}


def test_a_disk_that_fills_up_leaves_what_was_there(tmp_path: Path) -> None:
    """RLIMIT_FSIZE stands for the full disk: write(2) fails in the middle of the bytes."""
    path = tmp_path / "name"
    path.write_bytes(b"old")
    code = (
        "import sys\nfrom vfioguard import atomic_file\n"
        "try:\n    atomic_file.write(sys.argv[1], bytes(1 << 20))\n"
        "except OSError as error:\n    print(error.strerror)\n"
    )

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))

    result = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "File too large\n"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"name": b"old"}


@pytest.mark.parametrize("kind", ["directory", "link", "dangling link", "fifo"])
def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "name"
    match kind:
        case "directory":
            path.mkdir()
        case "link":
            (tmp_path / "target").write_bytes(b"old")
            path.symlink_to("target")
        case "dangling link":
            path.symlink_to("nowhere")
        case _:
            os.mkfifo(path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OSError, match="no regular file"):
        atomic_file.write(str(path), b"new")
    assert sorted(tmp_path.iterdir()) == before


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    atomic_file.write(str(path), b"bytes")
    assert path.read_bytes() == b"bytes"


def test_a_name_without_a_directory_is_in_the_current_one(tmp_path: Path) -> None:
    code = "from vfioguard import atomic_file; atomic_file.write('name', b'bytes')"
    repository = str(Path(__file__).parent.parent)
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": repository},
        check=True,
    )
    assert (tmp_path / "name").read_bytes() == b"bytes"


def test_bytes_and_name_reach_the_disk_in_this_order(tmp_path: Path) -> None:
    """strace is the oracle: bytes, their fsync, the rename, the fsync of the directory."""
    path = str(tmp_path / "name")
    code = f"from vfioguard import atomic_file; atomic_file.write({path!r}, b'bytes', 420)"
    trace = tmp_path / "trace"
    subprocess.run(
        [
            "strace",
            "-y",
            "-o",
            trace,
            "-e",
            "write,fchmod,fsync,rename",
            sys.executable,
            "-c",
            code,
        ],
        check=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
    )
    calls = [
        line.partition("(")[0]
        for line in trace.read_text().splitlines()
        if str(tmp_path) in line and not line.startswith("+++")
    ]
    assert calls == ["write", "fchmod", "fsync", "rename", "fsync"]
