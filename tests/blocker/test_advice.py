"""What each kind of blocker tells to do, on synthetic hosts of the kinds that nobody recorded."""

from __future__ import annotations

import errno

import pytest

from tests.support.blocking import config
from tests.support.causing import causes_in
from tests.support.functions import Function
from tests.support.hosts import arm_host, x86_host
from vfioguard.attach import BIND, Blocker
from vfioguard.blocker import Advice
from vfioguard.inference.host import Host
from vfioguard.judging.attachments import kinds
from vfioguard.logic import Answer
from vfioguard.reading.take import take
from vfioguard.report import CauseReport
from vfioguard.root.memory import Entry, Memory, Refused

NAME = "0000:01:00.0"


def advice(
    kind: str, entries: dict[str, Entry], change: tuple[str, ...] = (), device: str = NAME
) -> Advice:
    """What the kind says about the first group's device."""
    host = Host(take(Memory(entries)))
    blocker = Blocker(
        name=kind,
        lasting=True,
        device=device,
        errno="EINVAL",
        call=BIND,
        because=Answer("it blocks", True, ()),
        change=change,
    )
    leaf = next(each for each in kinds() if each.name == kind)
    return leaf.advise(host, host.snapshot.members[0], [blocker])


def said(told: Advice) -> str:
    return "\n".join(f"{step.do} {step.where or ''}" for step in told.change) + (told.useless or "")


NETWORK, STORAGE = 0x020000, 0x010700
PVE = "6.8.12-8-pve"


def of_maker(
    vendor: bytes,
    product: bytes = b"ProLiant",
    pci_class: int = NETWORK,
    cmdline: bytes = b"intel_iommu=on",
    release: str = "6.12.0-amd64",
) -> dict[str, Entry]:
    dmi = "/sys/class/dmi/id"
    host = x86_host({0: [Function(NAME, pci_class=pci_class)]}, cmdline=cmdline, release=release)
    return host | {f"{dmi}/sys_vendor": vendor + b"\n", f"{dmi}/product_name": product + b"\n"}


@pytest.mark.parametrize("vendor", [b"HPE", b"HP", b"Hewlett-Packard"])
def test_hpe_has_its_own_way_out_of_kept_memory(vendor: bytes) -> None:
    told = advice("firmware_memory", of_maker(vendor))
    assert told.useless is None
    assert "HP Shared Memory features" in said(told)
    assert "conrep" in said(told)


@pytest.mark.parametrize(
    ("product", "menu", "tool"),
    [
        (b"ProLiant DL380p Gen8", False, True),
        (b"ProLiant MicroServer Gen8", False, True),
        (b"ProLiant DL380 Gen9", True, False),
        (b"ProLiant DL380 Gen10 Plus", True, False),
        (b"Synergy 480 Gen10", True, False),
        (b"ProLiant DL380 G7", False, False),
        (b"ProLiant", True, True),
        (b"HP EliteDesk 800 G3 SFF", False, False),
        (b"HP Z440 Workstation", False, False),
    ],
)
def test_the_way_out_is_that_of_the_generation(product: bytes, menu: bool, tool: bool) -> None:
    told = advice("firmware_memory", of_maker(b"HP", product))
    assert ("HP Shared Memory features" in said(told)) is menu
    assert ("conrep" in said(told)) is tool
    assert "ProLiant" in said(told) or not (menu or tool)
    assert (told.useless is None) is (menu or tool)


def test_a_card_that_is_no_network_card_hears_of_no_way_for_network_cards() -> None:
    for product in (b"ProLiant DL380p Gen8", b"ProLiant DL380 Gen10", b""):
        told = advice("firmware_memory", of_maker(b"HPE", product, STORAGE))
        assert "network card" not in said(told)
        assert "Update the firmware" in said(told)
        assert told.useless is not None


@pytest.mark.parametrize(
    "release", [PVE, "6.2.16-13-pve", "6.5.11-4-pve", "6.14.8-2-bpo12-pve", "7.0.2-1-pve"]
)
def test_proxmoxs_kernels_have_an_option_that_gives_the_memory_up(release: str) -> None:
    told = advice("firmware_memory", of_maker(b"Dell Inc.", release=release))
    assert told.useless is None
    assert "Update the firmware" in told.change[0].do
    assert "Add `intel_iommu=relax_rmrr` to" in told.change[-1].do
    assert "Risk: " in told.change[-1].do
    hpe = advice("firmware_memory", of_maker(b"HP", b"ProLiant DL380p Gen8", release=release))
    assert ["conrep" in said(hpe), "relax_rmrr" in hpe.change[-1].do] == [True, True]


@pytest.mark.parametrize(
    "release",
    ["6.2.16-12-pve", "6.2.6-1-pve", "5.15.158-1-pve", "6.12.0-amd64", "6.8.0-45-generic"],
)
def test_no_other_kernel_is_offered_it(release: str) -> None:
    told = advice("firmware_memory", of_maker(b"Dell Inc.", release=release))
    assert "relax_rmrr" not in said(told)
    assert told.useless is not None
    assert "no option of this kernel ignores that" in told.useless
    amd = x86_host({0: [Function(NAME)]}, vendor="amd", release=PVE)
    assert "relax_rmrr" not in said(advice("firmware_memory", amd))


@pytest.mark.parametrize("release", [PVE, "6.12.0-amd64"])
def test_a_word_that_is_there_and_does_nothing_is_not_offered_again(release: str) -> None:
    words = b"intel_iommu=on,relax_rmrr"
    told = advice("firmware_memory", of_maker(b"Dell Inc.", cmdline=words, release=release))
    assert told.useless is not None
    assert "`relax_rmrr` on the command line changes nothing here" in told.useless
    assert not any("Add `intel_iommu" in step.do for step in told.change)


@pytest.mark.parametrize("vendor", [b"Dell Inc.", b"Supermicro", b"QEMU"])
def test_no_other_maker_is_told_of_it(vendor: bytes) -> None:
    told = advice("firmware_memory", of_maker(vendor))
    assert told.useless is not None
    assert "HP" not in said(told)
    assert "RMRR" in said(told)


def test_a_guest_has_no_firmware_of_its_own_to_update() -> None:
    assert "pdate the firmware" not in said(advice("firmware_memory", of_maker(b"QEMU")))
    assert "where it runs" in said(advice("firmware_memory", of_maker(b"QEMU")))


def test_amd_and_arm_hear_of_their_own_tables() -> None:
    amd = advice("firmware_memory", x86_host({0: [Function(NAME)]}, vendor="amd"))
    assert "IVMD" in said(amd)
    arm = advice("firmware_memory", arm_host({0: [NAME]}, controller="ITS"))
    assert arm.useless is not None
    assert not {"RMRR", "IVMD", "DMAR"} & set(said(arm).replace("(", " ").replace(")", " ").split())


def test_a_bridge_is_never_bound() -> None:
    bridge = Function(NAME, driver="pcieport", pci_class=0x060400)
    for kind in ("bridge", "no_vfio_driver"):
        told = advice(kind, x86_host({0: [bridge]}))
        assert told.useless is not None
        assert "behind the bridge" in said(told)
        assert "vfio-pci" not in said(told)
    command = f"echo {NAME} > /sys/bus/pci/drivers/shpchp/unbind"
    told = advice("not_viable", x86_host({0: [bridge._replace(driver="shpchp")]}), (command,))
    assert [step.where for step in told.change] == [command]


NOT_BUILT = "# CONFIG_VFIO_PCI is not set", "# CONFIG_VFIO_PLATFORM is not set"


def test_a_driver_that_was_not_built_is_in_another_kernel() -> None:
    port = Function("0000:00:1c.0", driver="pcieport", pci_class=0x060400)
    for members in ([NAME], [port, NAME]):
        told = advice("no_vfio_driver", config(x86_host({0: members}), *NOT_BUILT))
        assert told.useless is None
        assert [step.do for step in told.change] == ["Boot a kernel built with CONFIG_VFIO_PCI."]


def test_no_kernel_of_an_x86_takes_a_platform_device() -> None:
    device = Function("PNP0103:00", driver=None, bus="platform")
    told = advice("no_vfio_driver", config(x86_host({0: [device]}), *NOT_BUILT))
    assert told.useless is not None
    assert "CONFIG" not in said(told)
    bridges = Function(NAME, driver="pcieport", pci_class=0x060400)
    told = advice("no_vfio_driver", config(x86_host({0: [bridges]}), *NOT_BUILT))
    assert "behind the bridge" in said(told)


def test_a_platform_device_gets_the_driver_of_its_bus() -> None:
    device = Function("8000000.dma", driver=None, bus="platform")
    told = advice("not_bound", arm_host({0: [device]}, controller="ITS"), device=device.name)
    assert "driverctl --bus platform set-override 8000000.dma vfio-platform" in said(told)
    assert "vfio-pci" not in said(told)
    assert "virsh" not in said(told)


def test_a_function_is_bound_in_one_of_three_ways() -> None:
    for kind in ("not_bound", "not_viable", "no_matching_id"):
        told = advice(kind, x86_host({0: [Function(NAME)]}))
        assert f"driverctl set-override {NAME} vfio-pci" in said(told)
        assert "virsh nodedev-detach pci_0000_01_00_0" in said(told)
        assert "driver_override" in said(told)


DISK = Function("0000:0f:00.0", driver="nvme", pci_class=0x010802)
SOUND = Function("0000:0e:00.1", driver="snd_hda_intel", pci_class=0x040300)


def mixed(*others: Function) -> dict[str, CauseReport]:
    group = [Function("0000:0e:00.0", driver="vfio-pci"), SOUND, *others]
    return {cause.name: cause for cause in causes_in(Memory(x86_host({0: group})))[0]}


def test_what_the_host_may_need_is_named_first_and_bound_last() -> None:
    cause = mixed(DISK)["not_viable"]
    assert cause.sentence.startswith(
        "0000:0f:00.0 is on nvme, a driver of the host (and 1 more: 0000:0e:00.1): "
    )
    mind, first, *_ = cause.change
    assert mind.do.startswith("See first that the host can do without 0000:0f:00.0; ")
    assert first.where == "driverctl set-override 0000:0e:00.1 vfio-pci"
    assert first.do.endswith("Do the same for 0000:0f:00.0.")


def test_a_group_without_such_a_device_needs_no_look() -> None:
    assert mixed()["not_viable"].change[0].do == "Bind 0000:0e:00.1 to vfio-pci, for good."


def test_of_many_devices_the_first_are_named_and_the_rest_is_counted() -> None:
    cause = mixed(*(SOUND._replace(name=f"0000:0e:0{n}.0", driver=f"d{n}") for n in range(1, 6)))
    assert "(and 5 more: 0000:0e:01.0, 0000:0e:02.0, 0000:0e:03.0 ...)" in (
        cause["not_viable"].sentence
    )


def test_a_member_whose_driver_cannot_be_read_is_told_in_plain_words() -> None:
    host = x86_host({0: [Function("0000:0e:00.0", driver="vfio-pci"), SOUND]})
    hidden = next(path for path in host if path.endswith("0000:0e:00.1/uevent"))
    causes = causes_in(Memory(host | {hidden: Refused(errno.EACCES)}))[0]
    sentence = next(cause.sentence for cause in causes if cause.name == "not_viable")
    assert sentence.startswith(
        "It is not known whether a driver of the host has 0000:0e:00.1. If so, "
    )


def test_an_owner_of_virtual_functions_loses_them_before_it_is_bound() -> None:
    host = x86_host({0: [Function(NAME)]})
    home = next(path for path in host if path.endswith(f"{NAME}/uevent")).removesuffix("/uevent")
    told = advice("not_viable", host | {f"{home}/sriov_numvfs": b"2\n", f"{home}/virtfn0": b""})
    wheres = [step.where for step in told.change]
    assert wheres[1] == f"echo 0 > /sys/bus/pci/devices/{NAME}/sriov_numvfs"


def test_the_token_is_given_as_the_blocker_says() -> None:
    command = f"QEMU: -device vfio-pci,host={NAME},vf-token=UUID"
    told = advice("vf_token", x86_host({0: [Function(NAME)]}), (command,))
    assert told.change[0].where == command
    assert "Hand out its virtual" in said(advice("vfs_enabled", x86_host({0: [Function(NAME)]})))
    assert "End the guest" in said(advice("held", x86_host({0: [Function(NAME)]})))


def test_the_container_is_the_way_round_nodes_that_are_missing() -> None:
    host = x86_host({0: [Function(NAME)]}, iommufd=False)
    assert "container" in said(advice("no_cdev", host))
