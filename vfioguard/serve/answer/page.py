"""The page for people: the counts, and each group that is not allowed. It loads no other file."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from vfioguard import wording
from vfioguard.report import GroupReport, Report
from vfioguard.verdict import Outcome, severity

#: The most rows of the table. A browser shows 16,384, but a person reads none of so many.
_ROWS = 1000

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{text-align:left;vertical-align:top;padding:.2rem .8rem;"
    "border-bottom:1px solid #8884}code{font-size:.9em}@media(prefers-color-scheme:dark)"
    "{body{background:#111;color:#ddd}a{color:#8bf}}"
)


def page(report: Report) -> str:
    """The whole page as HTML."""
    return "".join(f"{line}\n" for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    host = report.host
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8"><title>vfioguard</title>'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<style>{_STYLE}</style></head><body>"
    yield "<h1>May these devices be handed to a guest?</h1>"
    kernel = " ".join(part for part in (host.kernel or "unknown", host.arch) if part)
    decided = f"kernel {kernel}; decides by {wording.policies(report)}"
    yield f"<p>{escape(decided)}; since {escape(report.generated_at)}</p>"
    yield from _table(report) if report.groups else [f"<p>{escape(wording.no_groups(report))}</p>"]
    for sentence, names in wording.ungrouped_lines(report) if report.groups else ():
        yield f"<p>{escape(sentence)}<br><code>{escape(names)}</code></p>"
    yield '<p><a href="/v1/report">report</a> <a href="/v1/groups">groups</a> '
    yield '<a href="/metrics">metrics</a> <a href="/openapi.json">openapi.json</a></p>'
    yield "</body></html>"


def _table(report: Report) -> Iterator[str]:
    counts = dict.fromkeys(sorted(Outcome, key=severity, reverse=True), 0)
    for group in report.groups:
        counts[group.outcome] += 1
    yield "<table><tr><th>outcome</th><th>groups</th></tr>"
    for outcome, count in counts.items():
        yield f"<tr><td>{outcome}</td><td>{count}</td></tr>"
    yield "</table>"
    bad = [group for group in report.groups if group.outcome is not Outcome.ALLOWED]
    if not bad:
        return
    bad.sort(key=lambda group: -severity(group.outcome))
    yield "<h2>Not allowed</h2>"
    yield "<table><tr><th>group</th><th>outcome</th><th>devices</th><th>why</th></tr>"
    for group in bad[:_ROWS]:
        yield _row(group)
    yield "</table>"
    if len(bad) > _ROWS:
        yield f"<p>and {len(bad) - _ROWS} more</p>"


def _row(group: GroupReport) -> str:
    devices = "<br>".join(escape(wording.device(device)) for device in group.devices)
    series = "" if group.agrees is not False else f" [the 2016 series: {group.series.outcome}]"
    return (
        f'<tr><td><a href="/v1/groups/{group.id}">{group.id}</a></td><td>{group.outcome}</td>'
        f"<td><code>{devices}</code></td><td>{escape(wording.reason(group) + series)}</td></tr>"
    )
