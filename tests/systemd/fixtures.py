"""Lay out what the booted machine needs: a host to judge, and tables it might have.

usage: python -m tests.systemd.fixtures DIRECTORY
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.hosts import x86_host
from tests.support.packed_tables import dmar, drhd, io_apic_scope, madt
from tests.support.trees import write

#: More than systemd takes as credentials of a unit.
LARGE = 1_300_000


def main(directory: str) -> None:
    write(f"{directory}/host", x86_host(4, remapping=False))
    intel = {"DMAR": dmar(drhd(0xFED90000, io_apic_scope(2), flags=1)), "APIC": madt(2)}
    large = intel["DMAR"][:4] + LARGE.to_bytes(4, "little") + intel["DMAR"][8:]
    hosts = {
        "present": intel,
        "none": {},
        "large": intel | {"DMAR": large.ljust(LARGE, b"\0")},
        "truncated": {name: table[:40] for name, table in intel.items()},
    }
    for name, tables in hosts.items():
        path = Path(directory, "tables", name)
        path.mkdir(parents=True)
        for table, raw in tables.items():
            (path / table).write_bytes(raw)
            (path / table).chmod(0o400)  # as the kernel has them


if __name__ == "__main__":
    main(*sys.argv[1:])
