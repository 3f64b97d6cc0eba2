"""Which devices the running host itself needs: without them it would stop, or be out of reach.

A capture has the roles alone, because mounts and routes are private (`text`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vfioguard.fact import Gap
from vfioguard.kernel.devices import is_pci
from vfioguard.kernel.roles import console, mounts, network
from vfioguard.kernel.roles.block import Disks, Found
from vfioguard.root import Root
from vfioguard.typed import NamedTuple

#: Where a capture has the roles.
RECORDED = "/CAPTURE/roles"
_SIZE = 1 << 20
#: The mount points that count. The paths of others are nobody's concern.
_POINTS = ("/", "/boot")
SWAP, NETWORK, DISPLAY, LINE = (
    "a disk with swap",
    "the interface of the default route",
    "the console's display",
    "the serial console",
)
_KNOWN = frozenset({*(f"the disk of {point}" for point in _POINTS), SWAP, NETWORK, DISPLAY, LINE})


class Roles(NamedTuple):
    """Function -> its roles. `unknown` are the roles that other functions may have too."""

    of: Mapping[str, tuple[str, ...]]
    unknown: tuple[str, ...]

    def roles(self, name: str) -> tuple[str, ...] | None:
        """The roles of a device. Returns None if it has none that is known but may have one."""
        known = self.of.get(name, ())
        return None if not known and self.unknown else known


def host_critical(root: Root, names: Iterable[str]) -> dict[str, str]:
    """Those of the devices `names` that the host needs, each with its roles in words.

    A device that is missing may have a role that is not known (`read(...).unknown`).
    """
    asked = list(names)
    known = read(root, asked).of
    return {name: ", ".join(known[name]) for name in asked if name in known}


def read(root: Root, names: Iterable[str]) -> Roles:
    """The roles of the host's functions. `names` are those that may be the boot's VGA device."""
    try:
        return _recorded(root.read(RECORDED, _SIZE))
    except OSError:
        return _found(root, names)


def text(roles: Roles) -> bytes:
    """The roles as a capture keeps them: a function or "?" and a role in each line."""
    lines = [f"{name} {role}\n" for name, many in sorted(roles.of.items()) for role in many]
    return "".join([*lines, *(f"? {role}\n" for role in roles.unknown)]).encode()


def _recorded(raw: bytes) -> Roles:
    of: dict[str, tuple[str, ...]] = {}
    unknown: list[str] = []
    for line in raw.decode("ascii", "replace").splitlines():
        name, _, role = line.partition(" ")
        if role not in _KNOWN or not (name == "?" or is_pci(name)):
            continue  # a stranger wrote it
        if name == "?":
            unknown.append(role)
        else:
            of[name] = (*of.get(name, ()), role)
    return Roles(of, tuple(unknown))


def _found(root: Root, names: Iterable[str]) -> Roles:
    of: dict[str, tuple[str, ...]] = {}
    unknown: list[str] = []

    def note(role: str, functions: Iterable[str], *, whole: bool) -> None:
        for name in sorted(functions):
            if role not in of.get(name, ()):
                of[name] = (*of.get(name, ()), role)
        if not whole and role not in unknown:
            unknown.append(role)

    for role, disks in _disks(root):
        note(role, disks.functions, whole=disks.whole)
    routes = network.default_interfaces(root)
    if isinstance(routes, Gap):
        note(NETWORK, (), whole=False)
    else:
        functions, whole = network.functions(root, routes.value)
        note(NETWORK, functions, whole=whole)
    note(DISPLAY, console.displays(root, names), whole=True)
    note(LINE, console.lines(root), whole=True)
    return Roles(of, tuple(unknown))


def _disks(root: Root) -> Iterable[tuple[str, Found]]:
    unknown = Found(frozenset(), whole=False)
    every = mounts.mounts(root)
    swaps = mounts.swaps(root)
    disks = Disks(root, () if isinstance(every, Gap) else every.value)
    for point in _POINTS:
        role = f"the disk of {point}"
        if isinstance(every, Gap):
            yield role, unknown
            continue
        here = [mount for mount in every.value if mount.point == point]
        if not here and point == "/":
            yield role, unknown
        for mount in here:  # one may be mounted over another, which still holds its files
            yield role, disks.of_mount(mount)
    if isinstance(swaps, Gap):
        yield SWAP, unknown
        return
    for swap in swaps.value:
        yield SWAP, disks.of_file(swap.path) if swap.file else disks.of_node(swap.path)
