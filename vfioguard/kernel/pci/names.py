"""pci.ids of hwdata, if the host has it: what vendors and devices are called (pci.ids(5)).

vfioguard ships no such list. The file has a line for each vendor, and below it one for each of its
devices, which begins with a tab.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from vfioguard.fact import printable_bytes
from vfioguard.root import Root

PATHS = ("/usr/share/hwdata/pci.ids", "/usr/share/misc/pci.ids")
#: Bytes at most; the list of 2026 has 1.6 MB.
_SIZE = 16 << 20
#: Characters of a name at most.
_LONGEST = 120


def read(root: Root, identities: Collection[str]) -> Mapping[str, tuple[str | None, str | None]]:
    """The names of vendor and device for ids such as "8086:10D3"; None for each not listed."""
    wanted = {identity: identity.lower().encode().split(b":") for identity in identities}
    pairs = {identity: (p[0], p[1]) for identity, p in wanted.items() if len(p) == 2}
    for path in PATHS if pairs else ():
        try:
            raw = root.read(path, _SIZE, lambda data: _select(data, pairs.values()))
        except OSError:
            continue
        lists = _lists(raw)
        return {identity: _names(lists, *pair) for identity, pair in pairs.items()}
    return {}


def _select(raw: bytes, pairs: Collection[tuple[bytes, bytes]]) -> bytes:
    """Keep the lines of these vendors and devices, because the list is long."""
    raw = b"\n" + raw
    kept: list[bytes] = []
    for vendor in sorted({vendor for vendor, _ in pairs}):
        start = raw.find(b"\n%s " % vendor) + 1
        if not start:
            continue
        block = _block(raw, start)
        kept.append(block[0])
        devices = tuple(b"\t%s " % device for owner, device in pairs if owner == vendor)
        kept += [line for line in block[1:] if line.startswith(devices)]
    return b"".join(line + b"\n" for line in kept)


def _block(raw: bytes, start: int) -> list[bytes]:
    """The lines of the vendor whose line begins at `start`; the next line without a tab ends it."""
    end = start
    while True:
        end = raw.find(b"\n", end)
        if end < 0 or raw[end + 1 : end + 2] not in {b"\t", b"#"}:
            break
        end += 1
    return raw[start : len(raw) if end < 0 else end].split(b"\n")


def _lists(raw: bytes) -> Mapping[bytes, Mapping[bytes, str]]:
    """Vendor -> device -> name; b"" stands for the vendor itself."""
    lists: dict[bytes, dict[bytes, str]] = {}
    of: dict[bytes, str] = {}
    for line in raw.split(b"\n"):
        number, _, name = line.strip(b"\t").partition(b" ")
        text = printable_bytes(name.strip())[:_LONGEST]
        if line.startswith(b"\t"):
            of.setdefault(number, text)
        elif number:
            of = lists.setdefault(number, {b"": text})
    return lists


def _names(
    lists: Mapping[bytes, Mapping[bytes, str]], vendor: bytes, device: bytes
) -> tuple[str | None, str | None]:
    known = lists.get(vendor, {})
    return known.get(b"") or None, known.get(device) or None
