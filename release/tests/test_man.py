"""The man pages as man(1) shows them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from release import roff
from release.grammar import Verb, verbs
from release.man import main, pages
from vfioguard.cli.settings.table import SETTINGS

PAGES = sorted(pages("2026-01-31"))


def shown(directory: Path, name: str) -> str:
    """A page as it is read; fails where man or groff have something to say about it."""
    main(str(directory), "1769817600")
    result = subprocess.run(
        ["man", "--warnings", "--local-file", str(directory / name)],
        env={**os.environ, "MANWIDTH": "80", "MAN_KEEP_FORMATTING": "", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stderr == ""
    return " ".join(result.stdout.split())


@pytest.mark.parametrize("name", PAGES)
def test_man_has_nothing_to_complain_of(tmp_path: Path, name: str) -> None:
    text = shown(tmp_path, name)
    assert text.startswith(f"{name[:-2].upper()}({name[-1]})")
    assert "`" not in text


@pytest.mark.parametrize("name", PAGES)
def test_apropos_finds_the_page(tmp_path: Path, name: str) -> None:
    main(str(tmp_path), "1769817600")
    command = ["lexgrog", str(tmp_path / name)]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f'"{name[:-2]} - ' in found


@pytest.mark.parametrize("verb", verbs(), ids=lambda verb: verb.name)
def test_every_option_of_a_verb_is_explained(tmp_path: Path, verb: Verb) -> None:
    text = shown(tmp_path, "vfioguard.8" if verb.name == "serve" else "vfioguard.1")
    assert f"vfioguard {verb.name}" in text
    for option in [*verb.options, *verb.positionals]:
        assert option.help
        for flag in option.flags:
            assert flag in {"-h", "--help"} or f"{flag} " in text or f"{flag}, " in text
        for choice in option.choices:
            assert choice in text


def test_every_setting_is_explained(tmp_path: Path) -> None:
    text = shown(tmp_path, "vfioguard.toml.5")
    for setting in SETTINGS:
        assert f"{setting.key} = " in text


@pytest.mark.parametrize("text", [".TH no request", "'quote", "back\\slash", "--flag", '"', "~"])
def test_text_is_shown_as_it_stands(tmp_path: Path, text: str) -> None:
    page = tmp_path / "x.1"
    page.write_text(roff.page("x", 1, "d", "s", "m") + roff.paragraphs(text))
    command = ["man", "--warnings", "--local-file", str(page)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    assert text in result.stdout
