"""Changes as JSON: `vfioguard diff`, /v1/events."""

from __future__ import annotations

from typing import TypeAlias

from vfioguard.change import Change, Value
from vfioguard.change.sentence import sentence
from vfioguard.change.state import MemberState, State

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"

#: So many members of a group are shown; the others are only counted.
_DEVICES = 64


def change_json(change: Change) -> dict[str, Json]:
    """One change; `omitted_devices` counts the members that are not shown, if there are any."""
    shown: dict[str, Json] = {
        "kind": change.kind,
        "direction": change.direction,
        "subject": change.subject,
        "group": change.group,
        "before": _value(change.before),
        "after": _value(change.after),
        "cause": change.cause,
        "at": change.at,
        "summary": sentence(change),
        "devices": [_device(device) for device in change.devices[:_DEVICES]],
    }
    if len(change.devices) > _DEVICES:
        shown["omitted_devices"] = len(change.devices) - _DEVICES
    return shown


def side_json(name: str, state: State) -> dict[str, Json]:
    """One of the two states that were compared; `name` says where it came from."""
    return {
        "name": name,
        "at": state.at,
        "boot_id": state.boot_id,
        "kernel": state.kernel,
        "interrupt_remapping": state.remapping,
        "groups": len(state.groups) if state.groups_read else None,
    }


def _value(value: Value) -> Json:
    return [*value] if isinstance(value, tuple) else value


def _device(device: MemberState) -> dict[str, Json]:
    return {
        "name": device.name,
        "bus": device.bus,
        "driver": device.driver,
        "class": None if device.pci_class is None else f"0x{device.pci_class:06x}",
    }
