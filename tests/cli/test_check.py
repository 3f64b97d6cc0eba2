"""`vfioguard check`: the gate for scripts, from the command line to the exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import trees
from tests.support.functions import Function
from tests.support.hosts import x86_host
from vfioguard.cli import main
from vfioguard.root.memory import Entry, Link

REPOSITORY = Path(__file__).parent.parent.parent
FIXTURES = REPOSITORY / "tests" / "fixtures"
HOSTS = FIXTURES / "sysfs"
REFUSED = str(HOSTS / "6.12-amd64--vtd-noir" / "as-booted.tar.xz")
MIXED = str(HOSTS / "6.12-amd64--vtd-ir-andd" / "bound.tar.xz")
OVERRIDE = str(HOSTS / "6.1-amd64--vtd-noir-unsafe" / "as-booted.tar.xz")
NOIOMMU = str(HOSTS / "6.12lab-amd64--none-noiommu" / "bound.tar.xz")
TRIO = str(FIXTURES / "field" / "other--amd-mixed-group-not-viable" / "root.tar.xz")
NIC, OTHER, ALONE = "0000:01:00.0", "0000:01:00.1", "0000:02:00.0"
_ROUTES = (
    b"Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
    b"eth0\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
)


def place(name: str) -> str:
    return f"/sys/devices/pci{name[:7]}/{name}"


def host() -> dict[str, Entry]:
    """Two functions of one group on drivers of the host, and one alone that holds the route."""
    groups = {1: [Function(NIC), Function(OTHER, driver="igb")], 2: [Function(ALONE)]}
    net = f"{place(ALONE)}/net/eth0"
    return x86_host(groups) | {
        f"{place(ALONE)}/uevent": b"DRIVER=e1000e\nPCI_CLASS=20000\nPCI_ID=8086:1533\n",
        f"{place(ALONE)}/driver_override": b"(null)\n",
        f"{place(NIC)}/driver_override": b"(null)\n",
        f"{place(OTHER)}/driver_override": b"igb\n",
        "/sys/class/net/eth0": Link(f"../../..{net}"),
        f"{net}/device": Link(f"../../../{ALONE}"),
        "/proc/net/route": _ROUTES,
    }


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(trees.write(tmp_path / "root", host()))


class Ran:
    """What a command line came to, in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
        self.status = main(["check", *arguments])
        printed = capsys.readouterr()
        self.lines = printed.out.splitlines()
        self.errors = printed.err.splitlines()


@pytest.mark.parametrize(
    ("at", "targets", "status"),
    [
        (MIXED, ["0000:01:00.0"], 0),
        (OVERRIDE, ["0000:01:00.0"], 1),
        (REFUSED, ["0000:01:00.0"], 2),
        (MIXED, ["0000:01:00.0", "0000:99:00.0"], 3),
        (OVERRIDE, ["0000:01:00.0", "0000:99:00.0"], 3),
        (REFUSED, ["0000:01:00.0", "0000:99:00.0"], 2),
        (REFUSED, ["0000:99:00.0", "0000:01:00.0"], 2),
        (MIXED, ["0000:99:00.0"], 3),
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_the_status_is_2_over_3_over_1(
    at: str, targets: list[str], status: int, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Ran(capsys, ("--root", at, "-o", form, *targets)).status == status


def test_targets_are_judged_together(capsys: pytest.CaptureFixture[str], root: str) -> None:
    alone = Ran(capsys, ("--root", root, NIC))
    assert alone.status == 2
    assert f"{OTHER} is on igb" in alone.lines[0]
    both = Ran(capsys, ("--root", root, NIC, OTHER))
    assert both.status == 0
    assert [line.partition(": ")[0] for line in both.lines] == [
        f"yes {NIC} group:1",
        f"yes {OTHER} group:1",
    ]
    assert all("bind to a VFIO driver first: " in line for line in both.lines)
    assert Ran(capsys, ("--root", root, "--now", NIC, OTHER)).status == 2


def test_the_interrupts_alone_promise_no_attach(
    capsys: pytest.CaptureFixture[str], root: str
) -> None:
    asked = Ran(capsys, ("--root", root, "--interrupts", NIC))
    assert asked.status == 0
    assert asked.lines == [
        f"yes {NIC} group:1: the interrupt rule lets it pass; nothing else was judged"
    ]


def test_no_interrupt_rule_lets_a_no_iommu_group_pass(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = Ran(capsys, ("--root", NOIOMMU, "--interrupts", "group:2", "0000:02:00.0"))
    assert asked.status == 3
    assert [line.partition(" ")[0] for line in asked.lines] == ["unknown", "unknown"]
    assert Ran(capsys, ("--root", NOIOMMU, "group:2")).status == 2


def test_a_driver_that_cannot_be_read_is_not_said_to_be_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = x86_host({1: [Function(NIC, driver="vfio-pci")]})
    root = str(trees.write(tmp_path / "root", entries | {f"{place(NIC)}/uevent": Link("uevent")}))
    asked = Ran(capsys, ("--root", root, "--now", NIC))
    assert asked.status == 3
    (line,) = asked.lines
    assert line.startswith(f"unknown {NIC} group:1: it is not known whether")
    assert "set-override" not in line


def test_a_recorded_group_is_yes_once_all_its_members_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = ["0000:0e:00.0", "0000:0e:00.1", "0000:0f:00.0"]
    statuses = [Ran(capsys, ("--root", TRIO, *names[:count])).status for count in (1, 2, 3)]
    assert statuses == [2, 2, 0]
    assert Ran(capsys, ("--root", TRIO, "group:0")).status == 0


def test_it_is_said_how_a_function_is_bound_that_no_id_matches(
    capsys: pytest.CaptureFixture[str], root: str
) -> None:
    (line,) = Ran(capsys, ("--root", root, ALONE)).lines
    assert f"first: {ALONE} (driverctl set-override {ALONE} vfio-pci)" in line
    line = Ran(capsys, ("--root", root, OTHER, NIC)).lines[0]
    assert f"{OTHER} is kept for igb by its driver_override" in line
    ran = Ran(capsys, ("--root", root, "--json", OTHER, NIC))
    blockers = json.loads(ran.lines[0])["targets"][0]["blockers"]
    (told,) = [each for each in blockers if each["name"] == "no_matching_id"]
    assert (told["device"], told["errno"], told["call"], told["lasting"]) == (
        OTHER, "ENODEV", "bind", False,
    )  # fmt: skip
    assert told["change"][1] == "virsh nodedev-detach pci_0000_01_00_1"
    assert told["change"][2] == (
        "modprobe vfio-pci"
        f" && echo vfio-pci > /sys/bus/pci/devices/{OTHER}/driver_override"
        f" && echo {OTHER} > /sys/bus/pci/devices/{OTHER}/driver/unbind"
        f" && echo {OTHER} > /sys/bus/pci/drivers/vfio-pci/bind"
    )
    assert told["because"]["truth"] is True


def test_an_interface_is_its_function(capsys: pytest.CaptureFixture[str], root: str) -> None:
    ran = Ran(capsys, ("--root", root, "eth0"))
    assert ran.status == 0
    assert ran.lines[0].startswith(f"yes eth0 ({ALONE}) group:2: ")
    assert Ran(capsys, ("--root", root, "eth1")).status == 3


def test_an_id_is_one_target_over_several_groups(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    entries = x86_host({1: [Function(NIC)], 2: [Function(ALONE)]})
    at = str(trees.write(tmp_path / "root", entries))
    ran = Ran(capsys, ("--root", at, "8086:10D3"))
    assert ran.status == 0
    assert ran.lines[0].startswith(f"yes 8086:10d3 ({NIC}, {ALONE}) group:1,2: ")


@pytest.mark.parametrize(
    ("expect", "status"),
    [(["8086:1533"], 0), (["0x8086:0x1533"], 0), (["8086:10d3", "8086:1533"], 0),
     (["8086:10d3"], 2)],
)  # fmt: skip
def test_another_device_than_is_expected_is_no(
    expect: list[str], status: int, capsys: pytest.CaptureFixture[str], root: str
) -> None:
    flags = [part for each in expect for part in ("--expect", each)]
    ran = Ran(capsys, ("--root", root, *flags, ALONE))
    assert ran.status == status
    if status:
        assert ran.lines[0].startswith(f"no {ALONE} group:2: {ALONE} is 8086:1533, not 8086:10d3; ")


def test_a_device_that_shows_no_id_may_be_another(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    entries = host()
    entries[f"{place(ALONE)}/uevent"] = b"DRIVER=e1000e\nPCI_CLASS=20000\n"
    at = str(trees.write(tmp_path / "other", entries))
    assert Ran(capsys, ("--root", at, ALONE)).status == 0
    ran = Ran(capsys, ("--root", at, "--expect", "8086:1533", ALONE))
    assert ran.status == 3
    assert f"it is not known whether {ALONE} is 8086:1533" in ran.lines[0]


def test_what_the_host_needs_is_said_and_refused_only_if_asked(
    capsys: pytest.CaptureFixture[str], root: str
) -> None:
    said = f"the host needs {ALONE}: it has the interface of the default route"
    ran = Ran(capsys, ("--root", root, ALONE))
    assert (ran.status, said in ran.lines[0]) == (0, True)
    ran = Ran(capsys, ("--root", root, "--refuse-host-critical", ALONE))
    assert ran.status == 2
    assert ran.lines[0].count(said) == 1
    assert Ran(capsys, ("--root", root, "--refuse-host-critical", NIC, OTHER)).status == 0
    document = json.loads(Ran(capsys, ("--root", root, "--json", ALONE)).lines[0])
    roles = {ALONE: ["the interface of the default route"]}
    assert document["targets"][0]["host_critical"] == roles


def test_what_the_host_may_need_is_said_to_who_refuses_that(
    capsys: pytest.CaptureFixture[str], root: str
) -> None:
    said = "; whether the host needs it is not known (the disk of /, "
    ran = Ran(capsys, ("--root", root, "--refuse-host-critical", NIC, OTHER))
    assert (ran.status, said in ran.lines[0]) == (0, True)
    ran = Ran(capsys, ("--root", root, NIC, OTHER))
    assert "is not known" not in ran.lines[0]


def test_of_what_vfio_has_the_host_needs_a_display_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """No disk, interface or line is behind a function that is on VFIO; its framebuffer stays."""
    entries = host()
    for name, kind in ((ALONE, b"20000"), (OTHER, b"30000")):
        entries[f"{place(name)}/uevent"] = b"DRIVER=vfio-pci\nPCI_CLASS=%s\n" % kind
    entries[f"{place(OTHER)}/boot_vga"] = b"1\n"
    at = str(trees.write(tmp_path / "bound", entries))
    ran = Ran(capsys, ("--root", at, "--refuse-host-critical", ALONE))
    assert (ran.status, ran.lines) == (0, [f"yes {ALONE} group:2: it can be attached as it is"])
    ran = Ran(capsys, ("--root", at, "--refuse-host-critical", OTHER))
    assert ran.status == 2
    assert f"the host needs {OTHER}: it has the console's display" in ran.lines[0]


def test_no_command_takes_a_device_from_the_host_that_the_host_needs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    members = [
        Function("0000:0e:00.0", None, "vfio-pci"),
        Function("0000:0e:00.1", "IR-PCI-MSIX", "snd_hda_intel", 0x040300),
        Function("0000:0f:00.0", "IR-PCI-MSIX", "nvme", 0x010802),
    ]
    entries = x86_host({0: members})
    ran = Ran(capsys, ("--root", trees.write(tmp_path / "a", entries), "0000:0e:00.0"))
    assert "driverctl set-override 0000:0e:00.1" in ran.lines[0]
    assert "0000:0f:00.0" in ran.lines[0]
    assert "driverctl set-override 0000:0f:00.0" not in ran.lines[0]  # it may be the disk of /
    entries["/CAPTURE/roles"] = b"0000:0f:00.0 the disk of /\n"
    ran = Ran(capsys, ("--root", trees.write(tmp_path / "b", entries), "0000:0e:00.0"))
    assert ran.lines[0].startswith("no 0000:0e:00.0 group:0: 0000:0f:00.0 is on nvme, a driver")
    assert "driverctl set-override 0000:0f:00.0" not in ran.lines[0]
    assert "driverctl set-override 0000:0e:00.1" in ran.lines[0]
    assert "the host needs 0000:0f:00.0: it has the disk of /" in ran.lines[0]


def test_what_the_host_may_need_is_said_of_no_other_target(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    entries = host() | {f"{place(ALONE)}/uevent": b"DRIVER=vfio-pci\nPCI_CLASS=20000\n"}
    at = str(trees.write(tmp_path / "bound", entries))
    alone = Ran(capsys, ("--root", at, "--refuse-host-critical", ALONE)).lines
    together = Ran(capsys, ("--root", at, "--refuse-host-critical", ALONE, NIC, OTHER)).lines
    assert alone == together[:1]
    assert "whether the host needs it is not known" in together[1]


@pytest.mark.parametrize("backend", ["iommufd", "spapr_tce"])
def test_a_backend_that_the_kernel_lacks_is_named(
    backend: str, capsys: pytest.CaptureFixture[str], root: str
) -> None:
    ran = Ran(capsys, ("--root", root, "--backend", backend, ALONE))
    assert ran.status == 2
    assert f": this kernel has no {backend} (ENOENT from open)" in ran.lines[0]


@pytest.mark.parametrize(
    "words", [("--policy", "iommufd_device_bind"), ("--backend", "iommufd")], ids=" ".join
)
@pytest.mark.parametrize("at", [(NIC,), ("group:1",), (NIC, OTHER)], ids=" ".join)
def test_a_backend_that_may_be_there_is_named(
    words: tuple[str, ...], at: tuple[str, ...], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The interrupts of the group are fine, so that they are no reason of an unknown."""
    entries = {path: entry for path, entry in host().items() if not path.startswith("/boot/")}
    root = str(trees.write(tmp_path / "host", entries))
    for line in Ran(capsys, ("--root", root, *words, *at)).lines:
        assert line.startswith("unknown ")
        assert ": it is not known whether this kernel has iommufd" in line
    told = json.loads(Ran(capsys, ("--root", root, "--json", *words, *at)).lines[0])
    assert {name for each in told["targets"] for name in each["causes"]} >= {"no_backend"}
    assert main(["explain", "--root", root, *words, at[0]]) == 3
    screen = capsys.readouterr().out
    assert "It is not known whether this kernel has iommufd." in screen
    assert "Which interrupt test" not in screen


@pytest.mark.parametrize("flags", [("--json",), ("-o", "json"), ("--output", "json")])
def test_json_has_all_targets_in_their_order(
    flags: tuple[str, ...], capsys: pytest.CaptureFixture[str], root: str
) -> None:
    ran = Ran(capsys, ("--root", root, *flags, NIC, "nothing", ALONE, NIC))
    document = json.loads("\n".join(ran.lines))
    assert (ran.status, document["answer"], ran.errors) == (2, "no", [])
    assert [each["target"] for each in document["targets"]] == [NIC, "nothing", ALONE, NIC]
    assert [each["answer"] for each in document["targets"]] == ["no", "unknown", "yes", "no"]
    assert {"schema_version", "generated_at", "stale", "read_at"} < set(document)


@pytest.mark.parametrize("verb", ["check", "report", "explain"])
def test_a_policy_of_another_backend_is_a_usage_error_before_anything_is_read(verb: str) -> None:
    target = [] if verb == "report" else ["group:0"]
    result = subprocess.run(
        [sys.executable, "-m", "vfioguard", verb, "--root", "/nowhere", "--policy",
         "iommufd_device_bind", "--backend", "type1", *target],
        cwd=REPOSITORY, capture_output=True, text=True, check=False, env=os.environ,
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (3, "")
    usage, line = result.stderr.splitlines()
    assert usage.startswith("usage: vfioguard")
    assert line.endswith(
        "--policy iommufd_device_bind decides for iommufd, not for --backend type1"
    )


@pytest.mark.parametrize(
    "target",
    ["", " ", "\x1b[2J", "a\nb", "group:0x", "0000:01:00.0 x", "8086:10d3x", "eth0/../eth0",
     "/dev/vfio/devices/vfio9", "/sys/", "pci_1_2_3", "1" * 100_000, "group:" + "1" * 100_000],
)  # fmt: skip
def test_a_target_that_is_none_is_one_short_line(
    target: str, capsys: pytest.CaptureFixture[str], root: str
) -> None:
    ran = Ran(capsys, ("--root", root, target))
    assert (ran.status, ran.lines) == (3, [])
    (line,) = ran.errors
    assert line.startswith("vfioguard check: no ")
    assert line.isprintable()
    assert len(line) < 400


@pytest.mark.parametrize("verb", ["check", "explain"])
@pytest.mark.parametrize("target", ["group:1", NIC, "8086:10d3"])
def test_nothing_is_said_to_be_absent_if_the_groups_cannot_be_read(
    target: str, verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    groups = "/sys/kernel/iommu_groups"
    entries = {path: entry for path, entry in host().items() if not path.startswith(groups)}
    root = trees.write(tmp_path / "root", entries | {groups: Link("iommu_groups")})
    assert main([verb, "--root", str(root), target]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f"{target!r} is not known: {groups} cannot be read (ELOOP)")


@pytest.mark.timeout(60)
def test_ten_thousand_targets_are_as_many_lines(
    capsys: pytest.CaptureFixture[str], root: str
) -> None:
    names = [NIC, OTHER, "group:1", "8086:1533"] * 2000 + [
        f"0000:99:00.{n % 8}" for n in range(2000)
    ]
    ran = Ran(capsys, ("--root", root, *names))
    assert (ran.status, len(ran.lines), len(ran.errors)) == (3, 8000, 2000)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["chekc", NIC], "no VERB 'chekc'; did you mean check?"),
        (["reprot"], "no VERB 'reprot'; did you mean report?"),
        (["check", "--nwo", NIC], "--nwo; did you mean --now?"),
        (["check", "--expct=8086:10d3", NIC], "did you mean --expect?"),
        (["check", "--host-critical", NIC], "did you mean --refuse-host-critical?"),
        (["report", "--outptu", "json"], "did you mean --output?"),
        (["xyzzy"], "choose from report, check, explain, "),
    ],
)
def test_a_slip_in_a_verb_or_an_option_is_told_what_may_be_meant(
    arguments: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 3
    assert meant in capsys.readouterr().err.splitlines()[-1]


def test_waiting_is_for_a_live_host(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, ("--root", MIXED, "--wait", "5", "group:0"))
    assert (ran.status, ran.lines) == (3, [])
    assert "--wait is for a live host" in ran.errors[-1]


@pytest.mark.parametrize("wait", ["0", "-1", "1.5", "x", "", "1000000"])
def test_a_wait_is_whole_seconds(wait: str, capsys: pytest.CaptureFixture[str], root: str) -> None:
    assert Ran(capsys, ("--root", root, f"--wait={wait}", NIC)).status == 3


def test_a_yes_is_not_waited_for(capsys: pytest.CaptureFixture[str], root: str) -> None:
    assert Ran(capsys, ("--root", root, "--wait", "60", ALONE)).status == 0
