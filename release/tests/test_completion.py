"""What bash, zsh and fish complete, asked of the shells themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.completion import main
from release.grammar import verbs
from release.tests.shells import completions
from vfioguard import leaves
from vfioguard.judging.policies import policy_names

SHELLS = ["bash", "zsh", "fish"]
DEVICES = ["0000:00:1f.0", "0000:41:00.0", "0000:41:00.1"]
GROUPS = ["group:0", "group:12"]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The completions, looking at a host with these devices and groups."""
    main(str(tmp_path))
    for device in DEVICES:
        (tmp_path / "sys" / "bus" / "pci" / "devices" / device).mkdir(parents=True)
    for group in GROUPS:
        (tmp_path / "sys" / "kernel" / "iommu_groups" / group.removeprefix("group:")).mkdir(
            parents=True
        )
    for name in ("vfioguard.bash", "_vfioguard", "vfioguard.fish"):
        file = tmp_path / name
        text = file.read_text()
        assert "/sys/" in text
        file.write_text(text.replace("/sys/", f"{tmp_path}/sys/"))
    return tmp_path


@pytest.mark.parametrize("shell", SHELLS)
def test_verbs_are_completed(directory: Path, shell: str) -> None:
    names = sorted(verb.name for verb in verbs())
    assert completions(shell, directory, "vfioguard ") == names
    assert completions(shell, directory, "vfioguard rep") == ["report"]


@pytest.mark.parametrize("shell", SHELLS)
def test_forms_of_output_are_completed(directory: Path, shell: str) -> None:
    forms = list(leaves.names("vfioguard.output"))
    assert completions(shell, directory, "vfioguard report --output ") == forms
    assert completions(shell, directory, "vfioguard report --output j") == ["json"]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("verb", ["report", "check group:0", "serve"])
def test_policies_are_completed(directory: Path, shell: str, verb: str) -> None:
    found = completions(shell, directory, f"vfioguard {verb} --policy ")
    assert found == sorted(policy_names())


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("verb", [verb.name for verb in verbs()])
def test_every_option_of_a_verb_is_completed(directory: Path, shell: str, verb: str) -> None:
    (found,) = (one for one in verbs() if one.name == verb)
    flags = {flag for one in found.options for flag in one.flags if flag.startswith("--")}
    typed = completions(shell, directory, f"vfioguard {verb} --")
    assert {word.removesuffix("=") for word in typed} == flags


@pytest.mark.parametrize("shell", SHELLS)
def test_devices_and_groups_are_completed_behind_their_colons(directory: Path, shell: str) -> None:
    assert completions(shell, directory, "vfioguard check ") == [*DEVICES, *GROUPS]
    behind = ["0000:41:00.0", "0000:41:00.1"]
    assert completions(shell, directory, "vfioguard explain 0000:41:") == behind
    assert completions(shell, directory, "vfioguard check group:0 group:1") == ["group:12"]


@pytest.mark.parametrize("shell", SHELLS)
def test_another_host_has_other_devices(directory: Path, shell: str) -> None:
    assert completions(shell, directory, "vfioguard check --root /host 0000:41:00") in (
        [],
        ["0000:41:00"],
    )


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("line", ["report --root", "serve --config.file", "capture"])
def test_files_are_completed(directory: Path, shell: str, line: str) -> None:
    (directory / "only-this.toml").touch()
    found = completions(shell, directory, f"vfioguard {line} {directory}/only")
    assert found == [f"{directory}/only-this.toml"]
