"""What devices are, beside what decides: read for those that are shown, never for all groups.

It takes some 20 system calls a device, and the list of names 1.5 MB. No verdict rests on it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from vfioguard.device_facts import DeviceFacts
from vfioguard.fact import Fact, value_or
from vfioguard.kernel import devices, iommufd_node, vfio_dev
from vfioguard.kernel.devices import Device
from vfioguard.kernel.interrupts import irq
from vfioguard.kernel.pci import classes, driver_override, names, relations
from vfioguard.kernel.roles import needed
from vfioguard.kernel.roles.needed import Roles
from vfioguard.kernel.uevent import DISPLAY
from vfioguard.root import Root, listing

MDEV = "/sys/bus/mdev/devices"
#: Functions at most whose facts a capture has. It may not have as many members as more take.
_RECORDED = 1024


def facts(root: Root, asked: Collection[str], roles: Roles | None = None) -> dict[str, DeviceFacts]:
    """The facts of PCI functions and mediated devices, by name; others have none.

    `roles` are those of the host, or None to read them. `coherent` is left out, as it is inferred
    (judging/described.py).
    """
    known = list(_found(root, asked))
    called = names.read(root, {identity for device in known if (identity := _identity(device))})
    if roles is None:
        roles = needed.read(root, _displays(known))
    offered = iommufd_node.offered(root)
    described: dict[str, DeviceFacts] = {}
    for device in known:
        named = called.get(_identity(device) or "", (None, None))
        described[device.name] = _facts(root, device, named)._replace(
            roles=roles.roles(device.name), iommufd=offered
        )
    return described


def recorded(root: Root, recording: Root) -> bytes:
    """Read the facts of all functions through `recording`, unless they are too many for a capture.

    Returns the roles as a capture keeps them. They are read through `root`, as mounts and routes
    are private.
    """
    every = listing(root, devices.PCI)
    functions = every.value if isinstance(every, Fact) else ()
    roles = needed.read(root, functions)
    if len(functions) <= _RECORDED:
        facts(recording, functions, roles)
    return needed.text(roles)


def _found(root: Root, asked: Iterable[str]) -> Iterable[Device]:
    bus, irqs, mediated = root.under(devices.PCI), irq.directory(root), root.under(MDEV)
    for name in dict.fromkeys(asked):
        if devices.is_pci(name):
            device = devices.read_pci(bus, irqs, name)
        else:
            device = devices.read_other(mediated, irqs, name, name)
        if isinstance(device.uevent, Fact):
            yield device


def _physical(root: Root, name: str) -> str | None:
    return value_or(vfio_dev.physical(root.under(devices.PCI), name), None)


def _facts(root: Root, device: Device, called: tuple[str | None, str | None]) -> DeviceFacts:
    name = device.name
    code = device.uevent.value.pci_class if isinstance(device.uevent, Fact) else None
    pci = device.bus == "pci"
    return DeviceFacts(
        id=_identity(device),
        vendor_name=called[0],
        device_name=called[1],
        class_name=None if code is None else classes.words(code),
        physical_function=_physical(root, name) if pci else None,
        parent=None if pci else relations.mdev_parent(root, name),
        port=relations.port(root, name) if pci else None,
        numa_node=relations.numa_node(root, name) if pci else None,
        iommu=relations.unit(root, name) if pci else None,
        reset_methods=relations.reset_methods(root, name) if pci else None,
        msi_vectors=len(device.msi_irqs.value) if isinstance(device.msi_irqs, Fact) else None,
        msi_chip=device.chip.value if isinstance(device.chip, Fact) else None,
        roles=None,
        cdev=_node(device),
        driver_override=driver_override.override(root, name) if pci else None,
    )


def _node(device: Device) -> str | None:
    node = device.vfio.node if device.vfio is not None else None
    return f"{vfio_dev.NODES}/{node.value}" if isinstance(node, Fact) else None


def _identity(device: Device) -> str | None:
    """The id as people write it: "8086:10d3"."""
    identity = device.uevent.value.pci_id if isinstance(device.uevent, Fact) else None
    return None if identity is None else identity.lower()


def _displays(known: Iterable[Device]) -> list[str]:
    """The functions that may be the boot's VGA device."""
    return [
        device.name
        for device in known
        if isinstance(device.uevent, Fact) and (device.uevent.value.pci_class or 0) >> 16 == DISPLAY
    ]
