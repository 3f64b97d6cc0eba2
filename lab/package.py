"""What is in a package of Debian."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def contents(package: str) -> Iterator[tarfile.TarFile]:
    """The files of a package, to be read once, in their order."""
    with (
        subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as data,
        tarfile.open(fileobj=data.stdout, mode="r|") as tar,
    ):
        yield tar
