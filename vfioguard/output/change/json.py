"""Changes as JSON: `vfioguard diff`, /v1/events."""

from __future__ import annotations

from vfioguard.change import Change, Value
from vfioguard.change.sentence import sentence
from vfioguard.change.state import MemberState, State
from vfioguard.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from vfioguard.json_shapes import change as shapes

#: So many members of a group are shown; the others are only counted.
_DEVICES = 64


def change_json(change: Change) -> shapes.Change:
    """One change; `omitted_devices` counts the members that are not shown, if there are any."""
    shown: shapes.Change = {
        "kind": change.kind,
        "direction": change.direction,
        "subject": change.subject,
        "group": change.group,
        "before": _value(change.before),
        "after": _value(change.after),
        "cause": change.cause,
        "at": change.at,
        "summary": sentence(change),
        "devices": [_device(member) for member in change.devices[:_DEVICES]],
    }
    if len(change.devices) > _DEVICES:
        shown["omitted_devices"] = len(change.devices) - _DEVICES
    return shown


def side_json(name: str, state: State) -> shapes.Side:
    """One of the two states that were compared; `name` says where it came from."""
    return {
        "name": name,
        "at": state.at,
        "boot_id": state.boot_id,
        "kernel": state.kernel,
        "interrupt_remapping": state.remapping,
        "groups": len(state.groups) if state.groups_read else None,
    }


def _value(value: Value) -> shapes.Value:
    return [*value] if isinstance(value, tuple) else value


def _device(member: MemberState) -> shapes.ChangedDevice:
    code = member.pci_class
    return {
        "name": member.name,
        "bus": member.bus,
        "driver": member.driver,
        "class": None if code is None else f"0x{code:06x}",
    }
