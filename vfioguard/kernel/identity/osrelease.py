"""/proc/sys/kernel/osrelease: the running kernel's release string (`uname -r`).

If a recording lacks that file, the banner in /proc/version has the release. A release is weak
evidence of what the kernel does, because distributions backport. Symbols are better (symbols.py).
"""

from __future__ import annotations

from vfioguard.fact import Gap, Malformed, Reading, Why
from vfioguard.root import Root, reading, text
from vfioguard.typed import NamedTuple

PATH = "/proc/sys/kernel/osrelease"
#: "Linux version RELEASE (who built it) ...": fs/proc/version.c.
VERSION = "/proc/version"

_BANNER = b"Linux version "
#: Digits of a number at most; no kernel has more.
_DIGITS = 4
_LETTERS = "abcdefghijklmnopqrstuvwxyz"

# Some vendors' kernels carry years of backports under an old number. RPM distributions leave a mark
# (.el9_4, .oe2203, .vz9, .ky10, .uelc20, .tl4, .hce2, .es8). The marks in _FOLLOWING are not such:
# they are of distributions that follow mainline, of architectures, and of other words.
_FOLLOWING = frozenset({
    "amzn", "arch", "azl", "bpo", "cm", "deb", "fc", "mga", "pclos", "ph", "rc",
    "aarch", "armv", "i", "loongarch", "ppc", "riscv", "s", "x",
})  # fmt: skip
_OF_VENDORS = ("tlinux", "euleros", "vhulk", "kylin", ".bsk.", ".ve.", "_fbk", "-fbk")
#: NVIDIA's kernels backport whatever its machines need.
_NVIDIAS = frozenset({"nvidia", "tegra", "bluefield"})
# SUSE's kernels have a dotted release before the flavour (5.14.21-150500.33.57-azure); Ubuntu's
# have one number there (6.8.0-1014-azure). The first number of newer SUSE kernels has six digits.
_SUSES = frozenset({"azure", "preempt", "rt", "64kb", "kvmsmall", "xen", "pae", "vanilla"})
_SUSE_DIGITS = 6


class Release(NamedTuple):
    """A kernel's release. `version` is (major, minor); `backports`: whether the kernel has more.

    `sublevel` is the number in kernel.org's stable series, or None if the text does not tell it.
    """

    text: str
    version: tuple[int, int]
    sublevel: int | None
    backports: bool


def parse(raw: bytes) -> Release:
    """ "6.12.107+deb13-amd64" -> version (6, 12), sublevel 107."""
    release = text(raw)
    major, _, rest = release.partition(".")
    minor, rest = _number(rest)
    if "/" in release or not minor or not (major.isdigit() and len(major) <= _DIGITS):
        raise Malformed(f"no kernel version: {release!r:.64}")
    sublevel, rest = _number(rest[1:]) if rest.startswith(".") else ("", rest)
    # Debian 12, Ubuntu and Raspberry Pi OS write 6.1.0-50-amd64, 6.8.0-45-generic, 6.1.0-rpi7: the
    # 0 is not a sublevel.
    own = rest[:1] == "-" and not rest.startswith("-rc")
    told = bool(sublevel) and not (sublevel == "0" and own)
    return Release(
        text=release,
        version=(int(major), int(minor)),
        sublevel=int(sublevel) if told else None,
        backports=_backports(release),
    )


def _number(words: str) -> tuple[str, str]:
    """The digits that `words` begins with, and the rest. Too many digits count as none."""
    rest = words.lstrip("0123456789")
    digits = words[: len(words) - len(rest)]
    return (digits if len(digits) <= _DIGITS else ""), rest


def _backports(release: str) -> bool:
    words = release.split("-")
    own = words[1].partition(".") if len(words) > 1 else ("", "", "")
    suses = own[0].isdigit() and own[2][:1].isdigit()
    return (
        words[-1] == "default"
        or (words[-1] == "rt" and own[0].isdigit())
        or (suses and (len(own[0]) == _SUSE_DIGITS or words[-1] in _SUSES))
        or not _NVIDIAS.isdisjoint(words)
        or any(part in release for part in _OF_VENDORS)
        or any(map(_marked, release.split(".")[1:]))
    )


def _marked(part: str) -> bool:
    """Whether `part` begins with a vendor's mark: letters, then a digit."""
    letters = part[: len(part) - len(part.lstrip(_LETTERS))]
    return bool(letters) and part[len(letters) :][:1].isdigit() and letters not in _FOLLOWING


def select(raw: bytes) -> bytes:
    """Keep the banner up to the release. The rest, which names the kernel's builder, is private."""
    if not raw.startswith(_BANNER):
        return b""
    return _BANNER + raw[len(_BANNER) :].partition(b" ")[0]


def parse_banner(raw: bytes) -> Release:
    """ "Linux version 6.12.107+deb13-amd64 (...)" -> that release."""
    return parse(select(raw)[len(_BANNER) :])


def read(root: Root) -> Reading[Release]:
    """The running kernel's release."""
    release = reading(root, PATH, parse)
    if not isinstance(release, Gap) or release.why is not Why.ABSENT:
        return release
    banner = reading(root, VERSION, parse_banner, select=select)
    return release if isinstance(banner, Gap) and banner.why is Why.ABSENT else banner
