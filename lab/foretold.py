"""What `check` foretold in the guest, beside the attach that followed.

As booted, `check` foretells the attach for the time when every device is bound; the C program binds
and attaches next. Bound, `check --now` comes right before `try`. Answer, errno and call must be the
same.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from lab import own

STATES = ("as-booted", "bound")
#: The call of each stage of a container, as vfioguard names it.
_CALLS = {
    "open": "open", "set_container": "VFIO_GROUP_SET_CONTAINER", "set_iommu": "VFIO_SET_IOMMU",
    "get_device": "VFIO_GROUP_GET_DEVICE_FD",
}  # fmt: skip
_WAYS = ("type1", "iommufd")
_ANSWERS = {"yes": True, "yes-by-override": True, "no": False, "unknown": None}


class Met(NamedTuple):
    """How an attach ends: whether it succeeds, else the errno and the call; None if not known."""

    attached: bool | None
    errno: str | None = None
    call: str | None = None


class Row(NamedTuple):
    """One target by one backend: what was foretold, and what the kernel did."""

    target: str
    backend: str
    foretold: Met
    kernel: Met

    @property
    def is_right(self) -> bool | None:
        """Whether both are the same. Returns None if nothing was foretold."""
        if self.foretold.attached is None:
            return None
        if not self.backend and self.foretold.call == "open":
            # Nothing is there to open, and nothing can be bound: both are so.
            return self.foretold.attached is self.kernel.attached
        same = self.foretold.attached is self.kernel.attached
        # check tells no errno of a group that is not there yet; the program no call of iommufd.
        told = zip(self.foretold[1:], self.kernel[1:], strict=True)
        return same and all(ours == theirs for ours, theirs in told if ours and theirs)


def path(folder: str, state: str) -> str:
    """The path of what `check` printed in one state."""
    return f"{folder}/check.{state}.json"


def answered(folder: str, state: str) -> bool:
    """Whether `check` printed a document in that state: an empty file is none."""
    return os.path.exists(path(folder, state)) and os.path.getsize(path(folder, state)) > 0


def faults(folder: str, truth: dict[str, Any]) -> list[str]:
    """A line for each state in which `check` should have printed a document and did not."""
    if not truth["bind"] and not truth["groups"]:
        return []  # a guest without a device has no target
    return [f"{state}: check gave no answer" for state in STATES if not answered(folder, state)]


def rows(folder: str, truth: dict[str, Any], state: str) -> list[Row]:
    """Every answer of `check` about an attach that was then made."""
    with open(path(folder, state)) as file:
        targets: list[dict[str, Any]] = json.load(file)["targets"]
    after = _by_program(truth) if state == "as-booted" else _by_try(folder)
    return [
        Row(
            target["target"], backend,
            Met(_ANSWERS[said["answer"]], said["errno"], said["call"]), met,
        )
        for target in targets
        for backend, said in target["backends"].items()
        for met in [after.get((target["target"], "iommufd" if backend == "iommufd" else "type1"))]
        if met is not None
    ]  # fmt: skip


def _by_program(truth: dict[str, Any]) -> dict[tuple[str, str], Met]:
    """Target and way -> what the C program met."""
    binds = [row for row in truth["bind"] if "bind" in row]
    met: dict[tuple[str, str], Met] = {}
    for group in truth["groups"]:
        of_group = [row for row in binds if row["device"] in group["devices"]]
        if len(of_group) != group["endpoints"] or not of_group:
            continue  # the lab left a member alone
        failed = next((row["bind"] for row in of_group if row["bind"] != "OK"), None)
        # A group that a bind has made was no target yet, but its devices were.
        targets = [f"group:{group['group']}"]
        targets += [row["device"] for row in of_group if row["group"] is None]
        for way in _WAYS:
            said, stage = group[f"{way}_asis"], group.get(f"{way}_stage_asis")
            if failed:
                answer = Met(False, failed, "bind")
            elif said != "-":
                answer = Met(True) if said == "OK" else Met(False, said, _CALLS.get(stage or ""))
            else:
                continue
            met.update({(target, way): answer for target in targets})
    for row in binds:
        if row["group"] is None and row["bind"] != "OK":
            met.update({(row["device"], way): Met(False, row["bind"], "bind") for way in _WAYS})
    return met


def _by_try(folder: str) -> dict[tuple[str, str], Met]:
    """Target and way -> what `try` met."""
    return {
        (target["target"], "iommufd" if backend == "iommufd" else "type1"): Met(
            trial["errno"] is None, trial["errno"], trial["call"]
        )
        for target in own.tried(folder)
        for backend, trial in target["backends"].items()
    }


def tally(compared: list[Row]) -> Counter[str]:
    """How many answers came true, did not, and foretold nothing."""
    words = {True: "right", False: "wrong", None: "unknown"}
    return Counter(words[row.is_right] for row in compared)


def differences(compared: list[Row]) -> Iterator[str]:
    """A line for each answer that did not come true."""
    for row in compared:
        if not row.is_right:
            yield (
                f"check of {row.target} by {row.backend or 'no backend'}: foretold "
                f"{_said(row.foretold)}, the kernel says {_said(row.kernel)}"
            )


def _said(met: Met) -> str:
    words = {True: "yes", False: "no", None: "unknown"}
    return " ".join(word for word in (words[met.attached], met.errno, met.call) if word)
