"""/proc/sys/kernel/random/boot_id: a random UUID that is made anew at each boot (random(4)).

It is no part of the Snapshot: no verdict needs it, and a capture must not name a machine's boot.
"""

from __future__ import annotations

import re

from vfioguard.fact import Malformed, Reading
from vfioguard.root import Root, reading, text

PATH = "/proc/sys/kernel/random/boot_id"

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def parse(raw: bytes) -> str:
    """ "%pU" of lib/vsprintf.c, lower case."""
    found = text(raw)
    if _UUID.fullmatch(found) is None:
        raise Malformed(f"not a UUID: {found!r:.64}")
    return found


def read(root: Root) -> Reading[str]:
    """The running kernel's boot."""
    return reading(root, PATH, parse)
