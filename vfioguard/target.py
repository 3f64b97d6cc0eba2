"""What people name on a host: a group or a device, as they have it at hand.

`group:12` is also `group 12`, /dev/vfio/12 (or noiommu-12), and the group's directory in sysfs. A
PCI address may lack its domain, be in capitals, be libvirt's `pci_0000_01_00_0`, or end a path.
`8086:10d3` are all functions with this id. /dev/vfio/devices/vfio3 is the device of that node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter

from vfioguard import unchanged, wording
from vfioguard.attach import Ask
from vfioguard.places import Function, Places
from vfioguard.report import GroupReport, Missing, Report, UngroupedDevice
from vfioguard.verdict import Outcome

_GROUP = "group:"
_NOIOMMU = "/dev/vfio/noiommu-"
#: What stands before a group's number where people see it; drivers/vfio/group.c names the nodes.
_BEFORE_A_NUMBER = (
    _GROUP,
    "group ",
    _NOIOMMU,
    "/dev/vfio/",
    "/sys/kernel/iommu_groups/",
)
_NODE = "/dev/vfio/devices/"
_NODEDEV = "pci_"
#: A path has at most so many characters (PATH_MAX), so a longer target names nothing.
_LONGEST = 4096
#: IFNAMSIZ less its end, include/uapi/linux/if.h.
_INTERFACE = 15
_HEX = frozenset("0123456789abcdef")
#: Names that are listed.
_LISTED = 8
_number: Callable[[GroupReport], int] = attrgetter("id")


class NoTarget(LookupError):
    """The host has no such group or device. The message is one line and says which there are."""


class Targets:
    """The groups and devices of one report by their names.

    `places` are those of the report, if they are at hand. `interfaces` maps the names of network
    interfaces to their functions. It is None if nobody looked.
    """

    def __init__(
        self,
        report: Report,
        places: Places | None = None,
        interfaces: Mapping[str, str] | None = None,
    ) -> None:
        self._report = report
        self.places = places or Places(report)
        self._interfaces = interfaces

    def find(self, target: str) -> GroupReport | UngroupedDevice:
        """The group that a target names or is in, or the device if it is in none.

        Raises `NoTarget`.
        """
        return self._find(target, self.canonical(target))

    def _find(self, target: str, name: str) -> GroupReport | UngroupedDevice:
        named = self._group(name) if name.startswith(_GROUP) else self._device(name)
        if named is None or _is_ordinary(target, named):
            raise NoTarget(self._missing(target))
        return named

    def groups(self, asks: Iterable[Ask]) -> list[GroupReport]:
        """The groups of these targets, by number."""
        distinct = {ask.target: ask for ask in asks}.values()
        numbers = {number for ask in distinct for number, _ in ask.functions if number is not None}
        groups = [self._numbered(number) for number in sorted(numbers)]
        return [group for group in groups if group is not None]

    def asks(self, targets: Iterable[str]) -> list[Ask | Missing]:
        """What `check` asks of each target, in their order; the same target is looked up once."""
        known: dict[str, Ask | Missing] = {}
        asks: list[Ask | Missing] = []
        for target in targets:
            if target not in known:
                try:
                    known[target] = self.ask(target)
                except NoTarget as error:
                    known[target] = Missing(target, str(error))
            asks.append(known[target])
        return asks

    def ask(self, target: str) -> Ask:
        """What `check` asks of a target. Raises `NoTarget`."""
        identity = None if target in self.places else identity_of(target)
        if identity is not None:
            return Ask(identity, self._with_id(target, identity))
        name = self.canonical(target)
        named = self._find(target, name)
        shown = target if self._interfaces and target in self._interfaces else name
        if isinstance(named, UngroupedDevice):
            return Ask(shown, ((None, named.name),))
        if not name.startswith(_GROUP):
            return Ask(shown, ((named.id, name),))
        functions = [(named.id, device.name) for device in named.devices]
        return Ask(name, tuple(functions) or ((named.id, ""),), group=named.id)

    def canonical(self, target: str) -> str:
        """The name that the kernel has for a target; any other target as it is.

        Raises `NoTarget` if an address lacks its domain and several domains have it, or if several
        functions have the id.
        """
        if target in self.places:
            return target  # before all else, as scripts copy the name
        name = spelled(target)
        if name.startswith(_GROUP):
            return name
        if target.startswith(_NODE):
            return self.places.nodes.get(target.removeprefix(_NODE), name)
        if self._interfaces and target in self._interfaces:
            return self._interfaces[target]
        identity = identity_of(target)
        if identity is not None:
            return self._only(identity, [each for _, each in self._with_id(target, identity)])
        from vfioguard.bdf import parse_bdf  # it compiles patterns

        bdf = parse_bdf(name) if len(name) < _LONGEST else None
        if bdf is None:
            return name
        if name.count(":") == 2:
            return str(bdf)
        return self._in_any_domain(name.lower()) or str(bdf)

    def _with_id(self, target: str, identity: str) -> tuple[Function, ...]:
        functions = self.places.with_id.get(identity)
        if functions is None:
            raise NoTarget(self._missing(target))
        return functions

    @staticmethod
    def _only(identity: str, names: list[str]) -> str:
        if len(names) > 1:
            which = wording.listed(names)
            raise NoTarget(f"{identity} is {len(names)} functions: say which, {which}")
        return names[0]

    def _in_any_domain(self, short: str) -> str | None:
        """The device with this address in its domain; None if there is none.

        Raises `NoTarget` if there are several.
        """
        there = (f"{domain}:{short}" for domain in self.places.domains)
        names = [name for name in there if name in self.places]
        if len(names) > 1:
            listed = wording.listed(names)
            raise NoTarget(f"{short} is in {len(names)} PCI domains: say which, {listed}")
        return names[0] if names else None

    def _group(self, target: str) -> GroupReport | None:
        digits = target.removeprefix(_GROUP)
        return self._numbered(int(digits)) if _is_number(digits) else None

    def _numbered(self, number: int) -> GroupReport | None:
        place = unchanged.numbered(self._report.groups, number, _number)
        return None if place is None else self._report.groups[place]

    def _device(self, name: str) -> GroupReport | UngroupedDevice | None:
        """A device that is in a group goes before another of its name that is in none."""
        number = self.places.group_of.get(name)
        return self.places.ungrouped.get(name) if number is None else self._numbered(number)

    def _missing(self, target: str) -> str:
        """The line that says what is not there, and which names are like it."""
        gap = self._report.groups_read
        if gap is not None and gap.why != "absent":
            return wording.not_known(target, gap)
        from vfioguard.nearest import around, slips  # only a wrong name needs it

        places, name = self.places, spelled(target) if len(target) < _LONGEST else ""
        before = next((each for each in _BEFORE_A_NUMBER if target.startswith(each)), None)
        if before is not None and not target.startswith(_NODE):
            digits = name.removeprefix(_GROUP).removeprefix(before).rstrip("/ ")
            close = slips(digits, lambda each: self._group(f"{_GROUP}{each}") is not None)
            near = [f"{_GROUP}{number}" for number in self._groups_around(digits)]
            close = [f"{_GROUP}{each}" for each in close]
            return wording.missing(target, "IOMMU group", close, near, len(self._report.groups))
        if target.startswith(_NODE):
            nodes = [f"{_NODE}{node}" for node in places.nodes]
            return wording.missing(target, "node of a device", [], nodes[:_LISTED], len(nodes))
        identity = identity_of(target)
        if identity is not None:
            close = slips(identity, places.with_id.__contains__)
            near = around(identity, places.ids, _LISTED)
            return wording.missing(target, "function with the id", close, near, len(places.ids))
        close = self._as_number(name) or slips(name, places.__contains__)
        close = close or self._slips_of_short(name)
        near = around(name.lower(), places.ordered, _LISTED)
        text = wording.missing(target, "device", close, near, len(places.ordered))
        if self._interfaces is None and may_be_interface(target):
            text += "; network interfaces are known by name to `vfioguard check` alone"
        return text

    def _as_number(self, name: str) -> list[str]:
        """The group that a bare number may mean, or one right behind the word."""
        target = f"{_GROUP}{name.lower().removeprefix('group')}"
        return [target] if self._group(target) is not None else []

    def _slips_of_short(self, name: str) -> list[str]:
        """The devices whose address in some domain is like `name`, an address without one."""
        from vfioguard.nearest import slips

        if name.count(":") != 1:
            return []
        domains = self.places.domains[:_LISTED]
        close = [slips(f"{domain}:{name}", self.places.__contains__) for domain in domains]
        return [each for some in close for each in some][:_LISTED]

    def _groups_around(self, digits: str) -> list[int]:
        """The numbers of the groups around a number that is none's."""
        groups: Sequence[GroupReport] = self._report.groups
        low, high = 0, len(groups) if _is_number(digits) else 0
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if groups[middle].id < int(digits) else (low, middle)
        first = max(0, min(low - _LISTED // 2, len(groups) - _LISTED))
        return [group.id for group in groups[first : first + _LISTED]]


def _is_ordinary(target: str, named: GroupReport | UngroupedDevice) -> bool:
    """Whether the target is the node of a no-IOMMU group, and the group of this number is none.

    The interrupts of a no-IOMMU group have no verdict (inference/exempt.py).
    """
    if not target.startswith(_NOIOMMU) or isinstance(named, UngroupedDevice):
        return False
    return named.outcome is not Outcome.UNKNOWN


def spelled(target: str) -> str:
    """`group:N` or a name for what people have at hand; any other target as it is."""
    for before in _BEFORE_A_NUMBER:
        if target.startswith(before) or target[: len(_GROUP)].lower() == before:
            number = target[len(before) :].rstrip("/")
            if _is_number(number):
                return f"{_GROUP}{number}"
    if target.startswith("/sys/"):
        return target.rstrip("/").rpartition("/")[2]
    if target.startswith(_NODEDEV):
        parts = target.removeprefix(_NODEDEV).split("_", 4)
        if len(parts) == 4:
            return "{}:{}:{}.{}".format(*parts)
    return target


def identity_of(target: str) -> str | None:
    """The id "8086:10d3" for one in any case, with 0x, or in the brackets of `lspci -nn`.

    Returns None for any other target.
    """
    if len(target) > len("[0x8086:0x10d3]"):
        return None
    text = target.lower()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    parts = [part.removeprefix("0x") for part in text.split(":")]
    if len(parts) == 2 and all(len(part) == 4 and _HEX.issuperset(part) for part in parts):
        return ":".join(parts)
    return None


def may_be_interface(target: str) -> bool:
    """Whether a network interface may have this name (net/core/dev.c dev_valid_name())."""
    if not 0 < len(target) <= _INTERFACE or target in {".", ".."}:
        return False
    return target.isascii() and target.isprintable() and not set(target) & set(" /:")


def _is_number(digits: str) -> bool:
    """Whether this is a group's number as the kernel prints it."""
    plain = len(digits) < 10 and digits.isascii() and digits.isdecimal()
    return plain and str(int(digits)) == digits
