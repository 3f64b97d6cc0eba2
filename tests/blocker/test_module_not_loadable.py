"""vfio-pci is not loaded, and nothing can load it on this boot."""

from __future__ import annotations

from typing import cast

import pytest

from tests.support.functions import Function
from tests.support.hosts import x86_host
from vfioguard.attach import Attach
from vfioguard.judging.again import judge_again
from vfioguard.judging.evaluate import evaluate, judge
from vfioguard.reading import refresh
from vfioguard.reading.take import take
from vfioguard.report import GroupReport
from vfioguard.root.memory import Entry, Memory

RELEASE = "6.12.0-amd64"
LOADED = {"/sys/module/vfio_pci": None}
DISABLED = {"/proc/sys/kernel/modules_disabled": b"1\n"}
UPDATED = {"/lib/modules/6.12.9-amd64": None}
WORD = b"module_blacklist=nouveau,vfio_pci"


def host(more: dict[str, Entry], cmdline: bytes = b"", driver: str = "e1000e") -> dict[str, Entry]:
    function = Function("0000:01:00.0", "IR-PCI-MSIX", driver)
    return x86_host({1: [function]}, release=RELEASE, cmdline=cmdline) | more


def group(entries: dict[str, Entry]) -> GroupReport:
    (found,) = evaluate(take(Memory(entries)), "now").groups
    return found


@pytest.mark.parametrize(
    ("more", "cmdline", "source"),
    [
        ({}, WORD, "/proc/cmdline"),
        ({}, b"module_blacklist=vfio", "/proc/cmdline"),
        (DISABLED, b"", "/proc/sys/kernel/modules_disabled"),
        (UPDATED, b"", "/lib/modules"),
    ],
)
def test_no_device_can_be_bound(more: dict[str, Entry], cmdline: bytes, source: str) -> None:
    found = group(host(more, cmdline))
    attachment = found.attachment
    assert attachment.attach is Attach.NO
    assert (attachment.errno, attachment.call) == ("ENOENT", "open")
    assert found.causes == ("module_not_loadable",)
    (blocker,) = attachment.blockers
    assert [getattr(fact, "source", None) for fact in blocker.because.because] == [source]


@pytest.mark.parametrize(
    ("more", "cmdline"),
    [
        (LOADED, WORD),
        (LOADED | DISABLED | UPDATED, b""),
        ({}, b"module_blacklist=vfio_iommu_type1,vfio_pci_fancy"),
        ({"/proc/sys/kernel/modules_disabled": b"0\n"}, b""),
        (UPDATED | {f"/lib/modules/{RELEASE}": None}, b""),
        ({"/lib/modules": None}, b""),
    ],
)
def test_a_module_that_is_loaded_or_can_be_is_nothing_to_tell(
    more: dict[str, Entry], cmdline: bytes
) -> None:
    assert group(host(more, cmdline)).attachment.attach is Attach.YES


def test_what_is_built_in_needs_no_module() -> None:
    entries = host(DISABLED)
    config = f"/boot/config-{RELEASE}"
    built = cast("bytes", entries[config]) + b"CONFIG_VFIO_PCI=y\n"
    assert group(entries | {config: built}).attachment.attach is Attach.YES


def test_a_group_that_is_bound_already_needs_none() -> None:
    assert group(host(LOADED | DISABLED, driver="vfio-pci")).attachment.now is Attach.YES


def test_it_is_read_again_with_the_parameters() -> None:
    before, after = Memory(host({})), Memory(host(DISABLED))
    first = judge(take(before), "now")
    again = judge_again(first, refresh.overrides(after, first.snapshot), "now")
    assert again.report == evaluate(take(after), "now")
    assert again.report.groups[0].attachment.attach is Attach.NO
