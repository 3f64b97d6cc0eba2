"""`vfioguard firmware`: the tables that bear on interrupts, and what follows from them."""

from __future__ import annotations

import argparse
import sys

from vfioguard.acpi import dump
from vfioguard.cli import host
from vfioguard.cli.arguments import Parser, add_output, add_root
from vfioguard.cli.failure import OWN_FAILURE, Failure
from vfioguard.cli.verbs import Verb
from vfioguard.inference.firmware.of_host import Given, of_files, of_host
from vfioguard.output.firmware.json import firmware_json
from vfioguard.output.firmware.text import firmware_text
from vfioguard.proof_json import dumps
from vfioguard.reading.take import take

#: Bytes that are read of a file. A machine's whole acpidump has about 5 MB.
_LIMIT = 64 << 20


def _arguments(parser: Parser) -> None:
    add_root(parser)
    add_output(parser)
    parser.add_argument(
        "--table",
        action="append",
        metavar="FILE",
        help="decode these tables instead, raw or acpidump's text; may be repeated",
    )


def _contradiction(options: argparse.Namespace) -> str | None:
    return "--table is instead of --root" if options.table and options.root != "/" else None


def _run(options: argparse.Namespace) -> int:
    """Print the tables. The status is 3 if none could be decoded."""
    if options.table:
        firmware = of_files([given for path in options.table for given in _given(path)])
    else:
        firmware = of_host(host.read(options, take))
    if options.output == "json":
        print(dumps(firmware_json(firmware)))
    else:
        sys.stdout.write(firmware_text(firmware, host.style()))
    decoded = any(decoding.table is not None for decoding in firmware.tables)
    return 0 if decoded else OWN_FAILURE


def _given(path: str) -> list[Given]:
    """Every table in one file, which is raw or the text of acpidump. Raises `Failure`."""
    try:
        with open(path, "rb") as file:
            raw = file.read(_LIMIT + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise Failure(f"cannot read {path!r}: {why}") from error
    if len(raw) > _LIMIT:
        raise Failure(f"{path!r} has more than {_LIMIT >> 20} MB: not firmware tables")
    dumped = dump.split(raw)
    tables = [Given(table.signature, path, table.raw) for table in dumped.tables]
    if dumped.broken is not None:
        tables.append(Given(signature="file", source=path, raw=b"", broken=dumped.broken))
    return tables


VERB = Verb(
    help="the firmware tables that bear on interrupts, decoded",
    arguments=_arguments,
    run=_run,
    epilog="exit status: 0 a table could be decoded, 3 none could, or error",
    contradiction=_contradiction,
)
