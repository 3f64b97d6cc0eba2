"""What the image is made of. That it builds and judges is shown by .ci/stages/70-container."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()


def hadolint(text: str) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).parent / "hadolint"
    return subprocess.run(
        [tool, "-"], input=text, capture_output=True, text=True, check=False, timeout=60
    )


def test_hadolint_has_nothing_to_say() -> None:
    result = hadolint(DOCKERFILE)
    assert (result.returncode, result.stdout) == (0, "")


def test_hadolint_would_have_something_to_say() -> None:
    result = hadolint(DOCKERFILE.replace("ENTRYPOINT", "RUN sudo cd /tmp\nENTRYPOINT"))
    assert result.returncode != 0
    assert "DL3004" in result.stdout


def test_hadolint_is_told_to_overlook_nothing() -> None:
    assert "hadolint ignore" not in DOCKERFILE


def test_the_image_is_nobodys_and_runs_no_shell() -> None:
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (.*)$", final, re.MULTILINE) == ["65534:65534"]
    assert re.findall(r"^ENTRYPOINT (.*)$", final, re.MULTILINE) == ['["vfioguard"]']


def test_nothing_reaches_the_build_that_is_not_asked_for() -> None:
    """.dockerignore shuts everything out and lets in what is copied."""
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    let_in = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert let_in == {name for names in copied for name in names.split()}


def test_what_makes_the_wheel_reaches_the_build() -> None:
    """The hook of the wheel, and what it takes along for `vfioguard install-units`."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    hook = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]["path"]
    rooms = re.findall(r'Path\(self\.root, "(\w+)"\)', (REPOSITORY / hook).read_text())
    assert rooms == ["systemd"]
    copied = re.findall(r"^COPY (?!--from)(\S+) \1$", DOCKERFILE, re.MULTILINE)
    assert {Path(hook).parts[0], *rooms} <= set(copied)
