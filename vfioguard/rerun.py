"""Commands of vfioguard that stand in a text: the options by which they judge the same host."""

from __future__ import annotations

from collections.abc import Sequence

from vfioguard.report import CauseReport, Report, Step

_READS = ("--root", "--acpi-tables")
_JUDGES = (*_READS, "--policy", "--backend")
_ASSUMES = (*_JUDGES, "--what-if", "--kernel")
#: Verb -> the options that it takes.
_TAKES = {
    "report": _ASSUMES,
    "explain": _ASSUMES,
    "check": _JUDGES,
    "firmware": _READS,
    "capture": _READS,
}
#: A command with its targets and options, as far as it is one and not the sentence around it.
_COMMAND = (
    rf"\bvfioguard ({'|'.join(_TAKES)})\b((?: (?:group:\w+|DEVICE|--wide|[\w.-]+\.tar\.xz|"
    r"--(?:what-if|kernel) [\w.=+-]+|[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]))*)"
)


def same_host(text: str, again: str) -> str:
    """The text whose commands of vfioguard have the options `again`, each as far as it takes them.

    `again` is "", or options with their values, each after a blank and quoted for a shell.
    """
    if not again or "vfioguard " not in text:
        return text
    import re  # most texts have no command

    return re.sub(_COMMAND, lambda match: match[0] + _options(match[1], match[2], again), text)


def _options(verb: str, given: str, again: str) -> str:
    """The options that the command lacks: what it says itself counts."""
    from shlex import quote, split

    words = split(again)
    return "".join(
        f" {flag} {quote(value)}"
        for flag, value in zip(words[::2], words[1::2], strict=True)
        if flag in _TAKES[verb] and not _says(given, flag, value)
    )


def _says(given: str, flag: str, value: str) -> bool:
    if flag != "--what-if":
        return flag in given
    return f"{flag} {value.partition('=')[0]}=" in given


def in_causes(causes: Sequence[CauseReport], again: str) -> tuple[CauseReport, ...]:
    """The causes whose steps have commands for the same host."""
    return tuple([cause._replace(change=_in_steps(cause.change, again)) for cause in causes])


def in_report(report: Report, again: str) -> Report:
    """The report for a person whose steps have commands for the same host."""
    if not again:
        return report
    own = in_causes([row.cause for row in report.causes], again)
    rows = [row._replace(cause=cause) for row, cause in zip(report.causes, own, strict=True)]
    findings = [each._replace(change=_in_steps(each.change, again)) for each in report.findings]
    return report._replace(causes=tuple(rows), findings=tuple(findings))


def _in_steps(steps: Sequence[Step], again: str) -> tuple[Step, ...]:
    return tuple(
        [
            step if step.where is None else step._replace(where=same_host(step.where, again))
            for step in steps
        ]
    )
