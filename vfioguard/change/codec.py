"""A State as JSON and back. What is read may be damaged, or written by another version."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import NoReturn, TypeVar, cast

from vfioguard.change.state import FindingState, GroupState, MemberState, State
from vfioguard.fact import printable
from vfioguard.verdict import Outcome

T = TypeVar("T")

#: How a file of this kind begins, so that nothing else is taken for one.
MARK = b'{"vfioguard_state":'
VERSION = 1
#: Bytes of the largest state that is read: 16,384 groups have 3 MB, 65,536 devices in one 6 MB.
LIMIT = 64 << 20

#: Groups in one call of json.dumps, which holds the interpreter for as long as it takes: 2 ms.
_BATCH = 256


class BadState(Exception):
    """No state, or a damaged one; the message is one line."""


class FutureState(BadState):
    """A state of a version that this one does not know."""


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
    """What `encode` gave; raises `BadState`."""
    if not raw.startswith(MARK):
        raise BadState("it is not a state of vfioguard")
    if len(raw) > LIMIT:
        raise BadState(f"it has more than {LIMIT >> 20} MB")
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadState(f"it is damaged: {error}") from error
    version = found["vfioguard_state"]
    if isinstance(version, int) and version > VERSION:
        raise FutureState(f"it has version {version!r:.16}, and this vfioguard knows {VERSION}")
    try:
        if _number(version) != VERSION:
            _wrong("a version", version)
        return _state(cast("dict[str, object]", found))
    except (KeyError, ValueError) as error:
        raise BadState(f"it is damaged: {type(error).__name__} {error}") from error


def _state(found: dict[str, object]) -> State:
    return State(
        at=_text(found["at"]),
        boot_id=_maybe(_text, found["boot_id"]),
        kernel=_maybe(_text, found["kernel"]),
        remapping=_maybe(_bool, found["remapping"]),
        policies=_each(_text, found["policies"]),
        overrides=_each(_override, found["overrides"]),
        groups_read=_bool(found["groups_read"]),
        groups=_each(_group, found["groups"]),
        ungrouped=_each(_member, found["ungrouped"]),
        findings=_each(_finding, found["findings"]),
    )


def _override(value: object) -> tuple[str, bool | None]:
    name, setting = _fields(value, 2)
    return _text(name), _maybe(_bool, setting)


def _finding(value: object) -> FindingState:
    return FindingState(*map(_text, _fields(value, len(FindingState._fields))))


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
    return tuple([part(one) for one in _list(value)])


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
