"""A State as JSON and back. The JSON may be damaged, or written by another version."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from vfioguard.change.state import FindingState, GroupState, MemberState, State
from vfioguard.fact import printable
from vfioguard.typed import NoReturn, TypeVar, cast
from vfioguard.verdict import Outcome

T = TypeVar("T")

#: Every state begins so; a file that does not is not a state.
MARK = b'{"vfioguard_state":'
VERSION = 1
#: The largest state that is read, in bytes: 16,384 groups take 3 MB, 65,536 devices in one 6 MB.
LIMIT = 64 << 20

#: Groups in one call of json.dumps: it takes 2 ms, during which no other thread runs.
_BATCH = 256


class BadState(Exception):
    """The bytes are not a state, or a damaged one; the message is one line."""


class FutureState(BadState):
    """The state has a newer version than this vfioguard knows."""


def encode(state: State) -> bytes:
    """The state as one line of ASCII; equal states give equal bytes."""
    return b"".join(_pieces(state))


def _pieces(state: State) -> Iterator[bytes]:
    head = {
        "at": state.at,
        "boot_id": state.boot_id,
        "kernel": state.kernel,
        "remapping": state.remapping,
        "policies": state.policies,
        "overrides": state.overrides,
        "findings": state.findings,
        "ungrouped": state.ungrouped,
        "groups_read": state.groups_read,
    }
    yield MARK + b"%d,%b," % (VERSION, _dumps(head)[1:-1])
    yield b'"groups":['
    for start in range(0, len(state.groups), _BATCH):
        part = _dumps(state.groups[start : start + _BATCH])[1:-1]
        yield b"," + part if start else part
    yield b"]}\n"


def _dumps(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def decode(raw: bytes) -> State:
    """Read the bytes that `encode` made; raises `BadState`, or `FutureState` for a newer version.

    All text in the state becomes printable ASCII.
    """
    if not raw.startswith(MARK):
        raise BadState("it is not a state of vfioguard")
    if len(raw) > LIMIT:
        raise BadState(f"it has more than {LIMIT >> 20} MB")
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadState(f"it is damaged: {error}") from error
    version = fields["vfioguard_state"]
    if isinstance(version, int) and version > VERSION:
        raise FutureState(f"it has version {version!r:.16}, and this vfioguard knows {VERSION}")
    try:
        if _number(version) != VERSION:
            _wrong("a version", version)
        return _state(cast("dict[str, object]", fields))
    except (KeyError, ValueError) as error:
        raise BadState(f"it is damaged: {type(error).__name__} {error}") from error


def _state(fields: dict[str, object]) -> State:
    return State(
        at=_text(fields["at"]),
        boot_id=_maybe(_text, fields["boot_id"]),
        kernel=_maybe(_text, fields["kernel"]),
        remapping=_maybe(_bool, fields["remapping"]),
        policies=_each(_text, fields["policies"]),
        overrides=_each(_override, fields["overrides"]),
        groups_read=_bool(fields["groups_read"]),
        groups=_each(_group, fields["groups"]),
        ungrouped=_each(_member, fields["ungrouped"]),
        findings=_each(_finding, fields["findings"]),
    )


def _override(value: object) -> tuple[str, bool | None]:
    name, setting = _fields(value, 2)
    return _text(name), _maybe(_bool, setting)


def _finding(value: object) -> FindingState:
    name, severity, summary = _fields(value, len(FindingState._fields))
    return FindingState(_text(name), _text(severity), _text(summary))


def _member(value: object) -> MemberState:
    bus, name, driver, code = _fields(value, len(MemberState._fields))
    return MemberState(
        bus=_text(bus),
        name=_text(name),
        driver=_maybe(_text, driver),
        pci_class=_maybe(_number, code),
    )


def _group(value: object) -> GroupState:
    number, outcome, needs, policy, reason, members = _fields(value, len(GroupState._fields))
    return GroupState(
        id=_number(number),
        outcome=Outcome(_text(outcome)),
        needs_override=_maybe(_bool, needs),
        policy=_text(policy),
        reason=_text(reason),
        members=_each(_member, members),
    )


def _fields(value: object, count: int) -> list[object]:
    fields = _list(value)
    if len(fields) != count:
        _wrong(f"{count} fields", value)
    return fields


def _each(part: Callable[[object], T], value: object) -> tuple[T, ...]:
    return tuple([part(item) for item in _list(value)])


def _maybe(part: Callable[[object], T], value: object) -> T | None:
    return None if value is None else part(value)


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        _wrong("a list", value)
    return cast("list[object]", value)


def _text(value: object) -> str:
    return printable(value) if isinstance(value, str) else _wrong("text", value)


def _bool(value: object) -> bool:
    return value if isinstance(value, bool) else _wrong("true or false", value)


def _number(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 32:
        return value
    return _wrong("a number", value)


def _wrong(wanted: str, value: object) -> NoReturn:
    raise ValueError(f"not {wanted}: {value!r:.40}")
