"""Which module provides /dev/vfio/vfio: VFIO, or iommufd (CONFIG_IOMMUFD_VFIO_CONTAINER).

VFIO has container.c, and with it vfio_register_iommu_driver(), only with CONFIG_VFIO_CONTAINER
(drivers/vfio/Makefile). That option excludes iommufd's (drivers/iommu/iommufd/Kconfig). iommufd's
open() logs once that it is the provider (drivers/iommu/iommufd/main.c iommufd_fops_open()).
"""

from __future__ import annotations

from vfioguard.fact import Fact, Gap, Reading, Why, gap_from
from vfioguard.kernel.identity.symbols import KALLSYMS
from vfioguard.root import Root
from vfioguard.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from vfioguard.kernel.log import Log

_CONTAINER = b" vfio_register_iommu_driver"
#: Every VFIO that could be loaded beside iommufd has it. It shows that VFIO's names are listed.
_VFIO = b" vfio_register_group_dev"
_LINE = "IOMMUFD is providing /dev/vfio/vfio, not VFIO."


def read(root: Root, seen: Reading[Log] | None) -> Reading[bool]:
    """Whether VFIO provides it. `seen` is the kernel's log if that was read anyway, else None.

    The kernel formats /proc/kallsyms line by line (75 ms). The log takes thousands of system
    calls, so it is read here only if kallsyms does not tell.
    """
    logged = _logged(seen)
    if logged is not None:
        return logged
    listed = _listed(root)
    if isinstance(listed, Fact) or seen is not None:
        return listed
    from vfioguard.kernel import log

    return _logged(log.read(root)) or listed


def _logged(log: Reading[Log] | None) -> Fact[bool] | None:
    if log is None or isinstance(log, Gap):
        return None
    return Fact(False, _LINE.encode(), log.source) if _LINE in log.value else None


def _listed(root: Root) -> Reading[bool]:
    try:
        for name in (_CONTAINER, _VFIO):
            raw = root.search(KALLSYMS, (name,))
            if raw:
                return Fact(_CONTAINER in raw, raw, KALLSYMS)
    except OSError as error:
        return gap_from(error, KALLSYMS)
    return Gap(Why.ABSENT, KALLSYMS, "names nothing of VFIO: it is not loaded")
