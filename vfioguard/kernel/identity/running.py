"""The running kernel and its options: everything that stays the same during a boot."""

from __future__ import annotations

from vfioguard.fact import Fact, Gap, Reading
from vfioguard.kernel.identity import arch, cmdline, config, hypervisor, osrelease, symbols
from vfioguard.root import Root
from vfioguard.typed import TYPE_CHECKING, NamedTuple

# Most hosts do not need this parser, so `read` imports it.
if TYPE_CHECKING:
    from vfioguard.kernel.identity.stable import Stable


class Kernel(NamedTuple):
    """The running kernel. `stable` is None unless it may matter and `release` has no sublevel."""

    release: Reading[osrelease.Release]
    arch: Reading[str]
    predicate: Reading[symbols.Predicate]
    config: Reading[config.Config]
    cmdline: Reading[tuple[str, ...]]
    hypervisor: Reading[str]
    stable: Reading[Stable] | None = None


def read(root: Root, *, ivrs: bool) -> Kernel:
    """The running kernel. `ivrs`: whether the host has an IVRS.

    On an x86 stable releases changed only how an IVRS counts, so without one `stable` is not read.
    """
    release = osrelease.read(root)
    text = release.value.text if isinstance(release, Fact) else None
    kernel = Kernel(
        release=release,
        arch=arch.read(root, text),
        predicate=symbols.read(root),
        config=config.read(root, text),
        cmdline=cmdline.read(root),
        hypervisor=hypervisor.read(root),
    )
    told = isinstance(release, Gap) or release.value.sublevel is not None
    if told or (arch.is_x86(kernel.arch) and not ivrs):
        return kernel
    from vfioguard.kernel.identity import stable

    return kernel._replace(stable=stable.read(root))
