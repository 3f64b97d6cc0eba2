"""Write the single file that any Python 3.11 runs: `make pyz`.

usage: python -m release.pyz.build FILE EPOCH

It holds the package as it is in the repository, and needs nothing but the standard library, here
and there. EPOCH is the Unix time that every file in it gets.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "vfioguard"
#: `env`, as a rescue system may have its Python anywhere.
FIRST_LINE = b"#!/usr/bin/env python3\n"


def main(name: str, epoch: str) -> None:
    """Write the file, executable."""
    to = Path(name)
    to.parent.mkdir(parents=True, exist_ok=True)
    with to.open("wb") as file:
        file.write(FIRST_LINE)
        with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=9) as archive:
            for inside, source in contents():
                archive.writestr(dated(inside, int(epoch)), source.read_bytes())
    to.chmod(0o755)


def contents() -> list[tuple[str, Path]]:
    """Each name in the file with the file that it is made from, in a fixed order."""
    files = sorted(path for path in PACKAGE.rglob("*") if path.is_file())
    return [
        ("__main__.py", Path(__file__).with_name("main.py")),
        ("LICENSE", REPOSITORY / "LICENSE"),
        *((str(path.relative_to(REPOSITORY)), path) for path in files if path.suffix != ".pyc"),
    ]


def dated(inside: str, epoch: int) -> ZipInfo:
    """An entry that does not depend on who builds, and when."""
    entry = ZipInfo(inside, time.gmtime(epoch)[:6])
    entry.compress_type = ZIP_DEFLATED
    entry.external_attr = 0o100644 << 16
    return entry


if __name__ == "__main__":
    main(*sys.argv[1:])
