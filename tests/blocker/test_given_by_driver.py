"""A driver without VFIO's name may give its device to VFIO: NVIDIA's, with a vGPU's function."""

from __future__ import annotations

import pytest

from tests.support.functions import Function, home
from tests.support.hosts import x86_host
from vfioguard.attach import Attach
from vfioguard.judging.evaluate import judge
from vfioguard.reading.take import take
from vfioguard.report import GroupReport
from vfioguard.root.memory import Memory

VGPU = Function("0000:41:00.4", "IR-PCI-MSIX", "nvidia", 0x030200)


def group(function: Function, *, given: bool, beside: Function | None = None) -> GroupReport:
    members = [function] if beside is None else [function, beside]
    host = x86_host({5: members}, release="6.8.12-amd64")
    if given:
        host[f"{home(function)}/vfio-dev/vfio0/dev"] = b"243:0\n"
    (found,) = judge(take(Memory(host)), "now", findings=False).report.groups
    return found


def test_such_a_device_can_be_attached_as_it_is() -> None:
    found = group(VGPU, given=True)
    assert found.on_vfio
    assert (found.attachment.attach, found.attachment.now) == (Attach.YES, Attach.YES)
    assert found.devices[0].node == "vfio0"


def test_it_does_not_stand_in_the_way_of_another_member() -> None:
    beside = Function("0000:41:00.5", "IR-PCI-MSIX", "vfio-pci")
    assert group(VGPU, given=True, beside=beside).attachment.now is Attach.YES
    assert group(VGPU, given=False, beside=beside).attachment.now is Attach.NO


@pytest.mark.parametrize("driver", ["nvidia", "e1000e"])
def test_another_device_of_the_driver_has_to_be_bound_first(driver: str) -> None:
    found = group(VGPU._replace(driver=driver), given=driver != "nvidia")
    assert not found.on_vfio
    assert (found.attachment.attach, found.attachment.now) == (Attach.YES, None)
