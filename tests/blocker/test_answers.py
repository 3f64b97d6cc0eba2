"""The whole answer: the interrupts and the blockers, in the order of the kernel's calls."""

from __future__ import annotations

import errno

import pytest

from tests.blocker.test_borders import BUILT, REGIONS, UNBUILT, with_token, without_iommu
from tests.support.blocking import (
    NIC,
    Said,
    attachment,
    config,
    one_group,
    said,
    with_id,
)
from tests.support.functions import Function, home
from tests.support.hosts import x86_host
from vfioguard.attach import Attach
from vfioguard.fact import Fact
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.report import NOTHING_CHOSEN, Choice, Holder, Report
from vfioguard.root.memory import Entry, Memory, Refused
from vfioguard.verdict import Outcome

PLACE = home(Function(NIC))
GUEST = Function(NIC, driver="vfio-pci")
HOSTS = Function("0000:01:00.1", "PCI-MSIX", "e1000e")
PORT = Function("0000:00:1c.0", driver="pcieport", pci_class=0x060400)
MSI = b"0x00000000fee00000 0x00000000feefffff msi\n"
DIRECT = b"0x000000007b800000 0x000000007fffffff direct\n"
CDEV = "CONFIG_VFIO_DEVICE_CDEV=y"
SET_CONTAINER, SET_IOMMU = "VFIO_GROUP_SET_CONTAINER", "VFIO_SET_IOMMU"
GET_DEVICE, BIND_IOMMUFD = "VFIO_GROUP_GET_DEVICE_FD", "VFIO_DEVICE_BIND_IOMMUFD"


def names(host: dict[str, Entry], backend: str = "type1") -> list[str]:
    return [blocker.name for blocker in attachment(host, backend).blockers]


@pytest.mark.parametrize(
    ("release", "override", "met"),
    [
        ("5.10.0", False, ("EPERM", SET_IOMMU)),
        ("5.10.0", True, ("EINVAL", GET_DEVICE)),
        ("5.18.0", False, ("EPERM", SET_IOMMU)),
        ("5.19.0", False, ("EPERM", SET_CONTAINER)),
        ("6.12.0", False, ("EPERM", SET_CONTAINER)),
        ("6.12.0", True, ("EPERM", SET_CONTAINER)),
    ],
)
def test_a_group_that_is_not_viable_meets_the_interrupts_first_up_to_5_18(
    release: str, override: bool, met: tuple[str, str]
) -> None:
    host = one_group(GUEST, HOSTS, remapping=False, release=release, override=override)
    whole = attachment(host)
    assert (whole.errno, whole.call) == met
    assert whole.now is Attach.NO
    assert "not_viable" in names(host)


def test_what_comes_first_is_open_where_the_kernel_may_do_either() -> None:
    whole = attachment(one_group(GUEST, HOSTS, remapping=False, release="5.14.0-427.el9.x86_64"))
    assert whole.now is Attach.NO
    assert whole.errno is None


@pytest.mark.parametrize(
    ("release", "met"),
    [("5.18.0", "VFIO_SET_IOMMU"), ("6.1.0", SET_CONTAINER), ("6.12.0", SET_CONTAINER)],
)
def test_memory_of_firmware_is_met_before_the_interrupts(release: str, met: str) -> None:
    host = one_group(GUEST, remapping=False, release=release) | {REGIONS: DIRECT + MSI}
    whole = attachment(host)
    assert whole.attach is Attach.NO
    assert whole.call == met


def test_the_backends_that_count_are_those_that_are_loaded() -> None:
    loaded = one_group(release="6.12.0", iommufd=False)
    both = config(loaded, CDEV)
    without = config(loaded, "# CONFIG_VFIO_DEVICE_CDEV is not set")
    iommufd = config(one_group(release="6.12.0", override=None, iommufd=False), CDEV)
    neither = one_group(release="6.12.0", override=None)
    assert counting(both) == ("type1", "iommufd")
    assert counting(without) == ("type1",), "iommufd has no node to open"
    assert counting(iommufd) == ("iommufd",)
    assert counting(neither) == ("type1",)


def test_where_iommufd_provides_the_container_modprobe_brings_iommufd() -> None:
    host = one_group(release="6.12.0", override=None, iommufd=False)
    container = "CONFIG_IOMMUFD_VFIO_CONTAINER=y"
    of_it = config(host, container, "# CONFIG_VFIO_CONTAINER is not set")
    assert counting(of_it) == ("iommufd",)


def counting(host: dict[str, Entry]) -> tuple[str, ...]:
    return report_of(host).host.counting


def report_of(host: dict[str, Entry], chosen: Choice = NOTHING_CHOSEN) -> Report:
    return evaluate(take(Memory(host)), "now", chosen)


def test_a_chosen_backend_gives_the_headline() -> None:
    """Each backend has its own override; type1's is on here."""
    host = config(one_group(release="6.12.0", remapping=False, override=True, iommufd=False), CDEV)
    [worst] = report_of(host).groups
    [type1] = report_of(host, Choice(backend="type1")).groups
    [iommufd] = report_of(host, Choice(backend="iommufd")).groups
    assert worst.outcome is iommufd.outcome is Outcome.REFUSED
    assert worst.attachment.attach is iommufd.attachment.attach is Attach.NO
    assert iommufd.attachment.call == BIND_IOMMUFD
    assert type1.outcome is Outcome.BY_OVERRIDE
    assert type1.attachment.attach is Attach.BY_OVERRIDE


def hidden(host: dict[str, Entry]) -> dict[str, Entry]:
    """The host without anything that tells whether remapping is on."""
    bare = {
        path: entry
        for path, entry in host.items()
        if "intel-iommu" not in path and "/irq/" not in path and "/msi_irqs/" not in path
    }
    return bare | {"/proc/interrupts": Refused(errno.EACCES)}


def test_an_override_passes_a_group_whose_isolation_is_not_known() -> None:
    for override, attach in ((True, Attach.BY_OVERRIDE), (False, Attach.UNKNOWN)):
        host = hidden(one_group(Function(NIC), release="6.12.0", override=override))
        [only] = report_of(host).groups
        assert only.outcome is Outcome.UNKNOWN
        assert only.attachment.attach is attach
        assert only.attachment.errno is None


def test_a_group_that_no_iommu_translates_is_never_a_yes() -> None:
    for release in ("6.12.0", "7.2.13", "7.3.4"):
        for lines in ((BUILT,), (UNBUILT,), ()):
            for attach in report_of(without_iommu(release, *lines)).groups[0].attachments:
                assert attach[1] is None or attach[1].attach is not Attach.YES
    assert attachment(without_iommu("7.3.4", BUILT)).attach is Attach.NO
    assert attachment(without_iommu("7.3.4", BUILT)).errno == "ENODEV"
    assert attachment(without_iommu("7.3.4", BUILT), "iommufd").attach is Attach.BY_OVERRIDE
    assert attachment(without_iommu("7.3.4", UNBUILT), "iommufd").attach is Attach.NO


def test_a_lasting_blocker_outranks_an_unknown() -> None:
    host = hidden(one_group(Function(NIC), release="6.12.0")) | {REGIONS: DIRECT + MSI}
    whole = attachment(host)
    assert whole.attach is Attach.NO
    assert (whole.errno, whole.call) == ("EINVAL", SET_CONTAINER)


@pytest.mark.parametrize("path", [REGIONS, f"{PLACE}/uevent"])
@pytest.mark.parametrize("bound", [False, True])
def test_what_cannot_be_read_is_unknown_and_never_a_yes(path: str, bound: bool) -> None:
    host = one_group(GUEST if bound else Function(NIC, "IR-PCI-MSIX"), release="6.12.0")
    assert attachment(host).attach is Attach.YES
    whole = attachment(host | {path: Refused(errno.EIO)})
    assert whole.worst is Attach.UNKNOWN
    assert whole.attach is Attach.UNKNOWN


def test_a_group_of_bridges_alone_is_not_attachable_and_out_of_the_exit_status() -> None:
    bridges = one_group(PORT, release="6.12.0", remapping=False)
    [only] = report_of(bridges).groups
    assert not only.attachable
    assert only.attachment.attach is Attach.NO
    assert names(bridges) == ["no_vfio_driver"]
    assert (only.attachment.errno, only.attachment.call) == ("EINVAL", "bind")
    assert report_of(bridges).attachable == ()
    mixed = one_group(PORT, NIC, release="6.12.0", remapping=False)

    assert [each.outcome for each in report_of(mixed).attachable] == [Outcome.REFUSED]


def test_a_device_of_a_bus_without_a_vfio_driver_is_not_attachable() -> None:
    host = one_group("PNP0103:00", release="6.12.0")
    [only] = report_of(host).groups
    assert not only.attachable
    assert (only.attachment.errno, only.attachment.call) == ("ENODEV", "bind")
    assert said(host, "no_vfio_driver", names=("PNP0103:00",)) == [Said("ENODEV", "bind", True)]


def test_a_held_group_is_busy() -> None:
    holder = Holder(pid=7, name="qemu-system-x86", since=None)
    host = config(one_group(GUEST, release="6.12.0", iommufd=False), CDEV)
    of_type1 = said(host, "held", as_is=True, holders=(holder,))
    of_iommufd = said(host, "held", backend="iommufd", as_is=True, holders=(holder,))
    assert of_type1 == [Said("EBUSY", "open", True)]
    assert of_iommufd == [Said(None, BIND_IOMMUFD, True)], "EBUSY or EINVAL, by whose node is open"
    assert said(host, "held", as_is=True) == []


def test_a_device_that_is_on_no_vfio_driver_has_no_node() -> None:
    alone = one_group(Function(NIC, "IR-PCI-MSIX"), release="6.12.0", iommufd=False)
    beside = one_group(
        Function(NIC, "IR-PCI-MSIX"), Function("0000:01:00.1", driver="vfio-pci"),
        release="6.12.0", iommufd=False,
    )  # fmt: skip
    assert said(alone, "not_bound", as_is=True) == [Said("ENOENT", "open", True)]
    assert said(beside, "not_bound", as_is=True) == [Said("ENODEV", GET_DEVICE, True)]
    assert said(beside, "not_bound", backend="iommufd", as_is=True) == [
        Said("ENOENT", "open", True)
    ]
    assert said(alone, "not_bound") == [], "it is bound for the attach"


def test_a_device_whose_driver_cannot_be_read_may_have_a_node() -> None:
    hidden = one_group(GUEST, release="6.12.0") | {f"{PLACE}/uevent": Refused(errno.EIO)}
    assert said(hidden, "not_bound", as_is=True) == [Said("ENOENT", "open", None)]


def test_a_module_that_is_not_loaded_blocks_only_what_stands_on_vfio() -> None:
    host = one_group(GUEST, release="6.12.0", override=None)
    whole = attachment(host)
    assert whole.attach is Attach.YES
    assert whole.now is Attach.NO
    assert (whole.errno, whole.call) == ("ENODEV", SET_IOMMU)
    assert names(host) == ["module_not_loaded"]
    assert names(one_group(release="6.12.0", override=None)) == []


def test_graphics_beside_a_chipset_that_is_not_intels_are_unknown() -> None:
    graphics = Function("0000:00:02.0", "IR-PCI-MSI", "vfio-pci", 0x030000)
    bridge = Function("0000:00:00.0", None, None, 0x060000)
    isa = Function("0000:00:1f.0", None, None, 0x060100)
    host = x86_host({0: (graphics,), 1: (bridge,), 2: (isa,)}, release="6.12.0")
    assert said(host, "igd", names=(graphics.name,)) == []
    odd = with_id(host, isa.name, "1022:10D3")
    assert said(odd, "igd", names=(graphics.name,)) == [Said("EINVAL", GET_DEVICE, None)]
    assert attachment(odd).attach is Attach.UNKNOWN


def test_a_token_is_asked_for_as_it_stands_and_is_no_lasting_matter() -> None:
    whole = attachment(with_token("6.12.0"))
    assert whole.attach is Attach.YES
    assert whole.now is Attach.NO
    assert (whole.errno, whole.call) == ("EACCES", GET_DEVICE)


def test_a_denylisted_device_is_taken_only_if_the_list_is_off() -> None:
    host = with_id(one_group(release="6.12.0"), NIC, "8086:37C8")
    parameter = "/sys/module/vfio_pci/parameters/disable_denylist"
    assert attachment(host | {parameter: b"N\n"}).attach is Attach.NO
    assert attachment(host | {parameter: b"Y\n"}).attach is Attach.YES
    assert attachment(host | {parameter: Refused(errno.EACCES)}).attach is Attach.UNKNOWN
    assert names(host | {parameter: b"N\n"}) == ["denylist"]


def test_every_answer_of_a_refusal_names_an_errno_and_a_call_that_some_blocker_has() -> None:
    """Otherwise the user would be told an error that nothing explains."""
    hosts = (
        one_group(GUEST, HOSTS, release="6.12.0"),
        one_group(release="6.12.0") | {REGIONS: DIRECT + MSI},
        one_group(PORT, release="5.10.0"),
        without_iommu("6.12.0"),
        with_token("6.12.0"),
    )
    for host in hosts:
        whole = attachment(host)
        assert whole.errno is not None
        met = {(each.errno, each.call) for each in whole.blockers}
        assert (whole.errno, whole.call) in met


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("vfio-pci", []),
        ("mlx5_vfio_pci", []),
        ("", [Said("ENODEV", "bind", None)]),
        ("e1000e", [Said("ENODEV", "bind", True)]),
        (None, []),
    ],
)
def test_a_function_that_is_kept_for_another_driver_is_not_known_to_vfio(
    override: str | None, expected: list[Said]
) -> None:
    host = one_group(Function(NIC, "IR-PCI-MSIX"), release="6.12.0")
    path = f"/sys/bus/pci/devices/{NIC}/driver_override"
    read = {} if override is None else {NIC: Fact(override, override.encode(), path)}
    assert said(host, "no_matching_id", overrides=read) == expected
