"""The map of the Report as a picture with its legend, for tickets and slides."""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.output import Output, Style
from vfioguard.page.picture import picture
from vfioguard.report import Report


def _parts(report: Report, style: Style) -> Iterator[str]:
    yield picture(report, style.facts, style.host)


OUTPUT = Output("image/svg+xml", _parts, pictures=True)
