"""What man pages and completions know of each argument."""

from __future__ import annotations

import pytest

from release.grammar import FILES, FREE, TARGETS, Option, verbs

ARGUMENTS = [
    pytest.param(option, id=f"{verb.name} {' '.join(option.flags) or option.metavar}")
    for verb in verbs()
    for option in [*verb.options, *verb.positionals]
]


@pytest.mark.parametrize("option", ARGUMENTS)
def test_every_argument_is_explained(option: Option) -> None:
    assert option.help


@pytest.mark.parametrize("option", ARGUMENTS)
def test_a_shell_knows_what_every_argument_is(option: Option) -> None:
    if option.metavar and not option.choices:
        assert option.metavar in FILES | TARGETS | FREE, "name it in release/grammar.py"
