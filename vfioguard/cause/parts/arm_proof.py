"""The proof that a device of an Arm host, or the machine before v6.3, has no MSIs that isolate."""

from __future__ import annotations

from vfioguard.cause.parts import why
from vfioguard.inference.host import Host
from vfioguard.kernel.devices import Device
from vfioguard.logic import Answer

#: The kernel's test, in both of its forms.
RULE = (
    "kernel/irq/msi.c msi_device_has_isolated_msi() since v6.3; irq_domain_check_msi_remap() before"
)


def shown(host: Host, device: Device) -> Answer:
    """The answer that decided: that of the device, or of the machine."""
    return host.isolated(device) if why.by_members(host) else host.all_msi_domains
