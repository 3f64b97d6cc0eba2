"""Hosts of public reports and of the kernel's source: what vfioguard must answer (fixtures/field).

`expected.json` holds where to read of the host and the questions: the arguments, the exit statuses
that are right (null: any), and what the first screen must and must not say.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from vfioguard.cli import main

FIELD = Path(__file__).parent / "fixtures" / "field"
_SCREEN = 24


def _questions() -> list[Any]:
    return [
        pytest.param(case / "root.tar.xz", question, id=f"{case.name} {question['arguments'][0]}")
        for case in sorted(FIELD.iterdir())
        for question in json.loads((case / "expected.json").read_text())["questions"]
    ]


@pytest.mark.parametrize(("root", "question"), _questions())
def test_a_host_of_the_field_gets_the_right_answer(
    root: Path, question: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    verb, *rest = question["arguments"]
    status = main([verb, "--root", str(root), *rest])
    printed = capsys.readouterr()
    screen = "\n".join((printed.out + printed.err).splitlines()[:_SCREEN])
    assert question["exit"] is None or status in question["exit"], screen
    for words in question["says"]:
        assert re.search(words, screen, re.IGNORECASE), screen
    for words in question["says_not"]:
        assert not re.search(words, screen, re.IGNORECASE), screen
