"""/proc/sys/kernel/random/boot_id: a random UUID that the kernel makes at each boot (random(4)).

The Snapshot does not have it: no verdict needs it, and a capture must not name a machine's boot.
"""

from __future__ import annotations

import re

from vfioguard.fact import Malformed, Reading
from vfioguard.root import Root, reading, text

PATH = "/proc/sys/kernel/random/boot_id"

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def parse(raw: bytes) -> str:
    """ "%pU" of lib/vsprintf.c, lower case."""
    uuid = text(raw)
    if _UUID.fullmatch(uuid) is None:
        raise Malformed(f"not a UUID: {uuid!r:.64}")
    return uuid


def read(root: Root) -> Reading[str]:
    """The id of this boot."""
    return reading(root, PATH, parse)
