"""Put files below the tree of a package."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
BUILD = REPOSITORY / "build"
LIB = "usr/lib/vfioguard"
DOC = "usr/share/doc/vfioguard"


def install(source: Path, to: Path, mode: int = 0o644) -> None:
    """One file or directory."""
    to.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, to)
    else:
        shutil.copyfile(source, to)
        to.chmod(mode)


def compressed(data: bytes, to: Path) -> None:
    """One file as packages have their documents."""
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(gzip.compress(data, 9, mtime=0))


def settle(top: Path, programs: Path, epoch: int) -> None:
    """Modes and times that do not depend on who builds, and when."""
    for path in [*top.rglob("*"), top]:
        path.chmod(0o755 if path.is_dir() or path.is_relative_to(programs) else 0o644)
        os.utime(path, (epoch, epoch))
