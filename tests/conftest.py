"""Settings for every test: the hypothesis profile, who runs them, and what ends them."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import settings

_TESTS = Path(__file__).parent

# No law has a clock of its own: on a loaded machine an example may take any time.
settings.register_profile("whole", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=10)
# A checkout that may not be written to (another user's, a read-only mount) keeps no examples.
settings.register_profile("read-only", deadline=None, database=None)
settings.load_profile("whole" if os.access(_TESTS.parent, os.W_OK) else "read-only")

# Who starts the tests in the background hands them an ignored SIGINT, which their children inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> list[str]:
    """Say first what cannot pass, instead of failures with other reasons in the middle."""
    if os.geteuid() == 0:
        return []
    mark = "pytest.mark.needs_root"
    files = [str(path.relative_to(_TESTS)) for path in sorted(_TESTS.rglob("test_*.py"))
             if mark in path.read_text()]  # fmt: skip
    return [f"not root: tests of {', '.join(files)} will fail; -m 'not needs_root' leaves them out"]


class Hung(BaseException):
    """A test took longer than it may. To hypothesis, pytest's own failure is one to try again."""


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer(
    item: pytest.Item, settings: object
) -> Generator[None, object, object]:
    """Have the signal of pytest-timeout end a law as it ends any other test."""
    result = yield
    fail = signal.getsignal(signal.SIGALRM)
    assert callable(fail)

    def end(number: int, frame: FrameType | None) -> None:
        try:
            fail(number, frame)
        except pytest.fail.Exception as failure:
            raise Hung(str(failure)) from None

    signal.signal(signal.SIGALRM, end)
    return result
