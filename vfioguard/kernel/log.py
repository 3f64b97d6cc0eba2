r"""The kernel's log of this boot (/dev/kmsg), reduced to the messages that bear on isolation.

Only a message that is there is evidence: it may be missing because the ring wrapped, or because
kernel.dmesg_restrict hides it. Documentation/ABI/testing/dev-kmsg. A recorded tree may have a text
instead: the output of dmesg with any of its options for time and facility, of `journalctl -k`, or
a syslog file. If the text has several boots, the last counts.

Each message is one entry, without its stamp. The lines of a message (`\x0a` in /dev/kmsg) are
joined by one blank. `dmesg -S`, a serial console and /proc/kmsg stamp each line, so that nothing
tells which lines are one message: there an entry is the first line alone.

A text does not tell the kernel's messages from those that root writes to /dev/kmsg, or that a user
writes by `logger -t kernel`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from vfioguard.fact import Fact, Reading, gap_from, printable_bytes
from vfioguard.fact import parse as parse_raw
from vfioguard.root import Root, first
from vfioguard.typed import TypeAlias

KMSG = "/dev/kmsg"
#: Where a recorded tree keeps the output of dmesg.
DMESG = "/CAPTURE/dmesg"
_LIMIT = 16 << 20

Log: TypeAlias = tuple[str, ...]

#: "6,339,5140900,-;text". A priority below 8 has the facility LOG_KERN (syslog(3)), which the
#: kernel gives to nobody else.
_RECORD = rb"[0-7],\d+,\d+,[^;\n]*;"
_ANY_RECORD = rb"\d+,\d+,\d+,[^;\n]*;"
#: "[    5.140900]", "[    5.140900 <    0.000010>]" (-d), "[<    0.000010>]", "[  +0.000010]" (-H).
_SECONDS = rb"\[[ <+]{0,16}\d{1,9}\.\d{1,9}[ \d.<>]{0,32}\]"
#: "[Sun Nov 29 11:12:36 2026]" (-T) and "[Nov29 11:12]" (-H), in the user's language.
_CLOCK = rb"\[[^\]\n]{4,40} \d\d:\d\d(?::\d\d \d{4})?\]"
_ISO = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)"
_TIME = rb"(?:" + _SECONDS + rb"|" + _CLOCK + rb"|" + _ISO + rb")"
#: "[    T1]", the caller (CONFIG_PRINTK_CALLER).
_CALLER = rb"(?: ?\[ *[TC]\d+\])?"
#: dmesg: with `-x` a line begins with the facility ("kern  :info  : "), with `-r` the priority.
_DMESG = rb"(?:<[0-7]>|kern *:[a-z]+ *: )?" + _TIME + _CALLER + rb" "
_ANY_DMESG = rb"(?:<\d+>|[a-z]+ *:[a-z]+ *: )?" + _TIME
#: "Nov 29 11:12:36", "Sun 2026-11-29 11:12:36 UTC" (journalctl -o short-full), and BusyBox's
#: "Sun Nov 29 11:12:36 2026".
_DATE = (
    rb"(?:\S{2,6} )?(?:\d{4}-\d\d-\d\d|\S{2,9} [ \d]\d) \d\d:\d\d:\d\d(?:\.\d{6})?"
    rb"(?: (?:\d{4}|[A-Z]{2,5}|[+-]\d\d))?"
)
_LEVEL = rb"\.(?:emerg|alert|crit|err|warn|notice|info|debug) "
#: journalctl and syslog daemons put a host's name and "kernel: " before the kernel's words. BusyBox
#: adds the facility and the level, "kern.info".
_SYSLOG = (
    rb"(?:" + _DATE + rb"|" + _ISO + rb"|" + _SECONDS + rb"|\d{10}\.\d{6}) "
    rb"(?:(?![a-z0-9]+" + _LEVEL + rb")[^\s:]+ )?(?:kern" + _LEVEL + rb")?"
    rb"kernel: (?:" + _SECONDS + _CALLER + rb" ?)?"
)
_KEPT = (
    rb"(?:DMAR(?:-IR)?: |AMD-Vi: |ITS[@: ]|GIC(?:v2m|v3|v5)?[: ]|(?:PCI/|Platform |fsl-mc )MSI: |"
    rb"x2apic: |Not enabling interrupt remapping|This system BIOS has enabled interrupt remapping|"
    rb"vfio_iommu_type1_attach_group: |VFIO - |IOMMUFD is providing |"
    rb"pci [0-9a-f:.]+: DMAR: |Warning: PCIe ACS overrides enabled|"
    rb"Unknown kernel command line parameters \")"
)
#: init/main.c print_unknown_bootoptions(), since v5.14. Its words are private but for these.
_ASKED = re.compile(rb"pcie_acs_override(?:=\S*)?")
_UNKNOWN = re.compile(rb'Unknown kernel command line parameters "(.*)"')
#: dmesg and journalctl indent a message's further lines. A record of /dev/kmsg has such lines too,
#: but they are its dictionary (" SUBSYSTEM=pci").
_MORE = rb"(?:\n[ \t]+\S.*)*"


def select(raw: bytes) -> bytes:
    """Keep the known drivers' messages of the last boot, with their time stamps."""
    return b"".join(
        match[0][1 : match.start(1) - match.start()] + _reduced(match[1]) + b"\n"
        for match in _messages(raw)
    )


def parse(raw: bytes) -> Log:
    """The same messages without their time stamps, each in one line."""
    return tuple(_line(_reduced(match[1])) for match in _messages(raw))


def read(root: Root) -> Reading[Log]:
    """The kept messages of the running kernel's log, oldest first."""
    readings: list[Reading[Log]] = []
    for path in (KMSG, DMESG):
        try:
            readings.append(parse_raw(root.records(path, _LIMIT, select), path, parse))
        except OSError as error:
            readings.append(gap_from(error, path))
        if isinstance(readings[-1], Fact):
            break
    return first(tuple(readings))


def _messages(raw: bytes) -> Iterator[re.Match[bytes]]:
    """Matches of a message and the line end before it; group 1 is the message without its stamp."""
    text = b"\n" + raw  # a search for the byte before a line is much faster than one for "^"
    stamp = _form(text)
    start = 0
    if b"Linux version " in text:
        boots = _line_of(stamp + rb"Linux version \d").finditer(text)
        start = max((boot.start() for boot in boots), default=0)
    return _message(stamp).finditer(text, start)


def _form(text: bytes) -> bytes:
    """The pattern of what stands before the kernel's words in each line of this text."""
    if _line_of(_ANY_RECORD).search(text):
        return _RECORD
    if b" kernel: " in text and _line_of(_SYSLOG).search(text):
        return _SYSLOG
    return _DMESG if _line_of(rb"(?:" + _ANY_DMESG + rb"|" + _DATE + rb" )").search(text) else b""


@cache  # it is called for each record of a live log
def _message(stamp: bytes) -> re.Pattern[bytes]:
    more = b"" if stamp is _RECORD else _MORE
    return _line_of(stamp + rb"(" + _KEPT + rb".*" + more + rb")")


@cache
def _line_of(begin: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"\n" + begin)


def _reduced(message: bytes) -> bytes:
    """The message, without words of the command line that nobody asks for."""
    unknown = _UNKNOWN.match(message)
    if unknown is None:
        return message
    begin, end = unknown.span(1)
    kept = [word for word in unknown[1].split() if _ASKED.fullmatch(word)]
    return message[:begin] + b" ".join(kept) + message[end:]


def unknown_words(log: Log) -> tuple[str, ...] | None:
    """The words of the command line that are kept and that the kernel does not know.

    Returns None if the kernel's log does not say.
    """
    for line in log:
        if unknown := _UNKNOWN.match(line.encode()):
            return tuple(unknown[1].decode().split())
    return None


def _line(message: bytes) -> str:
    """The message in one line. rsyslog escapes a line end as "#012"."""
    lines = re.split(rb"\n|\\x0a|#012", message)
    return printable_bytes(b" ".join(map(bytes.strip, lines)))
