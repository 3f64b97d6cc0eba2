"""The PCI functions of the console: the boot's VGA device, the first framebuffer, serial lines.

`boot_vga` is 1 for the device that the firmware showed the boot on (drivers/pci/pci-sysfs.c
boot_vga_show()). /sys/class/tty/console/active names the consoles (drivers/tty/tty_io.c
show_cons_active()).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from vfioguard.kernel.devices import PCI
from vfioguard.kernel.roles.paths import functions_in
from vfioguard.root import Root

_FRAMEBUFFER = "/sys/class/graphics/fb0"
_TTY = "/sys/class/tty"
_VIRTUAL = re.compile(r"tty\d+")


def displays(root: Root, names: Iterable[str]) -> frozenset[str]:
    """Those of the functions `names` that the firmware booted on, and that of the framebuffer."""
    booted = {name for name in names if _is_boot_vga(root, name)}
    return frozenset([*booted, *_behind(root, _FRAMEBUFFER)])


def _behind(root: Root, link: str) -> list[str]:
    """The functions in the path that a link leads to; none if there is no such link."""
    try:
        return list(functions_in(root.readlink(link)))
    except OSError:
        return []


def _is_boot_vga(root: Root, name: str) -> bool:
    try:
        return root.read(f"{PCI}/{name}/boot_vga") == b"1\n"
    except OSError:
        return False


def lines(root: Root) -> frozenset[str]:
    """The functions of serial consoles."""
    behind: set[str] = set()
    try:
        active = root.read(f"{_TTY}/console/active").decode("ascii", "replace").split()
    except OSError:
        active = []
    for name in active[:16]:
        if _VIRTUAL.fullmatch(name) or "/" in name:
            continue
        behind.update(_behind(root, f"{_TTY}/{name}"))
    return frozenset(behind)
