"""Which kernel is running, and what it was told: everything that is static in a boot."""

from typing import TYPE_CHECKING, NamedTuple

from vfioguard.fact import Fact, Gap, Reading
from vfioguard.kernel.identity import arch, cmdline, config, hypervisor, osrelease, symbols
from vfioguard.root import Root

# What most hosts do not need is imported where it is read.
if TYPE_CHECKING:
    from vfioguard.kernel.identity.stable import Stable
else:  # a name for the annotation below, which is no string (ARCHITECTURE.md)
    Stable = object


class Kernel(NamedTuple):
    """`stable` is read where the release has no sublevel, and something may turn on it."""

    release: Reading[osrelease.Release]
    arch: Reading[str]
    predicate: Reading[symbols.Predicate]
    config: Reading[config.Config]
    cmdline: Reading[tuple[str, ...]]
    hypervisor: Reading[str]
    stable: Reading[Stable] | None = None


def read(root: Root, *, ivrs: bool) -> Kernel:
    """`ivrs`: whether this host has one: of an x86 no stable release changed anything else."""
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
    if told or (is_x86(kernel) and not ivrs):
        return kernel
    from vfioguard.kernel.identity import stable

    return kernel._replace(stable=stable.read(root))


def is_x86(kernel: Kernel) -> bool:
    """Whether this is known to be an x86."""
    return isinstance(kernel.arch, Fact) and kernel.arch.value in {"x86_64", "i686"}
