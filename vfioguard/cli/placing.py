"""Where the units, man pages and completions of the wheel belong on a host.

The wheel brings them in `vfioguard/share` (release/wheel.py), as pip puts no file outside its own
environment. A package of the distribution brings its own instead.
"""

from __future__ import annotations

import os
import re

from vfioguard.typed import NamedTuple

#: Where they are, in an installed wheel.
SHARE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "share")
COMMAND = "/usr/local/bin/vfioguard"
SETTINGS = "/etc/vfioguard.toml"
SYSUSERS = "/usr/local/lib/sysusers.d/vfioguard.conf"
#: What the sandbox of the units hides or empties (ProtectHome=, PrivateTmp=, TemporaryFileSystem=),
#: so no program can lie there.
_HIDDEN = ("/etc", "/home", "/root", "/run", "/tmp", "/var")  # noqa: S108 - nothing is written there
#: By suffix of a file of systemd/.
_UNITS = (".service", ".socket", ".timer")
_COMPLETIONS = {
    "vfioguard.bash": "/usr/local/share/bash-completion/completions/vfioguard",
    "_vfioguard": "/usr/local/share/zsh/site-functions/_vfioguard",
    "vfioguard.fish": "/usr/local/share/fish/vendor_completions.d/vfioguard.fish",
}


class Program(NamedTuple):
    """The installed command, and the directories of all that it executes."""

    command: str
    directories: tuple[str, ...]


class Placed(NamedTuple):
    """A file for a host: its path there and its bytes."""

    path: str
    content: bytes


def files(share: str, program: Program) -> tuple[Placed, ...]:
    """Every file that belongs on the host, with the units made for this program.

    Raises OSError if `share` cannot be read.
    """
    placed = [Placed(SETTINGS, _read(share, "vfioguard.toml"))]
    for name in sorted(os.listdir(os.path.join(share, "systemd"))):
        text = _read(share, "systemd", name).decode()
        placed.append(Placed(_of_systemd(name), _adapted(text, program).encode()))
    for name in sorted(os.listdir(os.path.join(share, "man"))):
        to = f"/usr/local/share/man/man{name.rpartition('.')[2]}/{name}"
        placed.append(Placed(to, _read(share, "man", name)))
    for name, to in _COMPLETIONS.items():
        placed.append(Placed(to, _read(share, "completion", name)))
    return tuple(placed)


def hidden(program: Program) -> str | None:
    """The directory of the program that the units could not see. Returns None if they see all."""
    for directory in (os.path.dirname(program.command), *program.directories):
        if any(directory == top or directory.startswith(f"{top}/") for top in _HIDDEN):
            return directory
    return None


def _of_systemd(name: str) -> str:
    stem, suffix = os.path.splitext(name)
    if suffix in _UNITS:
        return f"/usr/local/lib/systemd/system/{name}"
    if suffix == ".sysusers":
        return f"/usr/local/lib/sysusers.d/{stem}.conf"
    return f"/usr/local/share/doc/vfioguard/examples/{name}"


def _adapted(text: str, program: Program) -> str:
    """A unit that starts this program, and may execute what lies outside /usr of it."""
    text = re.sub(r"(?<==)/usr/bin/vfioguard\b", program.command, text)
    outside = [name for name in program.directories if not f"{name}/".startswith("/usr/")]
    return re.sub(r"^ExecPaths=.*", " ".join([r"\g<0>", *outside]), text, flags=re.MULTILINE)


def _read(*path: str) -> bytes:
    with open(os.path.join(*path), "rb") as file:
        return file.read()
