"""`sriov_numvfs`: how many virtual functions of a physical function are enabled.

Documentation/ABI/testing/sysfs-bus-pci. Only functions with the SR-IOV capability have the file.
"""

from __future__ import annotations

import errno

from vfioguard.fact import Gap, Malformed, Reading, Why, gap_from, parse
from vfioguard.root import Directory


def count(raw: bytes) -> int:
    r"""A number of functions as "%u\n" prints it. Raises Malformed."""
    digits = raw.removesuffix(b"\n")
    if not digits.isdigit() or len(digits) > 5:
        raise Malformed(f"not a number of functions: {raw[:16]!r}")
    return int(digits)


def enabled(bus: Directory, name: str) -> Reading[int] | None:
    """The number of virtual functions of function `name`. Returns None if none is enabled."""
    path = f"{name}/sriov_numvfs"
    try:
        raw = bus.read(path)
    except FileNotFoundError:  # as for nearly every function
        return None
    except OSError as error:
        gap = gap_from(error, bus.prefix + path)
        return None if gap.why is Why.ABSENT else gap
    number = parse(raw, bus.prefix + path, count)
    return number if isinstance(number, Gap) or number.value else None


def ended(bus: Directory, name: str) -> bool:
    """Whether a function that had virtual functions shows none any more.

    This asks for the link to the first of them. To read `sriov_numvfs` waits for whoever changes
    the number.
    """
    try:
        bus.readlink(f"{name}/virtfn0")
    except OSError as error:
        return error.errno == errno.ENOENT
    return False
