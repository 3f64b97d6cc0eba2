"""The file of settings: what it may hold, what wins, and where a mistake is."""

from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.test_cli import vfioguard
from vfioguard.cli.failure import Failure
from vfioguard.cli.settings import file
from vfioguard.cli.settings.file import Settled
from vfioguard.cli.settings.kinds import SWITCH, Setting, number, text
from vfioguard.cli.settings.table import SETTINGS
from vfioguard.cli.settings.toml_lines import Lines

#: A table as it may grow: nested tables, a switch, a whole number.
GROWN = (
    Setting("interval", number("seconds", 0.1, 86400), 60.0, "SECONDS", "help", "Doc."),
    Setting("web.caps.tcp", number("connections", 1, 99, whole=True), 8, "N", "help", "Doc."),
    Setting("web.config.file", text(), None, "PATH", "help", "Doc.", example="/x"),
    Setting("web.listen-address", text(), ("a",), "A", "help", "Doc.", repeatable=True),
    Setting("web.systemd-socket", SWITCH, False, "", "help", "Doc."),
)


def write(directory: Path, toml: str | bytes) -> str:
    path = directory / "v.toml"
    path.write_bytes(toml.encode() if isinstance(toml, str) else toml)
    return str(path)


def refusal(path: str, settings: Sequence[Setting] = GROWN) -> str:
    """What a file is refused with, after its name."""
    with pytest.raises(Failure) as caught:
        file.read(path, tuple(settings))
    message = str(caught.value)
    assert message.isprintable()
    assert message.startswith(f"{path}:")
    return message.removeprefix(f"{path}:").strip()


def test_every_way_to_write_a_key_is_the_same(tmp_path: Path) -> None:
    for toml in (
        "[web]\nlisten-address = ['x']\n[web.config]\nfile = 'f'",
        "web.listen-address = ['x']\nweb.config.file = 'f'",
        "web = { listen-address = ['x'], config = { file = 'f' } }",
        "[web.config]\nfile = 'f'\n[web]\nlisten-address = [\n  'x', # why\n]",
        "[web]\r\nlisten-address = ['x']\r\nconfig.file = 'f'\r\n",
    ):
        found = file.read(write(tmp_path, toml), GROWN)
        values = {key: one.value for key, one in found.items()}
        assert values == {"web.listen-address": ("x",), "web.config.file": "f"}


def test_an_option_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    path = write(tmp_path, "interval = 5\nweb.systemd-socket = true")
    options = argparse.Namespace(config_file=path, interval=7.0, web_listen_address=["b", "c"])
    found = file.settle(options, GROWN)
    assert found == {
        "interval": Settled(7.0, "--interval"),
        "web.caps.tcp": Settled(8, "default"),
        "web.config.file": Settled(None, "default"),
        "web.listen-address": Settled(("b", "c"), "--web.listen-address"),
        "web.systemd-socket": Settled(True, f"{path}:2"),
    }


def test_a_file_that_nobody_named_may_be_absent(tmp_path: Path) -> None:
    absent = str(tmp_path / "none.toml")
    assert file.settle(argparse.Namespace(), GROWN, absent)["interval"].value == 60.0
    with pytest.raises(Failure, match=r"none\.toml: No such file"):
        file.settle(argparse.Namespace(config_file=absent), GROWN)


def test_a_file_that_nobody_named_must_be_right_where_it_is_there(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="not a number of seconds"):
        file.settle(argparse.Namespace(), GROWN, write(tmp_path, "interval = 'x'"))


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("intervall = 5", "1: no setting intervall; did you mean interval?"),
        ("\n# x\ninterval_ = 5", "3: no setting interval_; did you mean interval?"),
        ("listen-address = ['x']", "1: no setting listen-address; did you mean web.listen-add"),
        ("[web]\n\nlisten_address = ['x']", "3: no setting web.listen_address; did you mean web.l"),
        ("interval = 5\n[webb]\n\nlisten-address = ['x']", "2: no setting webb.listen-address; di"),
        ("[web.confg]\n", "1: no setting web.confg; did you mean web.config?"),
        (
            "[web.config]\n\ninterval = 5",
            "3: no setting web.config.interval; did you mean interval, which stands above the fi",
        ),
        ("[web.config.file]\n", "1: web.config.file: a table is not a string"),
        ("[[web]]\n", "1: web: [a table] is not a table, which is written [web]"),
        ("web = 5", "1: web: 5 is not a table, which is written [web]"),
        ("[web]\nconfig = 'x'", '2: web.config: "x" is not a table, which is written [web.config]'),
        ("'web.listen-address' = ['x']", '1: no setting "web.listen-address"; did you mean web.l'),
        ("zzz = 1", "1: no setting zzz; the settings are interval, web.caps.tcp,"),
        ('"\\u0000" = 1', '1: no setting "\\U00000000"; the settings are'),
        ("interval = '5'", '1: interval: "5" is not a number of seconds'),
        ("interval = true", "1: interval: true is not a number of seconds"),
        ("interval = nan", "1: interval: nan is not between 0.1 and 86400 seconds"),
        ("interval = 1979-05-27", "1: interval: 1979-05-27 is not a number of seconds"),
        ("interval = {a = 1}", "1: interval: a table is not a number of seconds"),
        ("web.caps.tcp = 1.5", "1: web.caps.tcp: 1.5 is not a whole number of connections"),
        ("web.caps.tcp = 100", "1: web.caps.tcp: 100 is not between 1 and 99 connections"),
        ("web.systemd-socket = 1", "1: web.systemd-socket: 1 is not true or false"),
        ("web.listen-address = 'x'", '1: web.listen-address: "x" is not an array, as in ["x"]'),
        ("web.listen-address = []", "1: web.listen-address: an empty array; leave the key out"),
        ("[web]\nlisten-address = [\n'a',\n# ]\n5,\n'b']", "5: web.listen-address: 5 is not a st"),
        ("[web]\nlisten-address = [\n'a', 'b',\n'''d\nc''']", '5: web.listen-address: "d\\U00000'),
        ("a = '''\ninterval = 1\n'''\ninterval = 0", "1: no setting a; the settings are"),
        ("interval = 1\ninterval = 2\n", "2: Cannot overwrite a value"),
        ("interval = 1\n\nweb = [\n", "3: Invalid value"),
        ("interval = ", "1: Invalid value"),
        ("ok = 1\n= 2", "2: Invalid statement"),
        ("x = " + "[" * 3000, "1: nested too deeply"),
        ("# x\nx = " + "9" * 5000, "2: too long a number"),
        ("interval = 0x" + "f" * 5000, "1: interval: 0xfff"),
        ("#" * 70_000, "longer than 64 KiB"),
    ],
    ids=lambda value: value[:40],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(tmp_path: Path, toml: str, said: str) -> None:
    assert refusal(write(tmp_path, toml)).startswith(said)


def test_the_first_mistake_is_told(tmp_path: Path) -> None:
    toml = "web.caps.tcp = 0\ninterval = 0\nzzz = 1"
    assert refusal(write(tmp_path, toml)).startswith("1: web.caps.tcp")


def test_what_is_not_text_is_named_with_its_line(tmp_path: Path) -> None:
    assert refusal(write(tmp_path, b"interval = 5\n# \xff")) == "2: not UTF-8"


def test_a_directory_is_no_file_of_settings(tmp_path: Path) -> None:
    assert refusal(str(tmp_path)) == "Is a directory"


#: Statements that are valid beside each other, with nothing that is a setting.
FILLER = st.sampled_from(
    ["", "# a comment = 1", "#[web]", "   ", "\t# ]", "# '''", "# \u2028 \x85 separators", '# """']
)
BAD = st.sampled_from(
    ["zzz = 1", "zzz = [\n1,\n2]", "interval = '''\nx'''", 'interval = "]"', "interval = -1"]
)


@given(st.lists(FILLER), BAD, st.lists(FILLER), st.sampled_from(["\n", "\r\n"]))
def test_a_mistake_is_found_wherever_it_stands(
    before: list[str], bad: str, after: list[str], end: str
) -> None:
    toml = end.join([*before, bad.replace("\n", end), *after])
    with pytest.raises(Failure, match=rf"^f:{len(before) + 1}: "):
        file.parse("f", toml.encode(), GROWN)


@given(st.lists(FILLER, max_size=3), st.integers(1, 5), st.data())
def test_a_wrong_item_is_found_wherever_it_stands(
    before: list[str], count: int, data: st.DataObject
) -> None:
    lines = [*before, "[web]", "listen-address = ["]
    bad = data.draw(st.integers(0, count - 1))
    line = 0
    for index in range(count):
        lines += data.draw(st.lists(FILLER, max_size=2))
        lines.append("5," if index == bad else "'a',")
        line = len(lines) if index == bad else line
    lines.append("]")
    with pytest.raises(Failure, match=rf"^f:{line}: web.listen-address: 5 "):
        file.parse("f", "\n".join(lines).encode(), GROWN)


FRAGMENTS = st.lists(
    st.sampled_from(
        ["interval", "web", ".", " = ", "[", "]", "[[", "]]", "\n", "{", "}", "'", '"', "'''", ",",
         '"""', "5", "true", "config", "file", "a", "#", "listen-address", "-", "1979-05-27", "\r",
         "\u2028", "\\"]
    )
).map("".join)  # fmt: skip


@given(st.one_of(FRAGMENTS, st.text()))
def test_any_text_is_taken_or_refused_in_one_line(toml: str) -> None:
    try:
        found = file.parse("f", toml.encode(errors="replace"), GROWN)
        said = [settled.origin for settled in found.values()]
    except Failure as error:
        said = [str(error)]
    assert all(one.isprintable() and one.startswith("f:") for one in said)


@given(FRAGMENTS)
def test_every_key_of_a_document_has_a_line(toml: str) -> None:
    try:
        document = tomllib.loads(toml)
    except tomllib.TOMLDecodeError:
        return
    lines = Lines(toml)
    for key in document:
        assert 1 <= lines.key((key,)) <= toml.count("\n") + 1


def test_what_is_settled_can_be_printed_and_read_again(tmp_path: Path) -> None:
    options = argparse.Namespace(interval=0.25, web_listen_address=['a"\\', "b"])
    settled = file.settle(options, GROWN, os.devnull)
    again = file.read(write(tmp_path, file.render(settled)), GROWN)
    values = {key: one.value for key, one in settled.items() if one.value is not None}
    assert {key: one.value for key, one in again.items()} == values


def test_serve_takes_the_file_and_shows_what_it_would_do(tmp_path: Path) -> None:
    path = write(tmp_path, "interval = 5\n[web]\nlisten-address = ['127.0.0.1:1']\n")
    result = vfioguard("serve", "--config.file", path, "--config.check", "--root", "/host")
    assert (result.returncode, result.stderr) == (0, "")
    shown = tomllib.loads(result.stdout)
    assert (shown["interval"], shown["root"]) == (5, "/host")
    assert shown["web"]["listen-address"] == ["127.0.0.1:1"]
    assert shown["web"]["access-log"] is False
    assert f"# {path}:1\n" in result.stdout


def test_serve_refuses_a_wrong_file_in_one_line(tmp_path: Path) -> None:
    path = write(tmp_path, "[web]\nlisten-adress = ['127.0.0.1:1']\n")
    result = vfioguard("serve", "--config.file", path)
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr == (
        f"vfioguard: {path}:2: no setting web.listen-adress; did you mean web.listen-address?\n"
    )


def test_the_daemon_says_what_it_was_told_and_by_whom(tmp_path: Path) -> None:
    path = write(tmp_path, "policy = 'iommu_capable'\nroot = '/no/such'\n")
    result = vfioguard("serve", "--config.file", path)
    assert f'vfioguard: policy is "iommu_capable" ({path}:1)\n' in result.stderr
    assert "/no/such" in result.stderr.splitlines()[-1]


def test_a_file_does_not_bind_the_gate(tmp_path: Path) -> None:
    result = vfioguard("check", "--config.file", write(tmp_path, ""), "group:0")
    assert result.returncode == 3
    assert "unrecognized arguments: --config.file" in result.stderr


def test_every_setting_can_stand_in_the_file(tmp_path: Path) -> None:
    values = {
        one.key: Settled(one.default if one.example is None else one.example, "")
        for one in SETTINGS
    }
    found = file.read(write(tmp_path, file.render(values)))
    assert {key: one.value for key, one in found.items()} == {
        key: one.value for key, one in values.items()
    }
