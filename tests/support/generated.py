"""Hypothesis strategies for whole hosts."""

from __future__ import annotations

import errno

from hypothesis import strategies as st

from tests.support.functions import CONFIG_WITH_MSI, CONFIG_WITHOUT_MSI, Function
from tests.support.hosts import arm_host, x86_host
from vfioguard.root.memory import Entry, Link, Refused

RELEASES = ("4.9.0", "4.12.0", "5.10.0", "6.1.0", "6.2.0", "6.12.0-amd64", "7.3.4")
_ERRNOS = (errno.EIO, errno.EACCES, errno.ENODEV, errno.EAGAIN, 524)
#: The entries that a file can turn into: nothing, noise, an error, another kind of file.
BROKEN: tuple[Entry, ...] = (
    b"",
    b"garbage\n",
    b"\xff\xfe\x00",
    b"x" * 4097,
    Link("."),
    Link("../../../../../etc/passwd"),
    None,
    *map(Refused, _ERRNOS),
)


@st.composite
def functions(draw: st.DrawFn, index: int) -> Function:
    chips = ("IR-PCI-MSIX", "PCI-MSIX", "ITS-PCI-MSIX", "GICv2m-PCI-MSIX", "NEW-MSI", None)
    return Function(
        f"0000:{index + 1:02x}:00.0",
        draw(st.sampled_from(chips)),
        driver=draw(st.sampled_from([None, "e1000e", "vfio-pci"])),
        config=draw(st.sampled_from([CONFIG_WITH_MSI, CONFIG_WITHOUT_MSI])),
        awake=draw(st.booleans()),
    )


@st.composite
def hosts(draw: st.DrawFn) -> dict[str, Entry]:
    """A host of either architecture; its parts need not fit together."""
    groups: dict[int, list[Function | str]] = {}
    for index in range(draw(st.integers(0, 5))):
        groups.setdefault(draw(st.integers(0, 3)), []).append(draw(functions(index)))
    if draw(st.booleans()):
        groups.setdefault(draw(st.integers(0, 4)), []).append("PNP0103:00")
    release = draw(st.sampled_from(RELEASES))
    override = draw(st.sampled_from([None, False, True]))
    if draw(st.booleans()):
        return arm_host(groups, release=release, override=override)
    return x86_host(groups, release=release, override=override, remapping=draw(st.booleans()))


@st.composite
def broken_hosts(draw: st.DrawFn) -> dict[str, Entry]:
    """A host in which some files turned into something else."""
    host = draw(hosts())
    files = sorted(path for path, entry in host.items() if isinstance(entry, bytes))
    for path in draw(st.sets(st.sampled_from(files), max_size=6)):
        host[path] = draw(st.sampled_from(BROKEN))
    return host
