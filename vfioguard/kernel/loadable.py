"""Why the module vfio-pci cannot be loaded on this boot.

A lack of files is proved only by a list of others: a container or a recording may have none.
"""

from __future__ import annotations

from vfioguard.fact import Fact, Reading
from vfioguard.kernel.identity.config import Config
from vfioguard.kernel.identity.osrelease import Release
from vfioguard.root import Root, listing, reading, text

DISABLED = "/proc/sys/kernel/modules_disabled"
MODULES = "/lib/modules"
#: vfio-pci and the modules that it needs.
_NEEDED = frozenset({"vfio_pci", "vfio_pci_core", "vfio"})
_OPTION = "module_blacklist"


def hindrance(
    root: Root,
    release: Reading[Release],
    config: Reading[Config],
    options: Reading[tuple[str, ...]],
) -> Fact[str] | None:
    """What keeps vfio-pci from being loaded. Returns None if nothing does, or if it is loaded.

    kernel/module/main.c (6.12.118): blacklisted() refuses what `module_blacklist=` names, and
    may_init_module() refuses every module once `modules_disabled` is 1.
    """
    if isinstance(config, Fact) and config.value.get("VFIO_PCI") == "y":
        return None
    if isinstance(listing(root, "/sys/module/vfio_pci"), Fact):
        return None
    for word in options.value if isinstance(options, Fact) else ():
        name, _, value = word.partition("=")
        if name == _OPTION and not _NEEDED.isdisjoint(value.split(",")):
            return Fact(f"{word} is on the command line", word.encode(), options.source)
    disabled = reading(root, DISABLED, text)
    if isinstance(disabled, Fact) and disabled.value == "1":
        return Fact("kernel.modules_disabled is 1", disabled.raw, disabled.source)
    return _missing(root, release)


def _missing(root: Root, release: Reading[Release]) -> Fact[str] | None:
    """Whether the modules of other kernels are there, and those of the running one are not."""
    kernels = listing(root, MODULES)
    if not isinstance(kernels, Fact) or not isinstance(release, Fact):
        return None
    running = release.value.text
    if not kernels.value or running in kernels.value:
        return None
    return Fact(f"{MODULES} has no modules of {running}", kernels.raw, kernels.source)
