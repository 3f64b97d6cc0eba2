"""What `explain` says of one host for each cause, as an operator reads it: tests/fixtures/golden.

`python -m tests.test_golden` writes the files anew. Read what differs before you commit it.
"""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.screens import MADE, shown
from vfioguard import leaves
from vfioguard.cli import main
from vfioguard.inference.host import Host
from vfioguard.judging.causes import why
from vfioguard.judging.evaluate import judge
from vfioguard.reading.take import take
from vfioguard.root.opening import open_root

FIXTURES = Path(__file__).parent / "fixtures"
GOLDEN = FIXTURES / "golden"
_ASKED = re.compile(r"\$ vfioguard explain (\S+) --root (\S+)\n")
_SCREENS = sorted(GOLDEN.glob("*.txt"))


def screen(target: str, root: str) -> str:
    """A question, and the screen that answers it. `root` is below tests/fixtures."""
    printed = io.StringIO()
    # Commands in the steps name the root, too.
    with contextlib.chdir(FIXTURES), contextlib.redirect_stdout(printed):
        main(["explain", target, "--root", root])
    return f"$ vfioguard explain {target} --root {root}\n{printed.getvalue()}"


def of_made(name: str, directory: Path) -> str:
    """A question about a host that nobody recorded, and the screen that answers it."""
    asked = " ".join(MADE[name].asked)
    return f"$ vfioguard {asked}, on the host of tests/support/screens.py\n" + shown(
        MADE[name], directory
    )


@pytest.mark.parametrize("path", _SCREENS, ids=lambda path: path.stem)
def test_a_cause_is_told_as_it_was_read(path: Path, tmp_path: Path) -> None:
    kept = path.read_text()
    asked = _ASKED.match(kept)
    told = screen(asked[1], asked[2]) if asked else of_made(path.stem, tmp_path)
    assert told == kept, "read it, and run: python -m tests.test_golden"


@pytest.mark.parametrize("path", _SCREENS, ids=lambda path: path.stem)
def test_the_answer_fits_on_a_screen_and_says_what_to_change(path: Path) -> None:
    asked, *lines = path.read_text().splitlines()
    text = " ".join(line.strip() for line in lines)
    assert len(lines) <= 24
    if "vfioguard check" in asked:  # a line of its own
        assert re.search(r"; \S+ .+", text)
        return
    assert max(map(len, lines)) <= 80
    assert re.search(r" 1\. | do: |[Nn]o setting |instance of bare metal", text)


def test_every_cause_and_every_blocker_has_its_screen() -> None:
    names = (*leaves.names("vfioguard.cause"), *leaves.names("vfioguard.blocker"))
    assert [path.stem for path in _SCREENS] == sorted(names), (
        "add a host to tests/support/screens.py, and run: python -m tests.test_golden"
    )


def test_a_host_is_made_only_for_what_nobody_recorded() -> None:
    recorded = {path.stem for path in _SCREENS if _ASKED.match(path.read_text())}
    assert not recorded & set(MADE)


def _examples() -> Iterator[tuple[str, str, str]]:
    """(cause, target, root): where a recorded host is told each cause, best as the first."""
    told: dict[str, tuple[int, str, str]] = {}
    roots = [*FIXTURES.glob("sysfs/*/*.tar.xz"), *FIXTURES.glob("field/*/root.tar.xz")]
    for path in sorted(roots):
        judged = judge(take(open_root(str(path))), "now", findings=False)
        host, report = Host(judged.snapshot), judged.report
        named = [(f"group:{group.id}", group) for group in report.groups]
        for target, place in [*named, *((device.name, device) for device in report.ungrouped)]:
            for rank, cause in enumerate(why(host, place)):
                known = told.get(cause.name)
                if known is None or rank < known[0]:
                    told[cause.name] = rank, target, str(path.relative_to(FIXTURES))
    for name, (_, target, root) in told.items():
        yield name, target, root


def write() -> None:
    """Write all screens anew."""
    screens = {name: screen(target, root) for name, target, root in _examples()}
    for name in MADE:
        with tempfile.TemporaryDirectory() as directory:
            screens[name] = of_made(name, Path(directory))
    GOLDEN.mkdir(exist_ok=True)
    for path in _SCREENS:
        path.unlink()
    for name, text in screens.items():
        (GOLDEN / f"{name}.txt").write_text(text)


if __name__ == "__main__":
    write()
