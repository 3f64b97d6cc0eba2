"""Writes changes to the daemon's log, one line each. In the journal a line has fields, too."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from vfioguard.change import Change, Direction, Kind, Value
from vfioguard.change.sentence import sentence
from vfioguard.serve.telling.journal import Fields, Journal

#: The id of each kind, which never changes: `journalctl MESSAGE_ID=...` (docs/changes.md).
MESSAGE_IDS = {
    Kind.BOOT: "eebff2eb2e7b4a7e8f946d0830b28f04",
    Kind.KERNEL: "51c4fe8013df43dca79bf7566f2eaf9d",
    Kind.POLICY: "44597bf959584242a04a293efb35d964",
    Kind.REMAPPING: "c318cb57789a46a68cf93ee13b9a51da",
    Kind.OVERRIDE: "3b0850cae109461a95c0ba13252a3621",
    Kind.EVIDENCE: "d0af15a6ee3942eeba52d5b6e4142845",
    Kind.FINDING_APPEARED: "afd2ac27dd1b46f19846fc507eeccc6c",
    Kind.FINDING_CLEARED: "e8727bb963394a04ac31dca047e784ac",
    Kind.OUTCOME: "589d46fc88b042239d83b1c59e13c80e",
    Kind.GROUP_APPEARED: "df843ac351964d93afde657bea08f327",
    Kind.GROUP_VANISHED: "f70c751d0467431d9a0ae0c3c41e7a81",
    Kind.MEMBERSHIP: "f8846539564c4f65919e8f29db0c3d93",
    Kind.UNGROUPED: "f62ad0db3e2d44d5a4c88b4113f2835d",
    Kind.DRIVER: "88643ab9c2b44fff9aaa98d946fbbc52",
    Kind.RENUMBERED: "5b27f33deda24b409f21f5850cee14e5",
}

#: The most changes of one reading that get a line each, the worst first. journald drops what
#: exceeds 10,000 lines in 30 s, and nobody reads 4,096 lines.
_LINES = 100
#: The most values that a field has, such as the names of devices.
_VALUES = 64

# sd-daemon(3): 4 is a change to look at, 5 and 6 are changes that are good to know.
_PRIORITIES = {Direction.WORSE: "4", Direction.NEITHER: "6", Direction.BETTER: "5"}

_log = logging.getLogger("vfioguard")


class LogTeller:
    """Writes changes to the journal. If there is none or it does not take them, to stderr."""

    def __init__(self, journal: Journal | None) -> None:
        self._journal = journal

    def __call__(self, changes: Sequence[Change]) -> None:
        """Write the changes of one reading. It may take milliseconds: call it in a thread."""
        for change in changes[:_LINES]:
            self._tell(change)
        if rest := changes[_LINES:]:
            numbers = Counter(change.kind for change in rest)
            counts = ", ".join(f"{number} {kind}" for kind, number in numbers.items())
            _log.warning("%d more changes (%s): see /v1/report", len(rest), counts)

    def _tell(self, change: Change) -> None:
        if self._journal is not None:
            try:
                self._journal.send(fields(change))
            except OSError:
                pass  # stderr gets it, which leads to the journal too
            else:
                return
        level = logging.WARNING if change.direction is Direction.WORSE else logging.INFO
        _log.log(level, "%s", sentence(change))


def fields(change: Change) -> Fields:
    """The fields of one change's record. A field without a value is left out."""
    single = {
        "MESSAGE": sentence(change),
        "MESSAGE_ID": MESSAGE_IDS[change.kind],
        "PRIORITY": _PRIORITIES[change.direction],
        "SYSLOG_IDENTIFIER": "vfioguard",
        "VFIOGUARD_KIND": change.kind,
        "VFIOGUARD_DIRECTION": change.direction,
        "VFIOGUARD_SUBJECT": change.subject,
        "VFIOGUARD_GROUP": "" if change.group is None else str(change.group),
        "VFIOGUARD_CAUSE": change.cause or "",
        "VFIOGUARD_AT": change.at,
    }
    several = [
        ("VFIOGUARD_DEVICE", tuple(device.name for device in change.devices)),
        ("VFIOGUARD_BEFORE", _shown(change.before)),
        ("VFIOGUARD_AFTER", _shown(change.after)),
    ]
    return [
        *((name, value) for name, value in single.items() if value),
        *((name, value) for name, values in several for value in values[:_VALUES]),
    ]


def _shown(value: Value) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, tuple):
        return value
    return (str(value).lower() if isinstance(value, bool) else str(value),)
