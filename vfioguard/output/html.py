"""The page of the daemon as one file, which loads no other. It needs Jinja2."""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.output import Output, Style
from vfioguard.page.model import Look
from vfioguard.report import Report


def _parts(report: Report, style: Style) -> Iterator[str]:
    from vfioguard.page import rendering  # Jinja2 may be missing, and takes 40 ms

    yield rendering.alone(Look(report=report, facts=style.facts, host=style.host))


OUTPUT = Output("text/html; charset=utf-8", _parts, pictures=True)
