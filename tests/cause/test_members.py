"""Causes in one member of a group: another bus, a VMD, a hypervisor's domain, a unit."""

from __future__ import annotations

import pytest

from tests.support.causing import causes, words
from tests.support.functions import Function
from tests.support.hosts import arm_host, x86_host
from vfioguard.root.memory import Entry

NIC = Function("0000:01:00.0", "IR-PCI-MSIX")


def test_a_member_of_another_bus_refuses_the_group_and_is_named() -> None:
    found = causes(x86_host({0: [NIC, "AMDI0020:00"]}))
    assert list(found) == ["member_without_msi_domain"]
    cause = found["member_without_msi_domain"]
    assert cause.sentence.startswith("AMDI0020:00, a member of the group, has no MSI domain")
    assert "AMDI0020:00" in cause.change[0].do
    assert cause.helps


def test_a_group_of_such_a_device_alone_has_no_cause_as_nobody_can_attach_it() -> None:
    assert causes(x86_host({0: ["QEMU0002:00"]})) == {}


def test_up_to_v6_2_such_a_member_is_no_cause() -> None:
    assert causes(x86_host({0: [NIC, "AMDI0020:00"]}, release="6.1.0-amd64")) == {}


def vmd(chip: str | None = "VMD-PCI-MSIX", **options: object) -> dict[str, Entry]:
    """A VMD with vectors of its own, and a disk behind it."""
    own = "PCI-MSIX" if options.get("remapping") is False else "IR-PCI-MSIX"
    endpoint = Function("0000:5d:05.5", own, driver="vmd", pci_class=0x010400)
    disk = Function("10000:01:00.0", chip, driver="nvme", pci_class=0x010802)
    return x86_host({0: [disk], 1: [endpoint]}, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("chip", ["VMD-PCI-MSIX", None])
def test_a_vmd_that_remaps_is_named_with_the_three_ways_out(chip: str | None) -> None:
    found = causes(vmd(chip))
    assert list(found) == ["vmd_remaps"]
    cause = found["vmd_remaps"]
    assert cause.sentence.startswith("The Intel VMD in front of 10000:01:00.0 maps MSIs")
    assert "Turn VMD off" in cause.change[0].do
    assert "0000:5d:05.5" in cause.change[1].do
    assert cause.change[1].where == "vfioguard check 0000:5d:05.5"


def test_with_remapping_off_as_well_both_are_told() -> None:
    found = causes(vmd(remapping=False, cmdline=b"intremap=off"))
    assert {"intremap_off", "vmd_remaps"} <= set(found)
    assert "intremap_off" in causes(vmd(None, remapping=False, cmdline=b"intremap=off"))


@pytest.mark.parametrize(
    ("chip", "who", "instead"),
    [("HV-PCI-MSIX", "Hyper-V", "Hyper-V host"), ("xen-pirq-msi-x", "Xen", "Xen's own")],
)
def test_a_hypervisors_domain_is_named_with_what_its_host_offers(
    chip: str, who: str, instead: str
) -> None:
    found = causes(x86_host({0: [NIC._replace(chip=chip)]}))
    cause = found["hypervisor_msi_domain"]
    assert who in cause.sentence
    assert not cause.helps
    assert instead in cause.change[0].do


def test_a_hypervisors_domain_is_told_on_arm_without_a_word_of_x86() -> None:
    hyperv = NIC._replace(chip="HV-PCI-MSIX")
    cause = causes(arm_host({0: [hyperv]}))["hypervisor_msi_domain"]
    assert "Hyper-V" in words(cause)


def test_a_device_whose_unit_does_not_remap_on_a_machine_that_does_is_named() -> None:
    plain = Function("0000:81:00.0", "PCI-MSIX")
    host = x86_host({0: [NIC], 1: [plain]})
    found = causes(host, 1)
    assert list(found) == ["unit_does_not_remap"]
    assert "0000:81:00.0 has no remapped interrupts" in found["unit_does_not_remap"].sentence
    assert "dmar0 does not remap" in found["unit_does_not_remap"].sentence
    late = host | {"/sys/devices/virtual/iommu/dmar0/intel-iommu/ecap": b"f00f42\n"}
    cause = causes(late, 1)["unit_does_not_remap"]
    assert "cannot remap (ECAP.IR is clear)" in cause.sentence
    assert "another unit" in cause.change[0].do


def beside_an_open_controller(release: str = "6.1.0-arm64") -> dict[str, Entry]:
    """A device with the ITS, and another that has none."""
    other = Function("0000:02:00.0", "GICv2m-PCI-MSIX")
    safe = Function("0000:01:00.0", "ITS-PCI-MSIX")
    host = arm_host({0: [safe], 1: [other]}, release=release)
    return host | {"/sys/firmware/devicetree/base/compatible": b"linux,dummy-virt\0"}


def test_on_arm_up_to_v6_2_the_controller_of_another_device_is_named() -> None:
    found = causes(beside_an_open_controller(), 0)
    assert "The MSI controller of 0000:02:00.0 does not" in found["machine_wide_rule"].sentence
    assert "6.3" in found["machine_wide_rule"].change[0].do
    assert causes(beside_an_open_controller("6.12.0-arm64"), 0) == {}
