"""How members of a group get bound that no VFIO driver takes by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vfioguard import wording
from vfioguard.attach import Attach
from vfioguard.blocker.parts.binding import commands
from vfioguard.device_facts import DeviceFacts
from vfioguard.inference import drivers
from vfioguard.report import GroupReport
from vfioguard.snapshot import Snapshot


def first_bound(snapshot: Snapshot, group: GroupReport) -> Iterator[str]:
    """The members that `yes` takes for bound: all that can be, while none is.

    There are none if something else has to change first, or if the attach may fail all the same.
    """
    members, attachment = snapshot.group(group.id), group.attachment
    if members is None or attachment.now is not None or wording.to_change(attachment):
        return
    if attachment.attach not in {Attach.YES, Attach.BY_OVERRIDE}:
        return
    takers = [d for d in members.devices if drivers.can_take(snapshot, d) is not False]
    if takers:
        yield f"  bind first: {wording.listed([device.name for device in takers])}"


def binding_lines(
    snapshot: Snapshot, group: GroupReport, facts: Mapping[str, DeviceFacts]
) -> Iterator[str]:
    """The command for the first such member. There is none if the attach fails all the same."""
    members = snapshot.group(group.id)
    if members is None or group.attachment.attach is Attach.NO:
        return
    unbound = [
        device
        for device in members.devices
        if _has_no_match(facts.get(device.name))
        and not drivers.is_taken(device)
        and drivers.takes(snapshot, device).truth
    ]
    if unbound:
        more = f" (and {len(unbound) - 1} more)" if len(unbound) > 1 else ""
        first = unbound[0]
        yield f"  to bind {first.name}{more}: {commands(first)[0]}"


def _has_no_match(facts: DeviceFacts | None) -> bool:
    override = facts.driver_override if facts is not None else None
    return override is not None and not drivers.on_vfio(override)
