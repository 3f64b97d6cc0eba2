"""The table of settings, and the options that are made from it."""

from __future__ import annotations

import argparse
import math
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.test_cli import vfioguard
from vfioguard import leaves
from vfioguard.cli import parser
from vfioguard.cli.settings.kinds import Kind, Setting, Wrong, choice, number, shown, text, toml
from vfioguard.cli.settings.table import SETTINGS

#: As people type them; a file has no hyphen in its name.
VERBS = tuple(name.replace("_", "-") for name in leaves.names("vfioguard.cli.verbs"))
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())
)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda one: one.key)
def test_every_setting_says_what_it_is(setting: Setting) -> None:
    assert setting.help
    assert "\n" not in setting.help
    assert setting.doc.endswith(".")
    assert setting.default is not None or setting.example is not None


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda one: one.key)
def test_every_default_and_example_is_a_value_that_the_file_may_hold(setting: Setting) -> None:
    for value in (setting.default, setting.example):
        items = value if isinstance(value, tuple) else () if value is None else (value,)
        assert all(setting.kind.from_toml(item) == item for item in items)
        assert isinstance(value, tuple) == setting.repeatable or value is None


def test_no_setting_is_the_table_of_another_and_each_is_there_once() -> None:
    paths = [setting.path for setting in SETTINGS]
    for path in paths:
        assert sum(other[: len(path)] == path for other in paths) == 1


def test_the_table_is_sorted() -> None:
    assert [setting.key for setting in SETTINGS] == sorted(setting.key for setting in SETTINGS)


def test_every_setting_is_an_option_of_serve() -> None:
    shown_help = vfioguard("serve", "--help").stdout
    for setting in SETTINGS:
        assert f"--{setting.key}" in shown_help


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (number("seconds", 0.1, 60), "5"),
        (number("connections", 1, 60, whole=True), "5"),
        (choice("a form", ("text", "json")), "json"),
        (text(), "anything"),
    ],
)
def test_an_option_and_the_file_make_the_same_value(kind: Kind, value: str) -> None:
    typed = kind.from_text(value)
    assert kind.from_toml(typed) == typed
    assert type(kind.from_toml(typed)) is type(typed)


@given(ANYTHING)
def test_a_kind_takes_a_value_of_its_type_or_says_what_is_wrong_in_one_line(value: object) -> None:
    for kind, types in (
        (number("seconds", 0.1, 60), float),
        (number("connections", 1, 60, whole=True), int),
        (choice("a form", ("text", "json")), str),
        (text(), str),
    ):
        try:
            taken = kind.from_toml(value)
        except Wrong as error:
            taken = None
            said = str(error)
        assert isinstance(taken, types) if taken is not None else said.isprintable()


@given(st.text())
def test_a_number_is_between_its_bounds_or_refused(typed: str) -> None:
    kind = number("seconds", 0.1, 86400)
    try:
        value = kind.from_text(typed)
    except Wrong:
        return
    assert isinstance(value, float)
    assert 0.1 <= value <= 86400


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0, True, "5", 86401])
def test_what_is_no_number_of_seconds_is_refused(value: object) -> None:
    with pytest.raises(Wrong):
        number("seconds", 0.1, 86400).from_toml(value)


def test_a_wrong_word_is_told_the_nearest_right_one() -> None:
    with pytest.raises(Wrong, match=r'"jsno" is not a form; did you mean json\?'):
        choice("a form", ("text", "json")).from_toml("jsno")
    with pytest.raises(Wrong, match="choose from text, json"):
        choice("a form", ("text", "json")).from_toml("xxxx")


@pytest.mark.parametrize(
    "address", ["localhost", "127.0.0.1", "127.0.0.1:x", "::1:80", "unix:", "[::1]", ":999999", ""]
)
def test_what_is_no_address_is_a_usage_error(address: str) -> None:
    result = vfioguard("serve", "--web.listen-address", address)
    assert result.returncode == 3
    usage, wrong = result.stderr.splitlines()
    assert usage.startswith("usage: vfioguard serve")
    assert "--web.listen-address" in wrong


@given(st.one_of(st.text(), st.integers(), st.lists(st.text())))
def test_an_error_quotes_a_value_in_one_short_line(value: object) -> None:
    quoted = shown(value)
    assert quoted.isprintable()
    assert len(quoted) <= 60


def test_thousands_of_digits_can_be_written() -> None:
    assert toml(16**5000).startswith("0x1")


def test_other_verbs_do_not_pay_for_the_settings() -> None:
    code = (
        "import sys; from vfioguard.cli import main\n"
        "main(['policies', '--root', '/no/such'])\n"
        "print(*sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(found.stdout.split())
    assert "vfioguard.cli.parser" in loaded
    assert not loaded & {
        "tomllib",
        "vfioguard.cli.settings.table",
        "vfioguard.cli.settings.file",
        "difflib",
    }


def test_the_grammar_is_whole_where_nothing_was_typed() -> None:
    whole = parser.build().format_help()
    for verb in VERBS:
        assert re.search(rf"^    {verb}\s", whole, re.MULTILINE)
    assert parser.build("--help").format_help() == whole


@pytest.mark.parametrize(
    ("typed", "told"),
    [("chekc", "did you mean check?"), ("zzz", "choose from report, check, explain, ")],
)
def test_a_mistyped_verb_is_answered_with_the_nearest_or_all(
    capsys: pytest.CaptureFixture[str], typed: str, told: str
) -> None:
    with pytest.raises(SystemExit):
        parser.parse([typed, "0000:01:00.0"])
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_alone_has_the_options_that_it_has_among_all(verb: str) -> None:
    def help_of(whole: argparse.ArgumentParser) -> str:
        (verbs,) = (a for a in whole._actions if isinstance(a, argparse._SubParsersAction))
        return verbs.choices[verb].format_help()

    alone = parser.build(verb)
    assert help_of(alone) == help_of(parser.build())
