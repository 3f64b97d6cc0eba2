"""Builds of the kernel that open no function without power management."""

from __future__ import annotations

import pytest

from tests.support.functions import Function
from tests.support.hosts import x86_host
from vfioguard.attach import Attach, Attachment
from vfioguard.judging.evaluate import judge
from vfioguard.reading.take import take
from vfioguard.report import GroupReport
from vfioguard.root.memory import Entry, Link, Memory

OWNER, VIRTUAL = "0000:01:00.0", "0000:02:00.0"
#: A header whose capability list holds power management at 0x40.
_WITH_PM = (
    b"\x86\x80\xd3\x10\x07\x04\x10\x00" + bytes(44) + b"\x40" + bytes(11) + b"\x01\x00" + bytes(190)
)


def group(
    release: str, *, virtual: bool = True, config: bytes | None = None, driver: str = "vfio-pci"
) -> GroupReport:
    """The group of a function; of a virtual one, only the first 64 bytes of `config` are shown."""
    function = Function(VIRTUAL, "IR-PCI-MSIX", driver)
    if config is not None or virtual:
        function = function._replace(config=config or function.config[:64])
    groups = {1: [function], 0: [Function(OWNER, "IR-PCI-MSIX", "ixgbe")]}
    host: dict[str, Entry] = x86_host(groups, release=release)
    if virtual:
        home = "/sys/devices/pci0000"
        host[f"{home}:02/{VIRTUAL}/physfn"] = Link(f"../../pci0000:01/{OWNER}")
        host[f"{home}:01/{OWNER}/sriov_numvfs"] = b"1\n"
        host[f"{home}:01/{OWNER}/virtfn0"] = Link(f"../../pci0000:02/{VIRTUAL}")
    report = judge(take(Memory(host)), "now", findings=False).report
    return next(each for each in report.groups if each.id == 1)


def blocks(attachment: Attachment) -> bool:
    return any(blocker.name == "power_regression" for blocker in attachment.blockers)


BAD = ("6.8.12-12-pve", "6.14.8-1-pve", "6.14.8-1-bpo12-pve")


@pytest.mark.parametrize("release", BAD)
@pytest.mark.parametrize("driver", ["vfio-pci", "ixgbevf"])
def test_a_virtual_function_is_not_opened(release: str, driver: str) -> None:
    found = group(release, driver=driver)
    attachment = found.attachment
    assert attachment.attach is Attach.NO
    assert (attachment.errno, attachment.call) == ("EACCES", "VFIO_GROUP_GET_DEVICE_FD")
    assert found.causes == ("power_regression",)
    assert blocks(attachment)


@pytest.mark.parametrize(
    "release", ["6.8.12-11-pve", "6.14.5-1-bpo12-pve", "6.14.8-2-pve", "6.12.0"]
)
def test_another_build_opens_it(release: str) -> None:
    assert group(release).attachment.attach is Attach.YES


def test_a_physical_function_meets_it_if_its_capabilities_lack_power_management() -> None:
    assert blocks(group(BAD[0], virtual=False).attachment)
    assert not blocks(group(BAD[0], virtual=False, config=_WITH_PM).attachment)
    assert not blocks(group(BAD[0], virtual=False, config=_WITH_PM[:64]).attachment)


def test_a_virtual_function_that_lists_it_is_opened() -> None:
    assert group(BAD[0], config=_WITH_PM).attachment.attach is Attach.YES
