"""Run vfioguard from its single file.

Python 2 and every Python 3 can read this module, so that an old one says what it lacks and does not
stop at syntax that it does not know. `release/pyz/build.py` puts it into the file as `__main__`.
"""

import os
import sys

#: As requires-python in pyproject.toml.
OLDEST = (3, 11)


def lacks(version, directories):
    """The line that says what a Python of this version lacks. Returns None if it lacks nothing.

    `version` is like sys.version_info. If one of the directories has a Python that is new enough,
    the line names the newest.
    """
    if tuple(version[:2]) >= OLDEST:
        return None
    line = "vfioguard.pyz: needs Python %d.%d or later, and this is Python %s" % (
        OLDEST[0],
        OLDEST[1],
        ".".join(str(number) for number in version[:3]),
    )
    newest = max([OLDEST[:1]] + [pair for place in directories for pair in pythons(place)])
    if newest < OLDEST:
        return line
    return line + "; start it with: python%d.%d %s" % (newest[0], newest[1], sys.argv[0])


def pythons(directory):
    """The versions of the programs of a directory that are called python3.11 or so, as pairs."""
    try:
        names = os.listdir(directory or ".")
    except OSError:
        return []
    numbers = [name[len("python") :].split(".") for name in names if name.startswith("python3.")]
    return [tuple(int(part) for part in pair) for pair in numbers if is_version(pair)]


def is_version(parts):
    """Whether the parts of a name are two numbers, unlike those of python3.11-config."""
    return len(parts) == 2 and all(part.isdigit() for part in parts)


if __name__ == "__main__":
    LINE = lacks(sys.version_info, os.environ.get("PATH", "").split(os.pathsep))
    if LINE is not None:
        sys.stderr.write(LINE + "\n")
        sys.exit(3)
    from vfioguard.cli import entry

    entry()
