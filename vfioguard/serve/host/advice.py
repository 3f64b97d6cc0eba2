"""Reads in the reader's thread what the causes of this reading may ask of the host later.

What a cause says to change hangs on how the host boots, and on its maker. These facts are read when
a cause first asks for them, and such a read may hang. So no request may be the first to ask.
"""

from __future__ import annotations

from vfioguard.judging import causes
from vfioguard.judging.evaluate import Judged
from vfioguard.kernel.identity.site import Site
from vfioguard.report import Report, UngroupedDevice


class Advice:
    """Belongs to the thread that reads the host."""

    def __init__(self) -> None:
        self._read: Site | None = None
        #: The functions in no group and all that their causes rest on, and the same with the names.
        self._named: tuple[object, tuple[UngroupedDevice, ...]] = None, ()

    def given(self, judged: Judged) -> Report:
        """The report with the names of the causes of functions in no group. Raises OSError."""
        report = judged.report
        site = judged.snapshot.site
        if site is not None and site is not self._read:
            site.read()
            self._read = site
        if not report.ungrouped:
            return report
        basis = report.ungrouped, judged.host.context
        if basis != self._named[0]:
            self._named = basis, causes.with_ungrouped(judged.host, report).ungrouped
        return report._replace(ungrouped=self._named[1])
