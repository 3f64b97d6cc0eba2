"""The public API: what docs/api.md promises, and the example that uses it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_cli import vfioguard
from tests.support.hosts import x86_host
from tests.support.trees import write
from vfioguard import api
from vfioguard.output import Style
from vfioguard.output.json import OUTPUT
from vfioguard.root.memory import Memory, Refused

REPOSITORY = Path(__file__).parent.parent
CAPTURE = str(REPOSITORY / "tests/fixtures/sysfs/6.12-amd64--vtd-noir/as-booted.tar.xz")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture(scope="module")
def report() -> api.Report:
    return api.judge(api.take(api.open_root(CAPTURE)))


def test_the_json_is_that_of_the_command(report: api.Report) -> None:
    printed = vfioguard("report", "--root", CAPTURE, "--output", "json").stdout
    assert TIME.sub("TIME", api.as_json(report)) == TIME.sub("TIME", printed)
    assert json.loads(api.as_json(report)) == api.as_dict(report)


def test_a_directory_is_opened_like_a_capture(tmp_path: Path) -> None:
    host = write(tmp_path / "host", x86_host(2, remapping=False))
    judged = api.judge(api.take(api.open_root(host)))
    assert {group.outcome for group in judged.groups} == {api.Outcome.REFUSED}


def test_a_policy_can_be_pinned() -> None:
    snapshot = api.take(api.open_root(CAPTURE))
    for policy in api.policy_names():
        judged = api.judge(snapshot, policy)
        assert judged.host.pinned == policy
        assert {group.headline.policy for group in judged.groups} == {policy}


def test_a_target_is_found_by_each_of_its_names(report: api.Report) -> None:
    targets = api.Targets(report)
    group = targets.find("0000:00:08.0")
    assert isinstance(group, api.GroupReport)
    assert targets.find("00:08.0") is group
    assert targets.find(f"group:{group.id}") is group
    assert api.reason(group) == "0000:00:08.0 has no isolated MSIs (generic PCI-MSI)"


@pytest.mark.parametrize("name", ["group:999", "group:01", "group:", "group:x", "0000:ff:1f.7", ""])
def test_what_is_not_there_is_an_error_of_one_line(report: api.Report, name: str) -> None:
    with pytest.raises(api.NoTarget) as caught:
        api.Targets(report).find(name)
    assert str(caught.value).startswith("no ")
    assert str(caught.value).isprintable()


def test_errors_are_those_that_are_documented(tmp_path: Path) -> None:
    with pytest.raises(api.CannotOpen, match="no host"):
        api.open_root(str(tmp_path))
    with pytest.raises(api.UnknownPolicy, match="there are iommu_capable"):
        api.judge(api.take(api.open_root(CAPTURE)), "no_such_policy")


@pytest.mark.parametrize("path", ["/a\nb", "/\x1b[31m", "/\udcff", "/a\0b", "/" + chr(0xD800)])
def test_the_error_about_a_path_that_cannot_be_shown_is_one_line(path: str, tmp_path: Path) -> None:
    for arguments in ((path,), (CAPTURE, path), (write(tmp_path / "host", x86_host(1)), path)):
        with pytest.raises(api.CannotOpen) as caught:
            api.open_root(*arguments)
        assert str(caught.value).isprintable()


def test_the_command_prints_in_pieces_what_the_api_has_as_one_value() -> None:
    host = x86_host({0: ["0000:01:00.0"], 1: ["0000:02:00.0"]}, remapping=False, override=True)
    host["/sys/bus/pci/devices/0000:03:00.0/uevent"] = b"PCI_CLASS=20000\n"
    host["/proc/cmdline"] = Refused(13)
    report = api.judge(api.take(Memory(host)))
    assert report.groups
    assert report.ungrouped
    assert report.findings
    assert report.gaps
    assert OUTPUT.render(report, Style()) == api.as_json(report)


def test_every_public_function_and_error_is_documented() -> None:
    document = (REPOSITORY / "docs/api.md").read_text()
    for name in api.__all__:
        assert getattr(api, name).__doc__
        if name[0].islower() or issubclass(getattr(api, name), Exception):
            assert f"`{name}" in document


def test_its_import_loads_nothing_but_the_standard_library() -> None:
    code = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); from vfioguard import api\n"
    code += "print({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names)"
    command = [sys.executable, "-I", "-S", "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"\w+", loaded)) == {"vfioguard", "__main__"}


@pytest.mark.parametrize("device", ["0000:41:00.0", "0000:99:00.0"])
def test_the_example_of_the_document_runs(device: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Also on a host without the device that it names."""
    (block,) = re.findall(
        r"```python\n(.*?)```", (REPOSITORY / "docs/api.md").read_text(), re.DOTALL
    )
    exec(block.replace('"/"', repr(CAPTURE)).replace("0000:41:00.0", device), {})
    printed = capsys.readouterr().out
    assert printed.count("refused ") > 1
    assert ("no device '0000:99:00.0' here" in printed) == (device == "0000:99:00.0")


@pytest.mark.parametrize(
    ("names", "status", "said"),
    [
        (["00:08.0"], 1, "00:08.0: refused; 0000:00:08.0 has no isolated MSIs"),
        (["0000:00:00.0", "group:1"], 1, "group:1: refused; "),
        (["0000:ff:00.0"], 1, ""),
    ],
)
def test_the_example_judges_what_it_is_asked_for(names: list[str], status: int, said: str) -> None:
    command = [sys.executable, "examples/judge.py", CAPTURE, *names]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == status
    assert said in result.stdout
    assert bool(result.stderr) == (said == "")


@pytest.mark.parametrize("arguments", [[], [CAPTURE]])
def test_the_example_shows_its_usage_if_no_target_is_named(arguments: list[str]) -> None:
    command = [sys.executable, "examples/judge.py", *arguments]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert "usage: python judge.py ROOT TARGET...\n" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_example_ends_with_0_where_all_is_allowed(tmp_path: Path) -> None:
    host = write(tmp_path / "host", x86_host(2))
    command = [sys.executable, "examples/judge.py", host, "group:1"]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("group:1: allowed; 0000:02:00.0 has isolated MSIs ")
