"""A synthetic host that changes, step by step, and what the kernel would tell of each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hypothesis import strategies as st

from tests.support.functions import (
    CONFIG_WITHOUT_MSI,
    Function,
    device_directory,
    home,
    link_device,
)
from tests.support.hosts import arm_host, x86_host
from vfioguard.kernel.devices import is_pci
from vfioguard.root.memory import Entry, Link

_UNITS = {
    "intel": "/sys/devices/virtual/iommu/dmar0",
    "amd": "/sys/devices/virtual/iommu/ivhd0",
    "arm": "/sys/devices/platform/arm-smmu-v3.0.auto/iommu/smmu3.0x0000000009050000",
}
_RELEASES = ("4.12.0", "6.1.0", "6.12.0-amd64", "7.3.4")
_DIRECT = b"0x000000007b800000 0x000000007fffffff direct\n"
_REGIONS = b"0x00000000fee00000 0x00000000feefffff msi\n"


#: A physical function and its virtual one, and a device that vfio-pci's denylist has.
PHYSICAL, VIRTUAL = "0000:01:00.0", "0000:03:00.0"
LISTED = "0000:05:00.0"
_DENYLIST = "/sys/module/vfio_pci/parameters/disable_denylist"


class Machine(NamedTuple):
    """The parts of a host that do not change while it runs.

    `listed`: /sys/kernel/iommu_groups is there; a container may not have it. `cdev`: each device on
    a VFIO driver has a node of its own.
    """

    vendor: str = "intel"
    release: str = "6.12.0-amd64"
    remapping: bool = True
    cmdline: bytes = b""
    listed: bool = True
    cdev: bool = False


class Living(NamedTuple):
    """A host at one moment; `functions` maps a device to its function, and its group or None.

    `unlinked` are devices that the IOMMU manages and does not name. `vfs` are the virtual functions
    of PHYSICAL. `denied` is vfio-pci's `disable_denylist`, or None if the module is not loaded.
    """

    machine: Machine
    functions: Mapping[str, tuple[Function, int | None]]
    override: bool | None = False
    types: Mapping[int, bytes] = {}
    unlinked: frozenset[str] = frozenset()
    vfs: int = 0
    denied: bool | None = False

    def entries(self) -> dict[str, Entry]:
        """The host's files."""
        vendor, release, cmdline = self.machine.vendor, self.machine.release, self.machine.cmdline
        if vendor == "arm":
            entries = arm_host({}, release=release, override=self.override, cmdline=cmdline)
        else:
            entries = x86_host(
                {}, release=release, override=self.override, cmdline=cmdline,
                vendor=vendor, remapping=self.machine.remapping,
            )  # fmt: skip
        entries["/sys/kernel/iommu_groups"] = None
        dated = not release.startswith(("4.", "5.", "6.1."))
        for name, (function, group) in self.functions.items():
            entries |= device_directory(function, _first_irq(name), dated=dated)
            entries |= self._on_vfio(function)
            if group is not None:
                listed = f"/sys/kernel/iommu_groups/{group}"
                entries[f"{listed}/type"] = self.types.get(group, b"DMA\n")
                entries.setdefault(f"{listed}/reserved_regions", _REGIONS)
                if name.startswith("0000:04"):  # firmware keeps memory for this one
                    entries[f"{listed}/reserved_regions"] = _DIRECT + _REGIONS
                entries |= link_device(function, group, _UNITS[vendor])
                if name in self.unlinked:
                    del entries[f"{_UNITS[vendor]}/devices/{name}"]
                    del entries[f"{home(function)}/iommu"]
        if self.denied is not None:
            entries[_DENYLIST] = b"Y\n" if self.denied else b"N\n"
        if not self.machine.listed:
            groups = "/sys/kernel/iommu_groups"
            entries = {p: entry for p, entry in entries.items() if not p.startswith(groups)}
        return entries

    def _on_vfio(self, function: Function) -> dict[str, Entry]:
        """What only the attach of a function asks for, beside its interrupts."""
        name, place = function.name, home(function)
        more: dict[str, Entry] = {}
        if name == PHYSICAL:
            more[f"{place}/sriov_numvfs"] = b"%d\n" % self.vfs
            if self.vfs:
                more[f"{place}/virtfn0"] = Link(f"../{VIRTUAL}")
        if name == VIRTUAL:
            more[f"{place}/physfn"] = Link("../../pci0000:01/" + PHYSICAL)
        if name == LISTED:
            driver = b"" if function.driver is None else b"DRIVER=%s\n" % function.driver.encode()
            more[f"{place}/uevent"] = driver + b"PCI_CLASS=B4000\nPCI_ID=8086:37C8\n"
        if function.driver == "vfio-pci":
            node = f"{place}/vfio-dev/vfio{int(name[5:7], 16) if name[4] == ':' else 99}"
            more[node] = None
            if self.machine.cdev:
                more[f"{node}/dev"] = b"243:1\n"
        return more


class Told(NamedTuple):
    """What is known to have changed, by uevents, and by polling where there are none.

    `devices` are names. `listings`: a list of devices may differ. `machine`: a parameter differs.
    """

    devices: frozenset[str]
    listings: bool
    machine: bool


def told(before: Living, after: Living) -> Told:
    """What the kernel, or a look at the parameters, tells of the step from `before` to `after`."""
    names = before.functions.keys() | after.functions.keys()
    changed = {n for n in names if before.functions.get(n) != after.functions.get(n)}
    numbers = {
        n for n in {*before.types, *after.types} if before.types.get(n) != after.types.get(n)
    }
    if before.vfs != after.vfs and PHYSICAL in after.functions:
        # drivers/pci/iov.c sriov_enable(): KOBJ_CHANGE. A poll finds that none is left.
        changed.add(PHYSICAL)
    changed |= {n for n, (_, group) in after.functions.items() if group in numbers}
    places = {n: group for n, (_, group) in before.functions.items()}
    listings = places != {n: group for n, (_, group) in after.functions.items()}
    # On Arm the unit gets a function after its `add`, and before the `bind` of its driver.
    changed |= {n for n in before.unlinked - after.unlinked if n in after.functions and is_pci(n)}
    listings = listings or not before.unlinked >= after.unlinked
    listings = listings or not all(map(is_pci, before.unlinked - after.unlinked))
    machine = (before.override, before.denied) != (after.override, after.denied)
    return Told(frozenset(changed), listings, machine)


def _first_irq(name: str) -> int:
    return 1000 + 16 * sum(ord(letter) * 31**index for index, letter in enumerate(name)) % 10**8


_NAMES = (
    *(f"0000:{bus:02x}:00.0" for bus in range(1, 6)),
    "10000:e1:00.0",
    "0000:00:14.0",
    "PNP0103:00",
)


@st.composite
def functions(draw: st.DrawFn, name: str, vendor: str) -> Function:
    prefixes = ("ITS", "GICv2m", "NEW") if vendor == "arm" else ("IR", "", "VMD", "IR")
    prefix = draw(st.sampled_from((None, *prefixes)))
    chip = None if prefix is None else f"{prefix}-PCI-MSIX".removeprefix("-")
    # A device keeps its capabilities for ever, and its reader asks for them only once.
    config = CONFIG_WITHOUT_MSI if name.startswith("0000:02") else Function("").config
    driver = draw(st.sampled_from((None, "e1000e", "vfio-pci", "vmd")))
    return Function(name, chip, driver, config=config, awake=not name.startswith("0000:03"))


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    return Machine(
        vendor=draw(st.sampled_from(sorted(_UNITS))),
        release=draw(st.sampled_from(_RELEASES)),
        remapping=draw(st.booleans()),
        cmdline=draw(st.sampled_from((b"", b"intremap=off", b"irqchip.gicv3_nolpi=1"))),
        listed=draw(st.sampled_from((True, True, True, False))),
        cdev=draw(st.booleans()),
    )


@st.composite
def steps(draw: st.DrawFn, host: Living) -> Living:
    """The host's next moment: a device came, left, moved or changed, or a parameter or type did."""
    kinds = ("change", "move", "remove", "type", "link", "override", "vfs", "denylist")
    kind = draw(st.sampled_from(("change", "change", *kinds)))
    if kind == "link":
        return host._replace(unlinked=draw(st.frozensets(st.sampled_from(_NAMES), max_size=2)))
    if kind == "vfs":
        return host._replace(vfs=draw(st.integers(0, 2)))
    if kind == "denylist":
        return host._replace(denied=draw(st.sampled_from((None, False, True))))
    if kind == "override":
        return host._replace(override=draw(st.sampled_from((None, False, True))))
    if kind == "type":
        number = draw(st.integers(0, 4))
        types = {
            **host.types,
            number: draw(st.sampled_from((b"identity\n", b"DMA-FQ\n", b"?\xff"))),
        }
        return host._replace(types=types)
    name = draw(st.sampled_from(_NAMES))
    functions_now = dict(host.functions)
    if kind == "remove":
        functions_now.pop(name, None)
        return host._replace(functions=functions_now)
    old, group = functions_now.get(name, (None, draw(st.none() | st.integers(0, 4))))
    if kind == "move":
        group = draw(st.none() | st.integers(0, 4))
    if kind == "change" or old is None:
        old = draw(functions(name, host.machine.vendor))
    functions_now[name] = old, group
    return host._replace(functions=dict(sorted(functions_now.items())))


@st.composite
def lives(draw: st.DrawFn, length: int = 12) -> list[Living]:
    """The moments of a host that begins without devices."""
    moments = [Living(draw(machines()), {})]
    for _ in range(draw(st.integers(1, length))):
        moments.append(draw(steps(moments[-1])))
    return moments
