"""The symptoms that people meet before they know of groups: an errno of VFIO, or a line of a log.

This is data: what each symptom means in which kernels, and what to do. `errors.py` has the errnos,
`lines.py` the lines. Nothing here looks at a host.
"""

from enum import StrEnum
from typing import NamedTuple


class About(StrEnum):
    """The part of a host that a symptom hangs on; `explain` shows it beside the general answer."""

    INTERRUPTS = "interrupts"
    MEMORY = "memory"
    MEMBERS = "members"
    GROUPS = "groups"


class Cause(NamedTuple):
    """One cause of an errno: the call that returns it, in which kernels, why, and what to do."""

    call: str
    kernels: str
    why: str
    change: str
    about: About


class Line(NamedTuple):
    """A line of the kernel or of QEMU: a regular expression, what it means, and what to do."""

    pattern: str
    means: str
    change: str
    about: About


def causes_of(name: str) -> tuple[Cause, ...]:
    """The causes of the errno with this name, the usual one first; empty if VFIO never returns it.

    An example of a name is "EPERM".
    """
    from vfioguard.symptom.errors import ERRORS

    return ERRORS.get(name, ())


def meaning(text: str) -> Line | None:
    """The known line that `text` contains, or None; a time, host name or device may precede it."""
    import re

    from vfioguard.symptom.lines import LINES

    return next((line for line in LINES if re.search(line.pattern, text)), None)


def told_errno(text: str) -> str | None:
    """The name of the errno that `text` mentions: in strerror's words, or as `error -22`.

    Returns None if there is none, or if VFIO never returns it.
    """
    import errno
    import re

    from vfioguard.symptom.errors import ERRORS, WORDS

    for words, name in WORDS.items():
        if re.search(words, text):
            return name
    number = re.search(r"\berror:? -(\d{1,3})\b", text)
    named = errno.errorcode.get(int(number[1])) if number else None
    return named if named in ERRORS else None
