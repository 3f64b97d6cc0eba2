"""Facts that only an advice needs: the machine's maker, what it runs in, what the host needs."""

from __future__ import annotations

from functools import cached_property

from vfioguard.fact import Reading
from vfioguard.root import Root
from vfioguard.typed import TYPE_CHECKING

# Each command makes a Site, and few ask it: the readers are imported by those that do.
if TYPE_CHECKING:
    from vfioguard.kernel.identity.boot_loader import BootLoader
    from vfioguard.kernel.identity.dmi import Machine
    from vfioguard.kernel.log import Log
    from vfioguard.kernel.roles.needed import Roles


class Site:
    """Reads each fact when somebody first asks for it. All sites are equal: they hold no facts."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._physical: dict[str, Reading[str]] = {}
        self._powered: dict[str, Reading[bool]] = {}
        self._roles: dict[tuple[str, ...], Roles] = {}
        self._options: dict[tuple[str, str], Reading[bool] | None] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Site)

    def __hash__(self) -> int:
        return hash(Site)

    def read(self) -> None:
        """Read all of them now: for a capture, or in a thread that may hang."""
        for name in ("boot_loader", "machine", "vendor", "virtual", "board"):
            getattr(self, name)

    def follow(self, before: Site) -> None:
        """Take the log from an earlier site of this boot, if somebody asked that one."""
        if "log" in vars(before):
            vars(self)["log"] = before.log

    @cached_property
    def log(self) -> Reading[Log]:
        """The kernel's log, which no verdict asks for where interrupts tell.

        What is asked of it here is printed while the kernel starts, so it is read once in a boot.
        """
        from vfioguard.kernel import log

        return log.read(self._root)

    @cached_property
    def boot_loader(self) -> BootLoader:
        """How the kernel gets its command line."""
        from vfioguard.kernel.identity import boot_loader

        return boot_loader.read(self._root)

    @cached_property
    def machine(self) -> Reading[Machine]:
        """The machine's names in DMI."""
        from vfioguard.kernel.identity import dmi

        return dmi.shown(self._root)

    @cached_property
    def vendor(self) -> Reading[str]:
        """The maker of an x86 processor: "GenuineIntel"."""
        from vfioguard.kernel.identity import processor

        return processor.vendor(self._root)

    @cached_property
    def virtual(self) -> Reading[bool]:
        """Whether an x86 processor says that a hypervisor runs below it."""
        from vfioguard.kernel.identity import processor

        return processor.virtual(self._root)

    def roles(self, names: tuple[str, ...]) -> Roles:
        """What the host needs its functions for. `names` may be the boot's VGA device."""
        if names not in self._roles:
            from vfioguard.kernel.roles import needed

            self._roles[names] = needed.read(self._root, names)
        return self._roles[names]

    def option(self, module: tuple[str, str]) -> Reading[bool] | None:
        """What modprobe.d sets (module, parameter) to at the next load; None if nothing."""
        if module not in self._options:
            from vfioguard.kernel import module_param

            self._options[module] = module_param.from_modprobe_d(self._root, *module)
        return self._options[module]

    def physical_function(self, name: str) -> Reading[str]:
        """The physical function of a virtual one. Returns a gap for other functions."""
        if name not in self._physical:
            from vfioguard.kernel import devices, vfio_dev

            self._physical[name] = vfio_dev.physical(self._root.under(devices.PCI), name)
        return self._physical[name]

    def power_management(self, name: str) -> Reading[bool]:
        """Whether a PCI function has the capability of power management."""
        if name not in self._powered:
            from vfioguard.kernel import devices
            from vfioguard.kernel.pci import pci_config

            bus = self._root.under(devices.PCI)
            self._powered[name] = pci_config.power_management(bus, name)
        return self._powered[name]

    @cached_property
    def board(self) -> Reading[tuple[str, ...]]:
        """The board by the root of a device tree: "raspberrypi,4-model-b", "linux,dummy-virt"."""
        from vfioguard.kernel.firmware import devicetree, devicetree_values
        from vfioguard.root import reading

        return reading(self._root, f"{devicetree.PATH}/compatible", devicetree_values.strings)
