"""`vfioguard firmware`: the tables that bear on interrupts, and what follows from them."""

from __future__ import annotations

import argparse
import sys

from vfioguard.acpi import dump
from vfioguard.cli import host
from vfioguard.cli.run import OWN_FAILURE, Failure
from vfioguard.inference.firmware.of_host import Given, of_files, of_host
from vfioguard.output.firmware.json import firmware_json
from vfioguard.output.firmware.text import firmware_text
from vfioguard.output.json import dumps
from vfioguard.reading.take import take

#: A machine's whole acpidump has 5 MB or so.
_LIMIT = 64 << 20


def run(options: argparse.Namespace) -> int:
    """Print the tables; 3 where none could be decoded."""
    if options.table:
        found = of_files([one for path in options.table for one in _given(path)])
    else:
        found = of_host(host.read(options, take))
    if options.output == "json":
        print(dumps(firmware_json(found)))
    else:
        sys.stdout.write(firmware_text(found, host.style()))
    return 0 if any(one.table is not None for one in found.tables) else OWN_FAILURE


def _given(path: str) -> list[Given]:
    """Every table of one file, which may be raw or the text of acpidump."""
    try:
        with open(path, "rb") as file:
            raw = file.read(_LIMIT + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise Failure(f"cannot read {path!r}: {why}") from error
    if len(raw) > _LIMIT:
        raise Failure(f"{path!r} has more than {_LIMIT >> 20} MB: not firmware tables")
    found = dump.split(raw)
    given = [Given(one.signature, path, one.raw) for one in found.tables]
    if found.broken is not None:
        given.append(Given(signature="file", source=path, raw=b"", broken=found.broken))
    return given
