"""The PCI functions behind the default routes: /proc/net/route, /proc/net/ipv6_route.

`lower_*` links in /sys/class/net lead from a bond, bridge or VLAN to what it stands on
(Documentation/ABI/testing/sysfs-class-net; net/core/dev.c netdev_adjacent_sysfs_add()).
"""

from __future__ import annotations

from collections.abc import Callable

from vfioguard.fact import Fact, Gap, Malformed, Reading, Why, gap_from, parse
from vfioguard.kernel.devices import is_pci
from vfioguard.kernel.roles.paths import functions_in
from vfioguard.root import Root

IPV4, IPV6 = "/proc/net/route", "/proc/net/ipv6_route"
NET = "/sys/class/net"
#: The default route is the first in both files: they go from the shortest prefix on.
_SIZE = 1 << 20
_MOST = 256
#: include/uapi/linux/route.h: RTF_UP, RTF_REJECT.
_UP, _REJECT = 0x1, 0x200


def parse_ipv4(raw: bytes) -> frozenset[str]:
    """The interfaces of default routes (net/ipv4/fib_trie.c fib_route_seq_show())."""
    lines = raw.decode("ascii", "surrogateescape").splitlines()
    if not lines or not lines[0].startswith("Iface"):
        raise Malformed("no heading of routes")
    names: set[str] = set()
    for line in lines[1:]:
        fields = line.split()
        if len(fields) > 7 and fields[1] == fields[7] == "0" * 8 and _used(fields[3]):
            names.add(fields[0])
    return frozenset(names)


def parse_ipv6(raw: bytes) -> frozenset[str]:
    """The interfaces of default routes (net/ipv6/ip6_fib.c ipv6_route_seq_show())."""
    names: set[str] = set()
    for line in raw.decode("ascii", "surrogateescape").splitlines():
        fields = line.split()
        if len(fields) != 10:
            continue  # the last line of a large file was cut
        if fields[:2] == ["0" * 32, "00"] and _used(fields[8]) and fields[9] != "lo":
            names.add(fields[9])
    return frozenset(names)


def _used(flags: str) -> bool:
    try:
        number = int(flags, 16)
    except ValueError:
        return False
    return bool(number & _UP) and not number & _REJECT


def default_interfaces(root: Root) -> Reading[frozenset[str]]:
    """The interfaces with a default route of either protocol. A kernel may lack IPv6."""
    first, second = (_read(root, path, parser) for path, parser in _FILES)
    if isinstance(first, Gap):
        return first
    if isinstance(second, Gap):
        return first if second.why is Why.ABSENT else second
    return Fact(first.value | second.value, first.raw, first.source)


_FILES = ((IPV4, parse_ipv4), (IPV6, parse_ipv6))


def _read(
    root: Root, path: str, parser: Callable[[bytes], frozenset[str]]
) -> Reading[frozenset[str]]:
    try:
        raw = root.head(path, _SIZE)
    except OSError as error:
        return gap_from(error, path)
    return parse(raw, path, parser)


def functions(root: Root, interfaces: frozenset[str]) -> tuple[frozenset[str], bool]:
    """The functions behind the interfaces, and whether each interface's are known.

    Those of a tunnel or a virtual switch are not.
    """
    behind: set[str] = set()
    whole = True
    seen: set[str] = set()
    waiting = sorted(interfaces)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        if len(seen) >= _MOST:
            return frozenset(behind), False
        seen.add(name)
        try:
            own = set(functions_in(root.readlink(f"{NET}/{name}")))
            entries = root.listdir(f"{NET}/{name}")
        except OSError:
            whole = False
            continue
        lower = [entry.removeprefix("lower_") for entry in entries if entry.startswith("lower_")]
        behind |= own
        whole = whole and bool(own or lower)
        waiting += lower
    return frozenset(behind), whole and bool(behind or not interfaces)


def function_of(root: Root, interface: str) -> str | None:
    """The PCI function that an interface is of. Returns None if it is of none, or of a part of one.

    A part, such as a subfunction, cannot be handed over alone. The interface of virtio is that of
    the whole function (drivers/virtio/virtio_pci_common.c virtio_pci_probe()).
    """
    try:
        parent = root.readlink(f"{NET}/{interface}/device").rpartition("/")[2]
        path = root.readlink(f"{NET}/{interface}")
    except OSError:
        return None
    if is_pci(parent):
        return parent
    functions = list(functions_in(path)) if parent.startswith("virtio") else []
    return functions[-1] if functions else None
