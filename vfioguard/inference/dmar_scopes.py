"""The PCI functions that the device scopes of a DMAR mean (VT-d 5.0 8.3.1; policy.md 3.8).

drivers/iommu/intel/dmar.c dmar_match_pci_path(), dmar_insert_dev_scope(): Linux does not walk a
scope down the buses; it compares each function's way from the root bus with the scope's path. So
nobody needs the bus numbers of bridges, which only their configuration space holds.
"""

from __future__ import annotations

from collections.abc import Sequence

from vfioguard.fact import Gap, Why
from vfioguard.inference.functions import Function, Index
from vfioguard.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vfioguard.acpi import Unknown
    from vfioguard.acpi.dmar import Dmar, Drhd, Scope

_ENDPOINT, _BRIDGE = 1, 2
_OTHERS = {3: "an IO-APIC", 4: "an HPET", 5: "a device that only ACPI names"}
#: Classes of functions whose header is not an endpoint's: PCI and CardBus bridges.
_BRIDGE_HEADERS = frozenset({0x0604, 0x0607, 0x0609})
_BASE_CLASS_BRIDGE = 0x06


class Named(NamedTuple):
    """The functions that scopes name; `gaps` are scopes that nobody finds or Linux ignores."""

    functions: tuple[Function, ...]
    gaps: tuple[Gap, ...]


def named(
    segment: int,
    scopes: Sequence[Scope | Unknown],
    index: Index,
    source: str,
) -> Named:
    """The functions that the scopes of one structure mean; a bridge stands for all behind it."""
    functions: dict[str, Function] = {}
    gaps: list[Gap] = []
    for scope in scopes:
        function = _scope(segment, scope, index)
        if isinstance(function, str):
            gaps.append(Gap(Why.ABSENT, source, function))
        else:
            # Linux asks is_downstream_to_pci_bridge().
            functions |= {
                member.device.name: member for member in (function, *index.below(function))
            }
    return Named(tuple(functions.values()), tuple(gaps))


def unit_of(table: Dmar, function: Function) -> Drhd | None:
    """The remapping unit of a function (dmar_find_matched_drhd_unit()).

    For a virtual function pass its physical function. A unit that names the function or a bridge
    above it wins over the unit with INCLUDE_PCI_ALL. Returns None if there is no such unit, or if
    the bridges above the function are not known.
    """
    from vfioguard.acpi.dmar import Drhd

    if function.bdf is None:
        return None
    catch_all: Drhd | None = None
    for unit in table.units:
        if not isinstance(unit, Drhd) or unit.segment != function.bdf.domain:
            continue
        if unit.include_all:
            catch_all = catch_all or unit
            continue
        for scope in unit.scopes:
            meant = _means_or_is_above(scope, unit.segment, function)
            if meant or meant is None:
                return unit if meant else None
    return catch_all


def _means_or_is_above(scope: Scope | Unknown, segment: int, function: Function) -> bool | None:
    from vfioguard.acpi.dmar import Scope

    if not isinstance(scope, Scope) or scope.type not in {_ENDPOINT, _BRIDGE}:
        return False
    if function.above is None:
        return None
    chain = [function]
    for depth, bridge in enumerate(function.above):
        chain.append(function._replace(bdf=bridge, above=function.above[:depth]))
    return any(matches(scope, segment, step) for step in chain)


def matches(scope: Scope, segment: int, function: Function) -> bool | None:
    """Whether the scope's path is the function's way from the root bus; None if that is not known.

    A path of one step also names a function on its start bus, wherever that bus is, because some
    firmware writes assigned bus numbers ("RMRR entry for device ... is broken - applying
    workaround").
    """
    bdf, path = function.bdf, scope.path
    if bdf is None or bdf.domain != segment or not path or path[-1] != (bdf.device, bdf.function):
        return False
    if len(path) == 1:
        return bdf.bus == scope.start_bus
    if function.above is None:
        return None
    way = [(bridge.device, bridge.function) for bridge in function.above]
    root = function.above[0].bus if function.above else bdf.bus
    return root == scope.start_bus and tuple(way) == path[:-1]


def _scope(segment: int, scope: Scope | Unknown, index: Index) -> Function | str:
    """The function that a scope means, or why there is none."""
    from vfioguard.acpi.dmar import Scope

    if not isinstance(scope, Scope):
        return "a scope makes no sense"
    if scope.type not in {_ENDPOINT, _BRIDGE}:
        kind = _OTHERS.get(scope.type, f"a scope of type {scope.type}")
        return f"{kind} ({scope.enumeration_id}): Linux keeps no memory for it"
    way = written(segment, scope)
    unsure = False
    candidates = index.places(segment, *scope.path[-1]) if scope.path else ()
    for function in candidates:
        meant = matches(scope, segment, function)
        if meant:
            wrong = _mismatch(scope, function)
            text = f"{way} is {function.device.name}, {wrong}: Linux ignores it"
            return text if wrong else function
        unsure = unsure or meant is None
    if unsure:
        return f"{way}: no device there whose group shows such memory"
    return f"{way}: no such device here"


def _mismatch(scope: Scope, function: Function) -> str | None:
    """Why Linux says "Device scope type does not match", or None if it does not.

    The class stands for the header type, which is not read.
    """
    code = function.pci_class
    if code is None:
        return None
    bridge = code >> 8 in _BRIDGE_HEADERS
    if scope.type == _ENDPOINT and bridge:
        return "a bridge, and the table says endpoint"
    if scope.type == _BRIDGE and not bridge and code >> 16 != _BASE_CLASS_BRIDGE:
        return "an endpoint, and the table says bridge"
    return None


def written(segment: int, scope: Scope) -> str:
    """A scope as text: "0000:00:1c.0/00.0" is the start bus, then device and function by steps."""
    path = "/".join(f"{device:02x}.{function:x}" for device, function in scope.path)
    return f"{segment:04x}:{scope.start_bus:02x}:{path or 'nothing'}"
