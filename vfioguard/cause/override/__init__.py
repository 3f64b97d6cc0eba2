"""The override: the last thing to offer, and only to a group that its interrupts refuse."""

from __future__ import annotations

from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.remedy.command_line import edit
from vfioguard.report import GroupReport, Step
from vfioguard.snapshot import IOMMUFD, TYPE1
from vfioguard.verdict import Outcome

_MODULES = {"type1": TYPE1, "iommufd": IOMMUFD}
GIVES_AWAY = "a guest can then raise any interrupt of the host, through any device"
_ONLY = f"Only if every guest is trusted ({GIVES_AWAY})"


def last_resort(host: Host, group: GroupReport) -> tuple[Step, ...]:
    """The steps that set the parameter of each backend that refuses, now and for good.

    The first step says what it gives away. A device that no VFIO driver can take is not helped
    (drivers/vfio/platform needs Arm).
    """
    if host.is_x86 and not any(device.bus == "pci" for device in group.devices):
        return ()
    steps: list[Step] = []
    for backend, verdict in group.backends:
        module = _MODULES.get(backend)
        if module is not None and verdict is not None and verdict.outcome is Outcome.REFUSED:
            steps += _set(host, module, f"The same for {backend}" if steps else _ONLY)
    return tuple(steps)


def _set(host: Host, module: tuple[str, str], when: str) -> list[Step]:
    name, parameter = module
    path = f"/sys/module/{name}/parameters/{parameter}"
    loaded = host.snapshot.parameter(module).pending is None
    before = "Or for good" if loaded else f"{when}, for good"
    if _built_in(host, name):
        kept = edit(host, add=(f"{name}.{parameter}=1",))
        kept = kept._replace(do=f"{before}: {kept.do[0].lower()}{kept.do[1:]}")
    else:
        kept = Step(
            f"{before}: write a modprobe.d line, and rebuild an initramfs that has the module.",
            f"/etc/modprobe.d/vfio.conf: options {name} {parameter}=1",
        )
    if not loaded:
        return [kept]
    return [Step(f"{when}: set the override until the next boot.", f"echo Y > {path}"), kept]


def _built_in(host: Host, module: str) -> bool:
    """Whether the kernel has the module inside: then modprobe.d does not reach it."""
    config = host.snapshot.kernel.config
    return isinstance(config, Fact) and config.value[module.upper()] == "y"
