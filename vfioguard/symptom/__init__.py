"""What people meet before they know of groups: an errno of VFIO, or a line of a log.

Data: what it means in which kernels, and what to do. `errors.py` has the errnos, `lines.py` the
lines; nothing here looks at a host.
"""

from enum import StrEnum
from typing import NamedTuple


class About(StrEnum):
    """What of a host bears on it: said of this one beside the general answer."""

    INTERRUPTS = "interrupts"
    MEMORY = "memory"
    MEMBERS = "members"
    GROUPS = "groups"


class Cause(NamedTuple):
    """One reason of an errno: the call that answers so, in which kernels, why, and what to do."""

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
    """The causes of an errno by its name, the usual first; empty if VFIO never answers so."""
    from vfioguard.symptom.errors import ERRORS

    return ERRORS.get(name, ())


def meaning(text: str) -> Line | None:
    """The line that a text holds, whatever stands before it (time, host name, device)."""
    import re

    from vfioguard.symptom.lines import LINES

    return next((line for line in LINES if re.search(line.pattern, text)), None)


def told_errno(text: str) -> str | None:
    """The errno with causes that a text tells of: in words, or as the kernel does, `error -22`."""
    import errno
    import re

    from vfioguard.symptom.errors import ERRORS, WORDS

    for words, name in WORDS.items():
        if re.search(words, text):
            return name
    number = re.search(r"\berror:? -(\d{1,3})\b", text)
    known = errno.errorcode.get(int(number[1])) if number else None
    return known if known in ERRORS else None
