"""The words that all faces share: for answers, reasons, ranges and names."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter

from vfioguard.attach import NO_MATCHING_ID, Attach, Attachment, Blocker
from vfioguard.fact import Gap
from vfioguard.reason import reason
from vfioguard.report import (
    NO_GROUP,
    UNBINDABLE,
    CauseReport,
    CauseRow,
    DeviceReport,
    GroupReport,
    Report,
    Step,
    UngroupedDevice,
)
from vfioguard.verdict import Outcome, severity

_headline: Callable[[GroupReport], Outcome] = attrgetter("headline.outcome")
#: The last second of the year 9999.
_LAST = 253402300799
#: Characters of a text that are shown.
_RAW = 120
#: Bytes of a binary file that are shown: a line of 32-bit cells.
_CELLS = 32
#: Names that are shown; the others are counted.
_NAMES = 8


def moment(seconds: float) -> str:
    """Seconds since 1970 as RFC 3339, in UTC. Its last year is 9999, so later moments are cut."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(min(max(seconds, 0), _LAST)))


def now() -> str:
    """The present as `moment` writes it."""
    return moment(time.time())


def truth(value: bool | None) -> str:
    """ "yes", "no" or "unknown"."""
    return "unknown" if value is None else "yes" if value else "no"


def verdict_line(target: str, group: GroupReport) -> str:
    """One line that says whether `target`, of this group, may be attached; the outcome first."""
    name = target if target.startswith("group:") else f"{target} group:{group.id}"
    return f"{group.outcome} {name} {_by(group)}"


def blocked(group: GroupReport) -> str:
    """The first thing besides the interrupts that refuses the group for good, with its errno."""
    # What can be changed refuses for good as well if it concerns a member that nobody can bind.
    sure = [blocker for blocker in group.attachment.blockers if blocker.because.truth]
    first = max(sure, key=lambda blocker: blocker.lasting)
    met = f" ({first.errno} from {first.call})" if first.errno else ""
    return first.because.said + met


def to_change(attachment: Attachment) -> bool:
    """Whether something refuses the attach that can be changed, before a member is bound."""
    if attachment.now is not None or attachment.attach not in {Attach.YES, Attach.BY_OVERRIDE}:
        return False
    told = [blocker for blocker in attachment.blockers if blocker.name != NO_MATCHING_ID]
    return any(blocker.because.truth for blocker in told)


def attach(attachment: Attachment, after: str = "") -> str:
    """Whether an attach succeeds: once what can be bound is bound, and as it stands if it differs.

    `after` says after which change.
    """
    text = f"{attachment.attach}{after}"
    if attachment.now is not None and attachment.now is not attachment.attach:
        text += f"; as it stands: {attachment.now}"
    met = f" ({attachment.errno} from {attachment.call})" if attachment.errno else ""
    return text + met


def step(change: Step) -> str:
    """One step of a change, in one line; what to type or where to look comes last."""
    if not change.where or change.where in change.do:
        return change.do
    return (
        f"{change.do} [{change.where}]"
        if change.do.endswith(".")
        else f"{change.do}: {change.where}"
    )


def of_others(report: Report, row: CauseRow, again: str = "") -> str:
    """What to add to a row whose words name a member of its first group, or ""."""
    if len(row.groups) < 2:
        return ""
    texts = (row.cause.sentence, *map(step, row.cause.change))
    first = next(group for group in report.groups if group.id == row.groups[0])
    if not any(member.name in text for member in first.devices for text in texts):
        return ""
    return (
        f"Told of group {first.id}; {len(row.groups) - 1} more, each of its own devices: "
        f"vfioguard explain group:{row.groups[1]}{again}"
    )


def last_resort(causes: Iterable[CauseReport]) -> list[str]:
    """The ways to set the override, each in one line; none if no cause has such a step.

    They are told after all causes. Those of one host differ only in their number.
    """
    ways = max((cause.last_resort for cause in causes), key=len, default=())
    if not ways:
        return []
    first, *others = map(step, ways)
    return [f"last resort: {first[0].lower()}{first[1:]}", *(f"  {other}" for other in others)]


def commands(blockers: Iterable[Blocker]) -> list[str]:
    """The commands that remove these blockers, each once."""
    return list(dict.fromkeys(command for blocker in blockers for command in blocker.change))


def group_line(group: GroupReport) -> str:
    """One line about a group, for grep: outcome, number, members, and reason."""
    members = ",".join(member.name for member in group.devices) or "-"
    return f"{group.outcome} group:{group.id} {members} {_by(group)}"


def _by(group: GroupReport) -> str:
    text = f"by {group.headline.policy}"
    if group.outcome is not Outcome.ALLOWED:
        text += f"; {reason(group)}"
    if not group.attachable:
        text += "; not attachable"
    return text + aside(group)


def aside(group: GroupReport) -> str:
    """In brackets, the outcome by the running kernel or the 2016 series if it differs; else ""."""
    kernel = group.kernel
    if kernel is not None and kernel.outcome is not group.outcome:
        return f" [this kernel: {kernel.outcome}]"
    if group.agrees is False:
        return f" [the 2016 series: {group.series.outcome}]"
    return ""


def ungrouped_line(report: Report, device: UngroupedDevice) -> str:
    """One line about a device that is in no group, as `verdict_line` is about one in a group."""
    name = device.name
    if report.groups or device.reason != UNBINDABLE:
        return f"{Outcome.UNKNOWN} {name} is {device.reason}"
    return f"{Outcome.UNKNOWN} {name} {no_groups(report)}"


def ungrouped_lines(report: Report, most: int | None = _NAMES) -> Iterator[tuple[str, str]]:
    """The functions in no group, folded by their reason: (the reason, their names).

    At most `most` names are shown, the others are counted; None shows all.
    """
    folded: dict[str, list[str]] = {}
    for device in report.ungrouped:
        folded.setdefault(device.reason, []).append(device.name)
    for why, names in folded.items():
        counted = why.replace(NO_GROUP, f"{NO_GROUP} ({len(names)})", 1)
        shown = names[:most]
        more = f" +{len(names) - len(shown)} more" if len(names) > len(shown) else ""
        yield counted, f"{', '.join(shown)}{more}"


def not_known(target: str, gap: Gap) -> str:
    """The sentence that nobody knows whether there is a `target`: the groups cannot be read."""
    shown = f"{target[:64]!r:.64}"
    return f"{shown} is not known: {gap.source} cannot be read ({gap.errno or gap.detail})"


def missing(target: str, kind: str, close: list[str], near: list[str], count: int) -> str:
    """The sentence that there is no `target` of this `kind`.

    `close` are names that are nearly the same, `near` are others, of `count` that there are.
    """
    shown = f"{target[:64]!r:.64}"
    none = f"no {shown}" if target.startswith("group:") else f"no {kind} {shown}"
    if close:
        return f"{none} here; did you mean {' or '.join(close)}?"
    if not near:
        return f"{none} here; there is none"
    more = f" and {count - len(near)} more" if count > len(near) else ""
    return f"{none} here; there are {', '.join(near)}{more}"


def listed(names: list[str]) -> str:
    """The first of these names, and how many more there are."""
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return f"{', '.join(names[:_NAMES])}{more}"


def raw_text(raw: bytes) -> str:
    """A file's content in one line of printable ASCII: its text, or its 32-bit cells in hex."""
    shown = raw.strip(b"\n\0")
    more = " ..." if len(shown) > _RAW else ""
    text = shown[:_RAW].replace(b"\0", b", ").replace(b"\n", b"; ").decode("ascii", "replace")
    if text.isascii() and text.isprintable():
        return f'"{text}"{more}'
    more = " ..." if len(raw) > _CELLS else ""
    return f"<{raw[:_CELLS].hex(' ', 4)}>{more}"


def device(member: DeviceReport) -> str:
    """ "0000:41:00.0 vfio-pci", or only the name if no driver is bound."""
    return f"{member.name} {member.driver}" if member.driver else member.name


def ranges(numbers: Iterable[int], between: str = ", ") -> str:
    """Numbers in their order as "0-3, 7, 9-12": only what rises by one is a span."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return between.join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


def summary(report: Report) -> str:
    """The attachable groups in one clause: "2 refused, 15 allowed of 17 IOMMU groups"."""
    counts = Counter(map(_headline, report.attachable))
    worst_first = sorted(counts.items(), key=lambda item: -severity(item[0]))
    parts = ", ".join(f"{number} {outcome}" for outcome, number in worst_first)
    return f"{parts} of {len(report.attachable)} IOMMU groups" if parts else "no IOMMU group"


def is_blocked(group: GroupReport) -> bool:
    """Whether something else than the interrupts refuses the group for good."""
    return group.outcome is not Outcome.REFUSED and group.attachment.attach is Attach.NO


def policies(report: Report) -> str:
    """The policies that decided the headlines, or why there are none."""
    if report.host.pinned:
        return f"{report.host.pinned} (as asked)"
    if report.host.policies_in_force:
        return ", ".join(report.host.policies_in_force)
    offered = [policy.offered.truth for policy in report.policies if policy.offered is not None]
    if not any(truth is not False for truth in offered):
        return "nothing: this kernel has neither type1 nor iommufd, so nothing can be attached"
    if any(policy.carried.truth and policy.backend for policy in report.policies):
        return "no backend of VFIO that is known to be there"
    return "a predicate that is not known"


def no_groups(report: Report) -> str:
    """Why there is nothing to judge, and what a person can do about it."""
    gap = report.groups_read
    if gap is not None and gap.why != "absent":
        return f"IOMMU groups cannot be read: {gap.source}: {gap.errno or gap.detail}"
    if gap is not None:
        return f"no IOMMU group is known: {gap.source} is not recorded, or this kernel has none"
    count = len(report.ungrouped)
    bound = [device.reason for device in report.ungrouped if device.binds is not False]
    if bound:
        more = bound[0].removeprefix(NO_GROUP)
        return f"no IOMMU group ({len(bound)} of {count} PCI devices){more}"
    have = f"none of the {count} PCI devices can" if count else "no device can"
    have = "the one PCI device cannot" if count == 1 else have
    if report.host.iommu:
        return f"no IOMMU group: {have} be attached, though there is {report.host.iommu[0]}"
    # A cause tells why, and what to change on this host.
    none = _NO_IOMMU if report.causes else _no_iommu(report.host.arch)
    return f"no IOMMU group: {have} be attached; {none}"


def _no_iommu(arch: str | None) -> str:
    """That no IOMMU is in use, and what to turn on, in the words of the architecture."""
    return f"{_NO_IOMMU}{_TURN_ON.get(arch or '', '')}"


_NO_IOMMU = "no IOMMU is in use"
_X86_IOMMU = " (enable VT-d or AMD-Vi in the firmware; Intel also intel_iommu=on)"
_ARM_IOMMU = " (it takes an SMMU that firmware describes, and a kernel with its driver)"
_TURN_ON = {
    **dict.fromkeys(("x86_64", "i686"), _X86_IOMMU),
    **dict.fromkeys(("aarch64", "arm"), _ARM_IOMMU),
    "loongarch64": ", and Linux has no driver for one of a LoongArch (drivers/iommu, up to v7.3)",
}


def proof_command(report: Report, group: GroupReport, again: str) -> str:
    """The command that prints the proof. `again` are the options that judge the same host."""
    pinned = report.host.pinned  # `again` lacks the policy of a daemon
    policy = f" --policy {pinned}" if pinned and " --policy " not in again else ""
    return f"vfioguard explain group:{group.id}{policy}{again}"
