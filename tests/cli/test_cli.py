"""The commands as scripts and people meet them: words, streams and exit statuses."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import trees
from tests.support.commands import VFIOGUARD
from tests.support.functions import CONFIG_WITHOUT_MSI, Function
from tests.support.hosts import x86_host
from vfioguard.root.memory import Entry

HOSTS = Path(__file__).parent.parent / "fixtures" / "sysfs"
REFUSED = str(HOSTS / "6.12-amd64--vtd-noir" / "as-booted.tar.xz")
MIXED = str(HOSTS / "6.12-amd64--vtd-ir-andd" / "bound.tar.xz")
ALLOWED = str(HOSTS / "6.12-amd64--vtd-ir" / "as-booted.tar.xz")
OVERRIDE = str(HOSTS / "6.1-amd64--vtd-noir-unsafe" / "as-booted.tar.xz")
UNKNOWN = str(HOSTS / "6.12lab-amd64--none-noiommu" / "bound.tar.xz")
NO_GROUPS = str(HOSTS / "6.12-amd64--none" / "as-booted.tar.xz")


def vfioguard(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*VFIOGUARD, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        timeout=120,
    )


@pytest.mark.parametrize(
    ("root", "status"),
    [(ALLOWED, 0), (OVERRIDE, 1), (REFUSED, 2), (MIXED, 2), (UNKNOWN, 3), (NO_GROUPS, 3)],
)
@pytest.mark.parametrize("output", ["text", "json", "prometheus", "nfd"])
def test_report_exits_with_the_worst_outcome(root: str, status: int, output: str) -> None:
    result = vfioguard("report", "--root", root, "--output", output)
    assert (result.returncode, result.stderr) == (status, "")
    assert result.stdout


@pytest.mark.parametrize("verb", ["check", "explain"])
@pytest.mark.parametrize(
    ("root", "targets", "status"),
    [
        (MIXED, ["0000:01:00.0"], 0),
        (MIXED, ["01:00.0"], 0),
        (MIXED, ["group:0"], 2),
        (MIXED, ["PNP0103:00"], 2),
        (MIXED, ["0000:01:00.0", "group:0"], 2),
        (OVERRIDE, ["0000:01:00.0"], 1),
        (UNKNOWN, ["group:0"], 2),  # a group that no IOMMU translates, and type1
        (NO_GROUPS, ["0000:00:00.0"], 2),
    ],
)
def test_check_and_explain_exit_with_the_worst_target(
    verb: str, root: str, targets: list[str], status: int
) -> None:
    result = vfioguard(verb, "--root", root, *targets)
    assert (result.returncode, result.stderr) == (status, "")


def test_check_prints_one_line_for_each_target() -> None:
    result = vfioguard("check", "--root", MIXED, "0000:01:00.0", "group:0")
    first, second = result.stdout.splitlines()
    assert first.startswith("yes 0000:01:00.0 group:15: ")
    assert second.startswith("no group:0: ")
    assert "EPERM from VFIO_SET_IOMMU" in second


def test_check_answers_for_the_others_if_one_target_is_not_there() -> None:
    result = vfioguard("check", "--root", MIXED, "0000:01:00.0", "0000:99:00.0")
    assert result.returncode == 3
    assert result.stdout.startswith("yes 0000:01:00.0 group:15: ")
    assert result.stderr.startswith("vfioguard check: no device '0000:99:00.0' here; ")


@pytest.mark.parametrize("target", ["0000:99:00.0", "group:999", "nonsense", "group:", ""])
def test_an_unknown_target_says_which_exist(target: str) -> None:
    result = vfioguard("check", "--root", MIXED, target)
    assert result.returncode == 3
    (line,) = result.stderr.splitlines()
    assert re.search(r"(group:[0-9]|0000:[0-9a-f:.]{7})", line)


@pytest.mark.parametrize("verb", [("report", "--root"), ("diff", MIXED), ("capture",)])
def test_a_path_cannot_break_the_line_of_an_error(verb: tuple[str, ...]) -> None:
    result = vfioguard(*verb, "/no\nhost\x1b[31m")
    assert result.returncode == 3
    assert result.stderr.startswith(r"vfioguard: /no\x0ahost\x1b[31m: ")
    assert result.stderr.count("\n") == 1


def test_explain_ends_in_files() -> None:
    result = vfioguard("explain", "--proof", "--root", REFUSED, "0000:01:00.0")
    assert '/chip_name: "PCI-MSIX-0000:01:00.0"' in result.stdout
    assert 'allow_unsafe_interrupts: "N"' in result.stdout


def test_policies_says_which_is_in_force_and_why() -> None:
    result = vfioguard("policies", "--root", ALLOWED)
    assert result.returncode == 0
    assert "iommu_group_has_isolated_msi (type1; v6.3 and later): in force" in result.stdout
    assert "irq_domain_check_msi_remap (type1; v4.11 to v6.2): not in force" in result.stdout
    assert "/proc/sys/kernel/osrelease" in result.stdout


def test_a_policy_can_be_pinned() -> None:
    result = vfioguard("report", "--root", MIXED, "--policy", "iommu_capable")
    assert result.returncode == 0
    assert "iommu_capable (as asked)" in result.stdout


def test_json_is_what_scripts_rely_on() -> None:
    result = vfioguard("report", "--root", MIXED, "--output", "json")
    report = json.loads(result.stdout)
    assert report["schema_version"] == 1
    assert report["host"]["iommu"] == ["dmar0"]
    assert report["overrides"] == {
        "vfio_iommu_type1.allow_unsafe_interrupts": False,
        "iommufd.allow_unsafe_interrupts": None,
        "vfio.enable_unsafe_noiommu_mode": None,
    }
    group = report["groups"][0]
    assert (group["id"], group["outcome"], group["needs_override"]) == (0, "refused", True)
    assert group["backends"]["iommufd"] is None
    assert group["backends"]["type1"]["because"]["truth"] is False
    assert group["series"]["outcome"] == "allowed"
    assert group["agrees"] is False
    assert group["devices"] == [
        {"name": "QEMU0002:00", "bus": "platform", "driver": "vfio-platform",
         "class": None, "isolated": False}
    ]  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["no-such-verb"],
        ["report", "--output", "yaml"],
        ["report", "--outp", "json"],
        ["report", "--output", "json", "--output", "text"],
        ["report", "--root", "/", "--root", "/tmp"],
        ["report", "--policy", "no_such_policy"],
        ["report", "extra"],
        ["check"],
        ["serve", "--interval", "0"],
        ["report", "--all", "--output", "json"],
    ],
    ids=" ".join,
)
def test_a_usage_error_is_the_usage_line_and_exit_3(arguments: list[str]) -> None:
    result = vfioguard(*arguments)
    assert (result.returncode, result.stdout) == (3, "")
    usage, wrong = result.stderr.splitlines()
    assert usage.startswith("usage: vfioguard")
    assert wrong


def test_a_command_line_without_a_verb_is_told_the_verbs() -> None:
    _, wrong = vfioguard().stderr.splitlines()
    assert wrong.startswith("vfioguard: no VERB: choose from report, check, explain, ")


def test_the_same_option_twice_with_one_value_is_no_contradiction() -> None:
    twice = ("--root", ALLOWED, "--root", ALLOWED)
    assert vfioguard("report", *twice).returncode == 0


@pytest.mark.parametrize(
    ("root", "complaint"),
    [
        ("/no/such/file", "No such file"),
        (__file__, "not a capture"),
        ("/dev/null", "not a capture"),
    ],
)
def test_a_root_that_is_none_is_one_line_and_exit_3(root: str, complaint: str) -> None:
    result = vfioguard("report", "--root", root)
    (line,) = result.stderr.splitlines()
    assert (result.returncode, result.stdout) == (3, "")
    assert complaint in line
    assert root in line


def test_capture_and_replay_report_the_same(tmp_path: Path) -> None:
    copy = str(tmp_path / "copy.tar.gz")
    result = vfioguard("capture", "--root", MIXED, copy)
    assert result.returncode == 0
    once, again = (
        json.loads(vfioguard("report", "--root", root, "--output", "json").stdout)
        for root in (MIXED, copy)
    )
    del once["generated_at"], again["generated_at"]
    assert once == again


@pytest.mark.parametrize("name", ["host.zip", "host", "no/such/directory/host.tar"])
def test_a_capture_that_cannot_be_written_is_one_line(tmp_path: Path, name: str) -> None:
    result = vfioguard("capture", "--root", MIXED, str(tmp_path / name))
    assert result.returncode == 3
    assert len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_host_without_iommu_says_so_and_does_not_look_broken() -> None:
    result = vfioguard("report", "--root", NO_GROUPS)
    assert result.returncode == 3
    assert result.stdout.startswith("no IOMMU group: none of the ")
    assert result.stderr == ""


def test_the_running_host_can_be_judged() -> None:
    result = vfioguard("report")
    assert result.returncode in {0, 1, 2, 3}
    assert result.stdout
    assert result.stderr == ""


def test_a_reader_that_goes_away_is_no_error() -> None:
    process = subprocess.Popen(
        [*VFIOGUARD, "report", "--root", REFUSED, "--output", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait()


def on_a_terminal(*arguments: str, **environment: str) -> str:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*VFIOGUARD, *arguments],
        stdout=theirs,
        env={**os.environ, "TERM": "xterm", **environment},
    )
    os.close(theirs)
    chunks: list[bytes] = []
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # EIO: the other end is closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(ours)
    process.wait()
    return b"".join(chunks).decode()


def test_colour_is_for_terminals_that_want_it() -> None:
    assert "\x1b[31m" in on_a_terminal("report", "--root", REFUSED)
    assert "\x1b" not in on_a_terminal("report", "--root", REFUSED, NO_COLOR="1")
    assert "\x1b" not in on_a_terminal("report", "--root", REFUSED, TERM="dumb")
    assert "\x1b" not in vfioguard("report", "--root", REFUSED).stdout


def sixty_groups() -> dict[str, Entry]:
    """Refused in three ways, among them functions that the series admits."""
    groups: dict[int, list[Function | str]] = {}
    for number in range(60):
        name = f"0000:{number + 1:02x}:00.0"
        plain = Function(name, config=CONFIG_WITHOUT_MSI)
        groups[number] = [plain if number % 7 == 0 else Function(name, "PCI-MSIX")]
    groups[59].append("QEMU0002:00")
    return x86_host(groups, remapping=False)


@pytest.mark.parametrize("hostname", ["refused", "allowed"])
def test_sixty_groups_fit_on_one_screen_of_80_by_24(tmp_path: Path, hostname: str) -> None:
    host = sixty_groups() if hostname == "refused" else x86_host(60)
    result = vfioguard("report", "--root", trees.write(tmp_path, host))
    lines = result.stdout.splitlines()
    assert len(lines) <= 24
    # The command that shows the proof is not broken, so that it can be copied.
    assert max(len(line.removesuffix(f" --root {tmp_path}")) for line in lines) <= 80
    assert lines[0] == f"60 {hostname} of 60 IOMMU groups"


def test_a_report_ends_its_causes_with_one_override_and_explain_has_both(
    tmp_path: Path,
) -> None:
    root = trees.write(tmp_path, sixty_groups())
    lines = vfioguard("report", "--root", root).stdout.splitlines()
    start = next(n for n, line in enumerate(lines) if "only if every guest is trusted" in line)
    told = " ".join(line.strip() for line in lines[start : start + 4])
    assert told == (
        "last resort: only if every guest is trusted (a guest can then raise any interrupt of "
        "the host, through any device): set the override until the next boot. [echo Y > "
        "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts]"
    )
    explained = vfioguard("explain", "group:1", "--root", root).stdout
    assert explained.count("only if every guest is trusted") == 1
    assert "Or for good: write a modprobe.d line" in explained


def test_the_worst_comes_first_and_disagreement_stands_in_the_line(tmp_path: Path) -> None:
    text = vfioguard("report", "--root", trees.write(tmp_path, sixty_groups())).stdout
    assert "[the 2016 series: allowed]" in " ".join(text.split())
    mixed = vfioguard("report", "--root", MIXED).stdout
    assert mixed.index("refused (2)") < mixed.index("allowed (15)")


def test_every_group_can_be_listed(tmp_path: Path) -> None:
    text = vfioguard("report", "--all", "--root", trees.write(tmp_path, x86_host(60))).stdout
    assert sum("0000:" in line for line in text.splitlines()) == 60


def test_names_from_the_host_cannot_trick_the_terminal(tmp_path: Path) -> None:
    host = x86_host(1, remapping=False)
    uevent = next(path for path in host if path.endswith("/uevent"))
    host[uevent] = b"DRIVER=\x1b[2Jgone\nPCI_CLASS=20000\nPCI_ID=8086:10D3\n"
    root = trees.write(tmp_path, host)
    for verb in (["report"], ["report", "--all"], ["explain", "group:0"], ["check", "group:0"]):
        result = vfioguard(*verb, "--root", root)
        assert result.stdout.isprintable() or "\x1b" not in result.stdout


@pytest.mark.parametrize(
    ("redirect", "why"),
    [(">/dev/full", "No space left on device"), (">&-", "standard output is closed")],
)
@pytest.mark.parametrize(
    "verb",
    [
        ["report"],
        ["check", "group:0"],
        ["policies"],
        ["--version"],
        ["--help"],
        ["check", "--help"],
    ],
)
def test_an_answer_that_cannot_be_written_is_no_verdict(
    verb: list[str], redirect: str, why: str
) -> None:
    root = [] if verb[-1].startswith("--") else ["--root", OVERRIDE]
    command = ["sh", "-c", f'exec "$@" {redirect}', "sh", *VFIOGUARD, *verb, *root]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 3
    assert result.stderr == f"vfioguard: cannot write the answer: {why}\n"


#: Interrupts itself while this module is imported.
INTERRUPTED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class Finder:
    def find_spec(name, path, target=None):
        if name == wanted:
            os.kill(os.getpid(), signal.SIGINT)
wanted = sys.argv.pop(1)
sys.meta_path.insert(0, Finder)
from vfioguard.cli import entry
entry()
"""


@pytest.mark.parametrize(
    "module",
    [
        "argparse",
        "vfioguard.judging.evaluate",
        "vfioguard.cli.verbs.report",
        "vfioguard.output.text",
    ],
)
@pytest.mark.parametrize("root", ["/", ALLOWED])
def test_an_interrupt_while_something_is_imported_is_no_traceback(module: str, root: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, module, "report", "--root", root],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "")


def test_a_directory_that_is_no_host_is_said_to_be_none(tmp_path: Path) -> None:
    result = vfioguard("report", "--root", str(tmp_path))
    assert (result.returncode, result.stdout) == (3, "")
    assert "holds no sys directory" in result.stderr


def test_a_pinned_policy_shows_what_this_kernel_says() -> None:
    result = vfioguard("check", "--root", MIXED, "--policy", "vfio_safe_irq_domain", "group:0")
    assert result.stdout.startswith("yes group:0: ")
    assert "[this kernel: refused]" in result.stdout
