"""The facts of a device for a person: what is known, and nothing about the rest."""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.device_facts import DeviceFacts


def facts_lines(facts: DeviceFacts) -> Iterator[str]:
    """A few short lines. A device about which nothing is known has none."""
    for parts in (_what(facts), _where(facts), _interrupts(facts), _iommufd(facts)):
        known = [part for part in parts if part]
        if known:
            yield ", ".join(known)
    if facts.roles:
        yield f"the host needs it: {', '.join(facts.roles)}"
    elif facts.roles is None:
        yield "whether the host needs it is not known"


def _what(facts: DeviceFacts) -> Iterator[str]:
    names = [name for name in (facts.vendor_name, facts.device_name) if name]
    yield " ".join([facts.id or "", *names]).strip()
    yield facts.class_name or ""
    if facts.physical_function:
        yield f"virtual function of {facts.physical_function}"
    if facts.parent:
        yield f"part of {facts.parent}"
    if facts.driver_override:
        yield f"kept for {facts.driver_override} by its driver_override"


def _where(facts: DeviceFacts) -> Iterator[str]:
    if facts.iommu:
        yield f"behind {facts.iommu}"
    if facts.port:
        yield f"below {facts.port}"
    if facts.numa_node is not None:
        yield f"NUMA node {facts.numa_node}"


def _interrupts(facts: DeviceFacts) -> Iterator[str]:
    if facts.msi_vectors:
        word = "MSI" if facts.msi_vectors == 1 else "MSIs"
        yield f"{facts.msi_vectors} {word} of {facts.msi_chip or 'an unknown chip'}"
    if facts.reset_methods is not None:
        yield f"resets: {' '.join(facts.reset_methods) or 'none'}"


def _iommufd(facts: DeviceFacts) -> Iterator[str]:
    if facts.cdev:
        state = {True: "", False: ", which is not complete", None: ", whose rest is not known"}
        yield f"iommufd by {facts.cdev}{state[facts.iommufd_complete]}"
