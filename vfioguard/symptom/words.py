"""How errnos, calls, groups and devices are written in lines of logs and programs.

Whatever is searched here takes steps in proportion to the line: literals, and regular expressions
whose repetitions cannot overlap. `line` is always one that `paste.cleaned` made, in lower case.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

from vfioguard.symptom import Call
from vfioguard.symptom.calls import CALLS
from vfioguard.symptom.errors import ERRORS
from vfioguard.symptom.languages import TRANSLATED
from vfioguard.typed import NamedTuple

#: The words of strerror(3), of glibc and of musl, and the errno that each stands for.
WORDS: dict[str, str] = {
    "operation not permitted": "EPERM",
    "permission denied": "EACCES",
    "invalid argument": "EINVAL",
    "device or resource busy": "EBUSY",
    "resource busy": "EBUSY",
    "no such device": "ENODEV",
    "no such device or address": "ENXIO",
    "no such file or directory": "ENOENT",
    "cannot allocate memory": "ENOMEM",
    "out of memory": "ENOMEM",
    "no space left on device": "ENOSPC",
    "file exists": "EEXIST",
    "bad address": "EFAULT",
    "input/output error": "EIO",
    "i/o error": "EIO",
    "inappropriate ioctl for device": "ENOTTY",
    "not a tty": "ENOTTY",
}
#: The same with other languages.
SAID = {**WORDS, **TRANSLATED}
#: Those that a line of ASCII may have.
_PLAIN = {words: name for words, name in SAID.items() if words.isascii()}

#: Podman's names for a class of failures, after the errno's own words (libpod/define/errors.go).
_CLASSES = ("oci runtime permission denied", "oci permission denied")

#: `error -22`, `error: 22`, `errno=1`, `[errno 22]`, `(os error 22)`, `error(1)`, `os { code: 22`.
_NUMBER = re.compile(
    r"(?:\b(?:os )?err(?:or|no)? ?[:=(]? ?|\bos \{ code: |\b(?:ret|rc|r) ?[:=] ?(?=-)|"
    r"\) = (?=-)|failed:? ?(?:with )?(?=-\d)|: (?=-\d{1,3}(?:$|['\")])))"
    r"-?(\d{1,3})\b(?![.:x])"
)
_WORD = re.compile(r"\w{1,64}")
_NAME = re.compile(r"\be[a-z]{2,7}\b")
#: An address with its domain, but not one that leads to another in a path of sysfs.
_BDF = re.compile(
    r"(?<![0-9a-z:.])([0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7])(?![0-9a-z])"
    r"(?!/[0-9a-f]{4,8}:)"
)
#: `41:00.0`. A time may look like one; the host does not have that device.
_SHORT = re.compile(r"(?<![0-9a-z:.])([0-9a-f]{2}:[01][0-9a-f]\.[0-7])(?![0-9a-z]|[:.][0-9a-f])")
_NODEDEV = re.compile(r"\bpci_([0-9a-f]{4,8})_([0-9a-f]{2})_([01][0-9a-f])_([0-7])\b")
_XML = re.compile(
    r"domain='0x([0-9a-f]{4,8})' bus='0x([0-9a-f]{2})' slot='0x([01][0-9a-f])' function='0x([0-7])'"
)
_GROUP = re.compile(
    r"(?:\bgroup:? ?#?|/dev/vfio/(?:noiommu-)?|/iommu_groups/|\bgroup_id ?[:=] ?)(\d{1,9})\b"
)
#: A driver's directory in sysfs, or a driver in quotes.
_DRIVER = re.compile(r"(?:/drivers/|driver ['\"])([a-z0-9_-]{1,64})")

#: A driver and its device, at the beginning of what the kernel logs: `nvidia 0000:01:00.0: `.
_WROTE = re.compile(r"(?:^|[\]:] )[a-z0-9_-]{1,64} [0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]: ")
#: A driver whose probe failed, before v6.10 and since.
_PROBED = re.compile(r"\b[a-z0-9_-]{1,64}: probe of |\bprobe with driver [a-z0-9_-]{1,64} ")
#: Drivers that hold a device for a guest as VFIO's do. "device " names none.
_STUBS = ("pci-stub", "pciback", "device ")

#: Words without which an errno in a line is taken for somebody else's.
_OURS = ("vfio", "iommu", "eal:", "dmar", "passthrough", "pass-through", "hostdev", "rte_dev_probe")
#: A line that names a call says that it failed only if it has an errno or one of these.
_FAILED = (
    "fail",
    "error",
    "cannot",
    "can't",
    "could not",
    "couldn't",
    "unable",
    "denied",
    "refuse",
    "reject",
    "invalid",
    "abort",
    "panic",
    "missing",
    "unsupported",
    "timed out",
    "out of range",
    "exceed",
    "disabled by",
    " no ",
    " not ",
    "does not",
    "doesn't",
)
#: The kernel's command line, in the log or in the settings of GRUB, and the modules of a trace.
#: They name what is set or loaded. They say nothing of what came of it.
_SETTINGS = re.compile(
    r"(?:^|[\]:)] )(?:kernel )?command line: |\bboot_image=|\bgrub_cmdline|\bmodules linked in: "
)
#: What the kernel says of words on its command line.
_OF_SETTINGS = "unknown kernel command line"
#: Nodes that are not a group's.
_CONTAINER_NODES = ("/dev/vfio/vfio", "/dev/iommu")
_DEVICE_NODES = "/dev/vfio/devices/"


class Names(NamedTuple):
    """The groups and devices that a line names. A short address is one only if the host has it."""

    groups: tuple[int, ...]
    devices: tuple[str, ...]
    short: tuple[str, ...]


def pieces(pattern: str) -> tuple[str, ...]:
    """The texts of a pattern, which `*` parts."""
    return tuple(piece for piece in pattern.split("*") if piece)


def follows(line: str, texts: tuple[str, ...]) -> bool:
    """Whether these texts stand in `line` one after the other: one search for each."""
    place = 0
    for text in texts:
        place = line.find(text, place)
        if place < 0:
            return False
        place += len(text)
    return True


_CALLS = tuple((call, tuple(pieces(pattern) for pattern in patterns)) for call, patterns in CALLS)


def told_errno(line: str) -> str | None:
    """The name of the errno that a line tells: in words, by its name, or by its number.

    The last words count, as programs append strerror's. Returns None if the line tells
    none, or one that VFIO never returns.
    """
    for phrase in _CLASSES:
        line = line.replace(phrase, "")
    said = _PLAIN if line.isascii() else SAID
    ends = [(line.rfind(words) + len(words), name) for words, name in said.items() if words in line]
    if ends:
        return max(ends)[1]
    for word in _NAME.findall(line):
        if word.upper() in ERRORS:
            return str(word.upper())
    for number in _NUMBER.findall(line):
        named = errno.errorcode.get(int(number))
        if named in ERRORS:
            return named
    return None


def told_call(line: str) -> Call | None:
    """The call that a line says has failed. Returns None if it names none."""
    line = line.replace("dmar", "")  # The firmware's table: "map dmar0" maps no DMA.
    call = next(
        (
            call
            for call, patterns in _CALLS
            for texts in patterns
            if texts[0] in line and follows(line, texts)
        ),
        None,
    )
    if call in {None, Call.OPEN} and any(node in line for node in _CONTAINER_NODES):
        return Call.CONTAINER
    if call in {None, Call.OPEN, Call.DRIVER} and _DEVICE_NODES in line:
        return Call.NODE
    return call


def telling() -> frozenset[str]:
    """A text for each errno and call, of which a line that tells any has at least one."""
    told = (max(texts, key=len) for _, patterns in _CALLS for texts in patterns)
    return frozenset(
        (*SAID, *told, *(name.lower() for name in ERRORS), "err", ") = -", ": -", "fail")
    )


def ours(line: str, names: Names) -> bool:
    """Whether a line speaks of VFIO, or of a device or group."""
    return bool(names.groups or names.devices) or any(word in line for word in _OURS)


def failed(line: str) -> bool:
    """Whether a line says that something failed, be it without an errno."""
    return any(word in line for word in _FAILED)


def only_settings(line: str) -> bool:
    """Whether a line only repeats the kernel's command line, or which modules are loaded."""
    return _SETTINGS.search(line) is not None and _OF_SETTINGS not in line


def of_another_driver(line: str) -> bool:
    """Whether a driver that is not VFIO's wrote the line into the kernel's log, of its own device.

    Programs tell an errno in words; the kernel tells it by its number or its name.
    """
    if any(word in line for word in _OURS) or any(words in line for words in SAID):
        return False
    wrote = _WROTE.search(line) or _PROBED.search(line)
    return wrote is not None and not any(word in wrote[0] for word in _STUBS)


def only_errno(line: str) -> bool:
    """Whether a line holds nothing but an errno, as people ask for one by itself."""
    told = told_errno(line)
    if told is None:
        return False
    left = line
    for words in sorted(SAID, key=len, reverse=True):
        left = left.replace(words, " ")
    number = str(getattr(errno, told))
    rest = _WORD.findall(_NUMBER.sub(" ", left))
    return all(is_errno(word) or word in {"error", number} for word in rest)


def is_errno(word: str) -> bool:
    """Whether a word is the name of an errno that VFIO returns: `eperm`, `-eperm`."""
    return word.removeprefix("-").upper() in ERRORS


def names(line: str) -> Names:
    """The groups and devices that a line names, in their order."""
    full = [*_BDF.findall(line), *map(_joined, (*_NODEDEV.findall(line), *_XML.findall(line)))]
    return Names(
        groups=tuple(dict.fromkeys(int(number) for number in _GROUP.findall(line))),
        devices=tuple(dict.fromkeys(full)),
        short=tuple(dict.fromkeys(_SHORT.findall(line))),
    )


def _joined(parts: tuple[str, ...]) -> str:
    domain, bus, device, function = parts
    return f"{domain}:{bus}:{device}.{function}"


def drivers(line: str) -> Iterator[str]:
    """The names of VFIO drivers that a line has as directories of sysfs, or in quotes."""
    yield from (name for name in _DRIVER.findall(line) if "vfio" in name)
