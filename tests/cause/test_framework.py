"""The room of causes: found by their files, told in order, loaded only for what is not isolated."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support import hosts, trees
from tests.support.causing import causes, causes_in
from vfioguard import leaves
from vfioguard.cause import Cause
from vfioguard.judging.causes import cause_names
from vfioguard.report import Step
from vfioguard.root.memory import Entry, Memory


def test_a_cause_is_called_as_its_file() -> None:
    named = {leaf: leaves.load("vfioguard.cause", leaf, "CAUSE", Cause) for leaf in cause_names()}
    assert named
    assert {leaf: cause.name for leaf, cause in named.items()} == {leaf: leaf for leaf in named}


def test_a_group_whose_interrupts_are_isolated_has_no_cause() -> None:
    assert causes(hosts.x86_host(2)) == {}


def test_a_report_of_isolated_groups_loads_no_cause(tmp_path: Path) -> None:
    tree = trees.write(tmp_path, hosts.x86_host(3))
    code = (
        "import sys\n"
        "from vfioguard.inference.host import Host\n"
        "from vfioguard.judging.causes import causes_of\n"
        "from vfioguard.judging.evaluate import judge\n"
        "from vfioguard.reading.take import take\n"
        "from vfioguard.root.opening import open_root\n"
        f"judged = judge(take(open_root({tree!r})), 'now')\n"
        "host = Host(judged.snapshot)\n"
        "groups = judged.report.groups\n"
        "assert len(groups) == 3\n"
        "assert not any(causes_of(host, g, judged.snapshot.group(g.id)) for g in groups)\n"
        "print(*sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    loaded = result.stdout.split()
    assert "vfioguard.judging.causes" in loaded
    assert not [name for name in loaded if name.startswith("vfioguard.cause")]


def ways(host: dict[str, Entry]) -> tuple[Step, ...]:
    """The last resort of group 0: that of its last cause."""
    *others, last = causes_in(Memory(host))[0]
    assert not any(cause.last_resort for cause in others)
    return last.last_resort


def test_the_override_is_the_last_resort_and_says_what_it_gives_away() -> None:
    now, for_good = ways(hosts.x86_host(1, remapping=False, cmdline=b"intremap=off"))
    path = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
    assert now.where == f"echo Y > {path}"
    assert for_good.where is not None
    assert "options vfio_iommu_type1 allow_unsafe_interrupts=1" in for_good.where
    assert "a guest can then raise any interrupt of the host, through any device" in now.do


def test_a_module_that_is_not_loaded_has_no_file_to_write() -> None:
    (way,) = ways(hosts.x86_host(1, remapping=False, override=None, cmdline=b"intremap=off"))
    assert "modprobe.d" in (way.where or "")
    assert "a guest can then raise any interrupt of the host, through any device" in way.do


def test_each_backend_has_the_parameter_of_its_own() -> None:
    steps = ways(
        hosts.x86_host(1, remapping=False, override=True, iommufd=False, cmdline=b"intremap=off")
    )
    told = " ".join(step.where or "" for step in steps)
    assert "/sys/module/iommufd/" in told
    assert "vfio_iommu_type1" not in told  # it is on already


def test_of_two_backends_the_second_is_told_by_its_name() -> None:
    steps = ways(hosts.x86_host(1, remapping=False, iommufd=False, cmdline=b"intremap=off"))
    assert [step.do.split(":")[0] for step in steps[1:]] == [
        "Or for good", "The same for iommufd", "Or for good",
    ]  # fmt: skip


def test_a_built_in_backend_takes_the_override_from_the_command_line() -> None:
    host = hosts.x86_host(1, remapping=False, cmdline=b"intremap=off")
    config = host["/boot/config-6.12.0-amd64"]
    assert isinstance(config, bytes)
    built_in = config.replace(b"CONFIG_VFIO_IOMMU_TYPE1=m", b"CONFIG_VFIO_IOMMU_TYPE1=y")
    step = ways(host | {"/boot/config-6.12.0-amd64": built_in})[-1]
    assert "add `vfio_iommu_type1.allow_unsafe_interrupts=1`" in step.do
    assert "modprobe" not in step.do
