"""The documents of the settings, against the table and against the reader of the file."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from release.settings import configuration, example, settings_page
from tests.cli.test_config import GROWN
from vfioguard.cli.settings import file
from vfioguard.cli.settings.kinds import Setting
from vfioguard.cli.settings.table import SETTINGS

REPOSITORY = Path(__file__).parent.parent.parent


def uncommented(text: str) -> str:
    """The example with every setting in force: "#key = value", where prose has a space."""
    return "".join(
        line.removeprefix("#") if line[:1] == "#" and line[1:2] not in {" ", "\n"} else line
        for line in text.splitlines(keepends=True)
    )


def test_the_example_sets_nothing() -> None:
    assert file.parse("example", example().encode(), SETTINGS) == {}


@pytest.mark.parametrize("settings", [SETTINGS, GROWN], ids=["ours", "grown"])
def test_the_example_shows_every_default(settings: tuple[Setting, ...]) -> None:
    shown = file.parse("example", uncommented(example(settings)).encode(), settings)
    assert {key: one.value for key, one in shown.items()} == {
        one.key: one.example if one.default is None else one.default for one in settings
    }


def test_a_line_of_the_example_fits_a_terminal() -> None:
    assert all(len(line) <= 80 for line in example().splitlines())


def test_the_configuration_document_is_fresh() -> None:
    document = REPOSITORY / "docs" / "configuration.md"
    assert document.read_text() == configuration(), "run: make documents"


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda one: one.key)
def test_every_setting_is_in_every_document(setting: Setting) -> None:
    assert f"## {setting.key}\n" in configuration()
    assert f"#{setting.path[-1]} = " in example()
    assert rf"\fB{setting.key.replace('-', chr(92) + '-')}\fR = " in settings_page()


def test_every_example_of_the_configuration_document_is_valid() -> None:
    blocks = configuration().split("```toml\n")[1:]
    assert len(blocks) == len(SETTINGS)
    for block in blocks:
        toml = block.split("```")[0]
        assert file.parse("block", toml.encode(), SETTINGS)
        assert tomllib.loads(toml)
