#!/usr/bin/env python3
"""Coverage-guided fuzzing of the firmware table parsers, with atheris (Python 3.11 or 3.12).

    pip install atheris
    PYTHONPATH=. fuzz/acpi.py -max_total_time=600 -timeout=5 -rss_limit_mb=512 \
        fuzz/corpus/acpi

The directory keeps what was found to reach new code; it began with tests/fixtures/acpi, and
-merge=1 makes it small again. Whatever comes, a parser answers with a value and a break; an
exception, or more pieces than bytes, is a finding.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import atheris

with atheris.instrument_imports(include=["vfioguard.acpi"]):
    from vfioguard.acpi import BadTable, Parsed, leaves, table
    from vfioguard.acpi.dump import split
    from vfioguard.acpi.ivrs import kernel_ivhd_type
    from vfioguard.acpi.structure.layout import MOST

    # Here, because this imports the leaves.
    TABLES = [table(leaf) for leaf in leaves()]

BY_SIGNATURE = {known.signature.encode(): known for known in TABLES}
#: The largest table that the bounds are promised for.
LARGEST = 1 << 20


def pieces(value: object) -> Iterator[object]:
    """Everything inside a value that is a value of its own."""
    if isinstance(value, tuple):
        for child in value:
            if isinstance(child, tuple):
                yield child
                yield from pieces(child)


def check(parsed: Parsed[object], size: int) -> None:
    """What is promised of any bytes."""
    assert parsed.broken is None or isinstance(parsed.broken, BadTable)
    assert parsed.table is not None or parsed.broken is not None
    found = sum(1 for _ in pieces(parsed.table))
    # A node has a body, and an SMMU three lists; the header and the outermost list are two more.
    assert found <= min(5 * size, 5 * MOST) + 2, (found, size)


def one_input(data: bytes) -> None:
    """As the file that it is, and as a table whose header is right about its length."""
    if len(data) > LARGEST:
        return
    for found in split(data).tables:
        assert len(found.raw) <= len(data)
    known = BY_SIGNATURE.get(data[:4]) or TABLES[sum(data[:4]) % len(TABLES)]
    raw = known.signature.encode() + data[4:]
    check(known.parse(raw), len(raw))
    whole = raw[:4] + len(raw).to_bytes(4, "little") + raw[8:]
    parsed = known.parse(whole)
    check(parsed, len(whole))
    blocks = getattr(parsed.table, "blocks", ())
    assert (kernel_ivhd_type(blocks) is None) == (not blocks)


def main() -> None:
    """Hand over to libFuzzer, which never returns."""
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
