"""Beside an ITS there is an MSI controller that isolates nothing, and devices may write to it too.

From v6.3 on the kernel asks for the domain of each device alone. A guest whose device has the ITS
can still write to the doorbell of the other controller, if the IOMMU lets the write through
(policy.md 6.1). Kernels before v6.3 refuse every group of such a machine.

Change: hand devices to guests that you trust alone, or keep that controller's devices off the host.
"""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.fact import Gap
from vfioguard.finding import Finding, Found
from vfioguard.inference.host import Host
from vfioguard.kernel.identity.symbols import Predicate
from vfioguard.report import Step


def _find(host: Host, _: tuple[Gap, ...]) -> Iterator[Found]:
    if not host.is_arm or host.decides_by(Predicate.ISOLATED_MSI).truth is not True:
        return
    its, domains = host.witnesses.its, host.all_msi_domains
    if its is None or domains.truth is not False:
        return
    yield Found(
        f"beside the ITS of {its.name} the machine has an MSI controller that does not isolate: "
        "a guest may reach its doorbell",
        domains,
        (
            Step("Hand devices to guests that you trust alone."),
            Step("Or keep the devices of that controller off the host."),
        ),
    )


FINDING = Finding("second_doorbell", "warning", _find)
