"""What to do about a read that does not return."""

from __future__ import annotations

from vfioguard.report import Step

_DEVICES = "/sys/bus/pci/devices/"
#: Documentation/admin-guide/sysrq.rst: `w` dumps the tasks that are blocked.
_BLOCKED = Step(
    "Have the kernel say which tasks hang, and where",
    "echo w > /proc/sysrq-trigger; dmesg | tail -n 60",
)
_ELSE = "else reboot. Once the read returns, vfioguard goes on by itself."
_DEVICE = Step(f"Reset or remove the device, {_ELSE}")
_OTHER = Step(f"Wait for it, {_ELSE}")


def change(path: str) -> tuple[Step, ...]:
    """The steps about a path that does not answer."""
    return (_BLOCKED, _OTHER if device(path) is None else _DEVICE)


def device(path: str) -> tuple[str, str] | None:
    """The PCI function and its file, if the path is one of these; else None."""
    name, _, attribute = path.removeprefix(_DEVICES).partition("/")
    return (name, attribute) if path.startswith(_DEVICES) and attribute else None
