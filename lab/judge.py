"""The kernel's answers of a boot beside vfioguard's.

Interrupts and the whole attach are two questions. SET_IOMMU of the container, or the bind of a
cdev, answers the first; all calls together answer the second.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from vfioguard.attach import Attach
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.report import GroupReport, Report
from vfioguard.root.opening import open_root

STATES = ("as-booted", "bound")


class Compared(NamedTuple):
    """What the kernel said of a group, and what we say; None if we do not know.

    True is an attach that succeeds: as far as the interrupts decide, or as a whole.
    """

    group: dict[str, Any]
    backend: str
    kernel: bool
    ours: bool | None


def states(folder: str) -> list[str]:
    """Those that were recorded: a boot in which nothing could be bound has the first alone."""
    return [state for state in STATES if os.path.exists(capture(folder, state))]


def capture(folder: str, state: str) -> str:
    """The path of the capture of one state."""
    return f"{folder}/{state}.tar.xz"


def report(folder: str, state: str) -> Report:
    """What this checkout of vfioguard says of a capture."""
    return evaluate(take(open_root(capture(folder, state))), "now")


def needs_override(group: dict[str, Any], backend: str, release: str) -> bool | None:
    """What the kernel said of the interrupts alone. Returns None if it never decided that."""
    path = "type1" if backend == "spapr_tce" else backend  # the container, whoever is behind it
    errno, stage = group[f"{path}_safe"], group.get(f"{path}_stage_safe")
    if backend == "iommufd":
        return {"OK": False, "EPERM": True}.get(errno) if group["viable"] == 1 else None
    if (errno, stage) == ("EINVAL", "get_device") and release.startswith("5.10"):
        return False  # up to v5.18 viability is tested after the interrupts
    return {("OK", None): False, ("EPERM", "set_iommu"): True}.get((errno, stage))


def compared(truth: dict[str, Any], ours: Report, state: str) -> list[Compared]:
    """Every verdict on a group about which the kernel said something."""
    groups = {group.id: group for group in ours.groups}
    alone = {device.name for device in ours.ungrouped}
    rows: list[Compared] = []
    for group in truth["groups"]:
        our = groups.get(group["group"])
        if our is None:  # made by a driver that was bound between the two states
            assert state == "as-booted", f"group {group['group']} is missing"
            continue
        named = {device.name for device in our.devices}
        joined = set(group["devices"]) - named  # when a driver was bound between the two states
        assert named <= set(group["devices"])
        assert not joined or (state == "as-booted" and joined <= alone)
        power = dict(our.backends).get("spapr_tce") is not None
        for backend, verdict in our.backends:
            if power and backend == "type1":
                continue  # what the truth calls so is the container, which spapr_tce has there
            said = needs_override(group, backend, truth["release"])
            if said is not None:
                assert verdict is not None, f"{backend} is not judged, and the kernel has it"
                ours_ = verdict.needs_override
                rows.append(
                    Compared(group, backend, not said, None if ours_ is None else not ours_)
                )
    return rows


_WHOLE = {Attach.YES: True, Attach.BY_OVERRIDE: True, Attach.NO: False, Attach.UNKNOWN: None}


def whole(truth: dict[str, Any], ours: Report, state: str) -> list[Compared]:
    """Every answer about a whole attach that the lab tried, with the parameters as they were.

    As booted, the answer for the time when every member is bound is compared; bound, the answer as
    it stands. A group of which the lab bound no member tells nothing.
    """
    rows: list[Compared] = []
    groups = {group.id: group for group in ours.groups}
    for group in truth["groups"]:
        our = groups.get(group["group"])
        if our is None or (state == "as-booted" and not _as_asked(truth, group, our)):
            continue
        attachments = dict(our.attachments)
        for backend, attachment in attachments.items():
            power = attachments.get("spapr_tce") is not None and backend == "type1"
            if attachment is None or power:
                continue
            answer = attachment.attach if state == "as-booted" else attachment.now
            if answer is not None:
                rows += [
                    Compared(group, backend, said == "OK", _WHOLE[answer])
                    for said in _as_it_was(group, backend, ours)
                    if said != "-"
                ]
    return rows


def _as_it_was(group: dict[str, Any], backend: str, ours: Report) -> list[str]:
    """What the kernel answered with the parameter as it was; old recordings have 0 and 1.

    iommufd has two ways: the devices' own files, and a container.
    """
    path, module = ("iommufd",) * 2 if backend == "iommufd" else ("type1", "vfio_iommu_type1")
    values = {override.name: override.value for override in ours.overrides}
    now = "unsafe" if values.get(f"{module}.allow_unsafe_interrupts") else "safe"
    said = [group.get(f"{path}_asis", group[f"{path}_{now}"])]
    return [*said, group.get("compat_asis", "-")] if backend == "iommufd" else said


def _as_asked(truth: dict[str, Any], group: dict[str, Any], ours: GroupReport) -> bool:
    """Whether the lab tried to bind every member that a guest would get, and none joined later."""
    bridge = 0x0604  # PCI Code and ID Assignment Specification: PCI-to-PCI bridges
    endpoints = {device.name for device in ours.devices if (device.pci_class or 0) >> 8 != bridge}
    return endpoints <= binds(truth).keys() and {d.name for d in ours.devices} == {
        *group["devices"]
    }


def binds(truth: dict[str, Any]) -> dict[str, str]:
    """What binding each device to a VFIO driver answered: an errno's name, or OK."""
    rows: list[dict[str, Any]] | dict[str, str] = truth.get("bind", {})
    if isinstance(rows, dict):  # as the recorded hosts of the tests have it
        return rows
    return {row["device"]: row["bind"] for row in rows if "bind" in row}


def tally(rows: Iterable[Compared]) -> Counter[str]:
    """How many verdicts are right, wrong and unknown."""
    return Counter(
        "unknown" if row.ours is None else "right" if row.ours is row.kernel else "wrong"
        for row in rows
    )


def differences(rows: Iterable[Compared]) -> list[str]:
    """A line for each answer in which we differ from the kernel."""
    return [
        f"group {row.group['group']} ({' '.join(row.group['devices'])}) by {row.backend}: "
        f"the kernel says {_WORDS[row.kernel]}, vfioguard {_WORDS[row.ours]}"
        for row in rows
        if row.ours is not row.kernel
    ]


_WORDS = {True: "yes", False: "no", None: "unknown"}


def trait(truth: dict[str, Any]) -> str:
    """What the kernel's answers about interrupts have in common, as the table of cells says it."""
    answers = {
        needs_override(group, backend, truth["release"] or "")
        for group in truth["groups"]
        for backend in ("type1", "iommufd")
    }
    if True in answers:
        return "both" if False in answers else "refused"
    return "allowed" if False in answers else "nothing"
