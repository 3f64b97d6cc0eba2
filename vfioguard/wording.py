"""The words that all faces share: for answers, reasons, ranges and names."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter

from vfioguard.fact import Fact, Gap
from vfioguard.logic import Answer, Proof
from vfioguard.report import (
    NO_GROUP,
    UNBINDABLE,
    DeviceReport,
    GroupReport,
    Report,
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


def reason(group: GroupReport) -> str:
    """Why the headline's interrupt test has its truth, in one clause.

    It is the claim of the deepest answer, following the first part of each. If that claim does not
    name a device of the group (but another group's device, or an interrupt of the machine), the
    claim above it tells more.
    """
    verdict = group.headline
    undecided = verdict.outcome is Outcome.UNKNOWN and verdict.isolated.truth is False
    above = answer = verdict.override if undecided else verdict.isolated
    while answer.because and isinstance(answer.because[0], Answer):
        above, answer = answer, answer.because[0]
    if not undecided and not any(member.name in answer.claim for member in group.devices):
        answer = above
    return f"{truth(answer.truth)}: {answer.claim}"


def general_reason(group: GroupReport) -> str:
    """The reason without the names of the group's devices, so that groups share it."""
    names = {member.name for member in group.devices}
    words = reason(group).split(" ")
    for place, word in enumerate(words):
        name = word.rstrip(",:;")
        if name in names:
            words[place] = f"a device{word[len(name) :]}"
    return " ".join(words)


def verdict_line(target: str, group: GroupReport) -> str:
    """One line that says whether `target`, of this group, may be attached; the outcome first."""
    name = target if target.startswith("group:") else f"{target} group:{group.id}"
    return f"{group.outcome} {name} {_by(group)}"


def group_line(group: GroupReport) -> str:
    """One line about a group, for grep: outcome, number, members, and reason."""
    members = ",".join(member.name for member in group.devices) or "-"
    return f"{group.outcome} group:{group.id} {members} {_by(group)}"


def _by(group: GroupReport) -> str:
    text = f"by {group.headline.policy}"
    if group.outcome is not Outcome.ALLOWED:
        text += f"; {reason(group)}"
    text += aside(group)
    return text


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
    for reason, names in folded.items():
        counted = reason.replace(NO_GROUP, f"{NO_GROUP} ({len(names)})", 1)
        shown = names[:most]
        more = f" +{len(names) - len(shown)} more" if len(names) > len(shown) else ""
        yield counted, f"{', '.join(shown)}{more}"


def missing(target: str, kind: str, names: list[str]) -> str:
    """The sentence that there is no `target`; `names` are the existing targets of this `kind`."""
    none = f"no {target!r:.64}" if target.startswith("group:") else f"no {kind} {target!r:.64}"
    if not names:
        return f"{none} here; there is no {kind}"
    return f"{none} here; there are {listed(names)}"


def listed(names: list[str]) -> str:
    """The first of these names, and how many more there are."""
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return f"{', '.join(names[:_NAMES])}{more}"


def proof_lines(proof: Proof, depth: int = 0, limit: int = 16) -> Iterable[str]:
    """The proof as an indented tree, whose leaves are files with their content.

    An answer shows at most `limit` of its parts.
    """
    indent = "  " * depth
    if isinstance(proof, Gap):
        yield f"{indent}{proof.source}: {proof.why} ({proof.errno or proof.detail})"
    elif isinstance(proof, Fact):
        yield f"{indent}{proof.source}: {raw_text(proof.raw)}"
    else:
        yield f"{indent}{truth(proof.truth)}: {proof.claim}"
        for part in proof.because[:limit]:
            yield from proof_lines(part, depth + 1, limit)
        if len(proof.because) > limit:
            yield f"{indent}  ... and {len(proof.because) - limit} more like these"


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


def ranges(numbers: Iterable[int]) -> str:
    """Sorted numbers as "0-3, 7, 9-12"."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


def summary(report: Report) -> str:
    """The groups in one clause: "2 refused, 20 allowed of 22 IOMMU groups"."""
    counts = Counter(map(_headline, report.groups))
    worst_first = sorted(counts.items(), key=lambda item: -severity(item[0]))
    parts = ", ".join(f"{number} {outcome}" for outcome, number in worst_first)
    return f"{parts} of {len(report.groups)} IOMMU groups" if parts else "no IOMMU group"


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
    have = f"none of the {count} PCI devices" if count else "no device"
    if report.host.iommu:
        return f"no IOMMU group: {have} can be attached, though there is {report.host.iommu[0]}"
    return f"no IOMMU group: {have} can be attached; {_no_iommu(report.host.arch)}"


def _no_iommu(arch: str | None) -> str:
    """That no IOMMU is in use, and what to turn on, in the words of the architecture."""
    return f"no IOMMU is in use{_TURN_ON.get(arch or '', '')}"


_X86_IOMMU = " (enable VT-d or AMD-Vi in the firmware; Intel also intel_iommu=on)"
_ARM_IOMMU = " (it takes an SMMU that firmware describes, and a kernel with its driver)"
_TURN_ON = {
    **dict.fromkeys(("x86_64", "i686"), _X86_IOMMU),
    **dict.fromkeys(("aarch64", "arm"), _ARM_IOMMU),
    "loongarch64": ", and Linux has no driver for one of a LoongArch (drivers/iommu, up to v7.3)",
}


def proof_command(report: Report, group: GroupReport, again: str) -> str:
    """The command that prints the proof. `again` are the options that read the same host."""
    policy = f" --policy {report.host.pinned}" if report.host.pinned else ""
    return f"vfioguard explain group:{group.id}{policy}{again}"
