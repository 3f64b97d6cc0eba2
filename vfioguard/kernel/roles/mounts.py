"""/proc/self/mountinfo and /proc/swaps: what holds /, /boot and the swap (proc(5)).

Their paths and names are private, so nobody records these files: a capture has the roles alone
(needed.py).
"""

from __future__ import annotations

import re

from vfioguard.fact import Malformed, Reading, gap_from, parse
from vfioguard.root import Root
from vfioguard.typed import NamedTuple

MOUNTS = "/proc/self/mountinfo"
SWAPS = "/proc/swaps"
#: Bytes at most: thousands of mounts, each of up to a page.
_SIZE = 8 << 20
_ESCAPE = re.compile(r"\\([0-7]{3})")


class Mount(NamedTuple):
    """A mounted file system: `number` is its device's "MAJOR:MINOR", `point` where it is mounted.

    The major number is 0 if it has no block device of its own (NFS, btrfs, ZFS, tmpfs).
    """

    number: str
    point: str
    kind: str
    source: str


class Swap(NamedTuple):
    """A swap area: a block device's node, or a file."""

    path: str
    file: bool


def parse_mounts(raw: bytes) -> tuple[Mount, ...]:
    """The lines in their order: "36 35 98:0 /root /mnt rw shared:1 - ext4 /dev/sda1 rw".

    fs/proc_namespace.c show_mountinfo(). Raises Malformed.
    """
    mounts: list[Mount] = []
    for line in raw.decode("ascii", "surrogateescape").splitlines():
        fields = line.split(" ")
        rest = fields[fields.index("-") + 1 :] if "-" in fields[6:] else []
        if len(rest) < 2 or not re.fullmatch(r"\d+:\d+", fields[2]):
            raise Malformed(f"not a mount: {line!a:.64}")
        mounts.append(
            Mount(number=fields[2], point=_plain(fields[4]), kind=rest[0], source=_plain(rest[1]))
        )
    return tuple(mounts)


def parse_swaps(raw: bytes) -> tuple[Swap, ...]:
    """The lines behind the heading: "/dev/dm-1 partition 8388604 0 -2".

    mm/swapfile.c swap_show(). Raises Malformed.
    """
    lines = raw.decode("ascii", "surrogateescape").splitlines()
    if not lines or not lines[0].startswith("Filename"):
        raise Malformed("no heading of swap areas")
    swaps: list[Swap] = []
    for line in lines[1:]:
        fields = line.split()
        if len(fields) < 2 or fields[1] not in {"partition", "file"}:
            raise Malformed(f"not a swap area: {line!a:.64}")
        swaps.append(Swap(_plain(fields[0]), fields[1] == "file"))
    return tuple(swaps)


def mounts(root: Root) -> Reading[tuple[Mount, ...]]:
    """What is mounted where this process runs."""
    try:
        raw = root.read(MOUNTS, _SIZE)
    except OSError as error:
        return gap_from(error, MOUNTS)
    return parse(raw, MOUNTS, parse_mounts)


def swaps(root: Root) -> Reading[tuple[Swap, ...]]:
    """The swap areas of the host."""
    try:
        raw = root.read(SWAPS, _SIZE)
    except OSError as error:
        return gap_from(error, SWAPS)
    return parse(raw, SWAPS, parse_swaps)


def around(every: tuple[Mount, ...], path: str) -> Mount | None:
    """The mount that holds `path`: the last of those with the longest point above it."""
    above = [m for m in every if path == m.point or path.startswith(m.point.rstrip("/") + "/")]
    longest = max((len(mount.point) for mount in above), default=0)
    return next((m for m in reversed(above) if len(m.point) == longest), None)


def _plain(text: str) -> str:
    """The text without the octal escapes of seq_escape(), as that of a blank."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)
