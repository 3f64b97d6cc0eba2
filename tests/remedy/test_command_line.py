"""The edit of the command line: the exact file and line of each boot loader."""

from __future__ import annotations

import pytest

from tests.kernel.test_boot_loader import HOSTS
from tests.support.hosts import x86_host
from vfioguard.inference.host import Host
from vfioguard.kernel.identity.boot_loader import GRUB, GRUB_D
from vfioguard.reading.take import take
from vfioguard.remedy.command_line import WHERE, edit
from vfioguard.root.memory import Entry, Memory

ADD, OFF = ("intel_iommu=on",), ("intel_iommu=off",)

TRUENAS = """midclt call system.advanced.update '{"kernel_extra_options": "OPTIONS%s"}'"""


def host(name: str) -> Host:
    files: dict[str, Entry] = HOSTS[name][0]
    return Host(take(Memory(x86_host(1) | files)))


@pytest.mark.parametrize(
    ("name", "where", "words"),
    [
        ("nothing", WHERE, "Add `intel_iommu=on` to the kernel command line, and reboot."),
        (
            "debian",
            "/etc/default/grub",
            "Add `intel_iommu=on` to GRUB_CMDLINE_LINUX_DEFAULT, run `update-grub`, and reboot.",
        ),
        (
            "a cloud's image",
            "/etc/default/grub.d/50-cloud.cfg",
            "GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub.d/50-cloud.cfg",
        ),
        ("fedora", 'grubby --update-kernel=ALL --args="intel_iommu=on"', "grubby"),
        ("silverblue", "rpm-ostree kargs --append-if-missing=intel_iommu=on", "rpm-ostree"),
        ("pop", 'kernelstub -a "intel_iommu=on"', "kernelstub"),
        ("nixos", "/etc/nixos/configuration.nix", "`nixos-rebuild boot`"),
        ("raspberry pi", "/boot/firmware/cmdline.txt", "first line of /boot/firmware/cmdline.txt"),
        ("systemd-boot", "/etc/kernel/cmdline", "run `kernel-install add-all`"),
        ("entries alone", "/boot/loader/entries/*.conf", "`options` line"),
        ("an image of mkinitcpio", "/etc/kernel/cmdline", "run `mkinitcpio -P`"),
        ("grub2-bls of SUSE", "/etc/kernel/cmdline", "run `sdbootutil update-all-entries`"),
        ("MicroOS", "/etc/default/grub", "run `transactional-update grub.cfg`"),
        ("limine", WHERE, "the kernel command line in the configuration of Limine"),
        ("limine with its tool", "/etc/default/limine", "run `limine-update`"),
        ("bootc", "/usr/lib/bootc/kargs.d/*.toml", "run `bootc upgrade`"),
        ("openshift", "MachineConfig: spec.kernelArguments", "Add `intel_iommu=on` to `kernelArg"),
        (
            "truenas",
            TRUENAS % " intel_iommu=on",
            "OPTIONS are those that `midclt call system.advanced.config` shows",
        ),
        ("proxmox, GRUB by BIOS", "/etc/default/grub", "run `proxmox-boot-tool refresh`"),
    ],
)
def test_a_word_is_added_where_the_boot_loader_takes_it(name: str, where: str, words: str) -> None:
    step = edit(host(name), add=ADD)
    assert step.where == where
    assert words in step.do
    assert "reboot" in step.do


@pytest.mark.parametrize(
    ("name", "where", "words"),
    [
        ("debian", "/etc/default/grub", "Remove `intel_iommu=off` from GRUB_CMDLINE_LINUX_DEFAULT"),
        ("fedora", 'grubby --update-kernel=ALL --remove-args="intel_iommu=off"', "grubby"),
        ("silverblue", "rpm-ostree kargs --delete-if-present=intel_iommu=off", "rpm-ostree"),
        ("pop", 'kernelstub -d "intel_iommu=off"', "kernelstub"),
        ("arch", WHERE, "Remove `intel_iommu=off` from the kernel command line"),
        ("limine with its tool", WHERE, "in the configuration of Limine"),
        ("bootc", WHERE, "Remove `intel_iommu=off` from the kernel command line"),
        ("openshift", "MachineConfig: spec.kernelArguments", "Remove `intel_iommu=off` from"),
        (
            "truenas",
            TRUENAS % "",
            "without `intel_iommu=off`",
        ),
    ],
)
def test_a_word_is_removed_where_it_stands(name: str, where: str, words: str) -> None:
    step = edit(host(name), remove=OFF)
    assert step.where == where
    assert words in step.do


def test_a_word_of_another_variable_is_removed_there() -> None:
    step = edit(host("debian"), remove=("iommu=pt",))
    assert step.do.startswith("Remove `iommu=pt` from GRUB_CMDLINE_LINUX, ")


BOTH = b'GRUB_CMDLINE_LINUX_DEFAULT="quiet intremap=off"\nGRUB_CMDLINE_LINUX="intremap=off"\n'


def test_a_word_is_removed_wherever_grub_has_it() -> None:
    more: dict[str, Entry] = {f"{GRUB_D}/x.cfg": b'GRUB_CMDLINE_LINUX="nointremap iommu=pt"\n'}
    grub = Host(take(Memory(x86_host(1) | {GRUB: BOTH} | more)))
    step = edit(grub, remove=("intremap=off",))
    assert step.where == GRUB
    assert step.do.startswith(
        "Remove `intremap=off` from GRUB_CMDLINE_LINUX_DEFAULT and GRUB_CMDLINE_LINUX, run "
    )
    step = edit(grub, remove=("intremap=off", "nointremap"))
    assert step.where == f"{GRUB} and {GRUB_D}/x.cfg"
    assert f"GRUB_CMDLINE_LINUX in {GRUB_D}/x.cfg, run" in step.do


@pytest.mark.parametrize(
    ("name", "remove"),
    [
        ("debian", ("intel_iommu=off", "intremap=off")),
        ("systemd-boot", ("intremap=off",)),
        ("raspberry pi", ("iommu.passthrough=1", "intremap=off")),
    ],
)
def test_a_word_that_the_file_lacks_is_not_said_to_be_there(
    name: str, remove: tuple[str, ...]
) -> None:
    step = edit(host(name), remove=remove)
    assert step.where == WHERE
    assert all(f"`{word}`" in step.do for word in remove)


def test_both_at_once_are_one_step() -> None:
    step = edit(host("fedora"), add=ADD, remove=OFF)
    assert step.where == (
        'grubby --update-kernel=ALL --remove-args="intel_iommu=off" --args="intel_iommu=on"'
    )


APPLIED = b"quiet intel_iommu=on\n"
FORGOTTEN: dict[str, tuple[dict[str, Entry], str, str]] = {
    "grub": (
        {GRUB: b'GRUB_CMDLINE_LINUX_DEFAULT="intel_iommu=on iommu=pt"\n'},
        GRUB,
        "run `grub-mkconfig -o /boot/grub/grub.cfg`, and reboot.",
    ),
    "systemd-boot": (
        {"/etc/kernel/cmdline": APPLIED},
        "/etc/kernel/cmdline",
        "run `kernel-install add-all`, and reboot.",
    ),
    "raspberry pi": ({"/boot/cmdline.txt": APPLIED}, "/boot/cmdline.txt", "already: reboot."),
}


@pytest.mark.parametrize("name", FORGOTTEN)
def test_a_word_that_is_in_the_file_already_waits_for_its_command(name: str) -> None:
    files, where, then = FORGOTTEN[name]
    step = edit(Host(take(Memory(x86_host(1) | files))), add=ADD)
    assert step.where == where
    assert step.do == f"`intel_iommu=on` is in {where} already: {then.removeprefix('already: ')}"


def test_a_word_that_a_later_file_takes_back_is_not_there() -> None:
    files: dict[str, Entry] = {
        GRUB: FORGOTTEN["grub"][0][GRUB],
        f"{GRUB_D}/x.cfg": b'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n',
    }
    step = edit(Host(take(Memory(x86_host(1) | files))), add=ADD)
    assert step.do.startswith("Add `intel_iommu=on` to GRUB_CMDLINE_LINUX_DEFAULT in ")


def test_a_word_that_is_running_and_in_the_file_is_no_forgotten_one() -> None:
    files = FORGOTTEN["grub"][0]
    both = ("intel_iommu=on", "intremap=on")
    running = x86_host(1, cmdline=APPLIED)
    assert edit(Host(take(Memory(running | files))), add=both).do.startswith("Add `intel_iommu=on`")


def test_an_allowed_host_is_not_asked_how_it_boots() -> None:
    from tests.support.faults import Watching
    from vfioguard.judging.evaluate import evaluate

    watched = Watching(Memory(x86_host(2) | HOSTS["debian"][0]))
    evaluate(take(watched), "now")
    assert not [path for path in watched.paths if path.startswith(("/etc/default", "/etc/kernel"))]
