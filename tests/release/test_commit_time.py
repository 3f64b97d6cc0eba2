"""The time of the commit that what is built has: `make` in a clone, and where there is none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent.parent
SHOW = 'show: ; @echo "$${SOURCE_DATE_EPOCH-unset}"'


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=REPOSITORY,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_clone_has_the_time_of_its_commit() -> None:
    git = ["git", "-c", "safe.directory=*", "log", "-1", "--format=%ct"]
    expected = subprocess.run(git, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert make("--eval", SHOW, "show").stdout == expected.stdout


@pytest.mark.parametrize("given", [{}, {"SOURCE_DATE_EPOCH": ""}])
def test_where_git_does_not_tell_it_no_build_is_told_an_empty_one(given: dict[str, str]) -> None:
    result = make("--eval", SHOW, "show", GIT_DIR="/nonexistent", **given)
    assert (result.stdout, result.stderr) == ("unset\n", "")


def test_one_that_is_given_is_taken() -> None:
    result = make("--eval", SHOW, "show", GIT_DIR="/nonexistent", SOURCE_DATE_EPOCH="1700000000")
    assert result.stdout == "1700000000\n"


@pytest.mark.parametrize("target", ["man", "sbom", "deb"])
def test_what_is_released_is_not_made_without_it(target: str) -> None:
    result = make(target, GIT_DIR="/nonexistent")
    assert result.returncode == 2
    assert result.stderr.startswith("no time of a commit: git is missing, or this is no clone")
