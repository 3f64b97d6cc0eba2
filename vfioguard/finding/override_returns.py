"""The override is off now, and a file or the command line sets it when the module loads again.

Change: remove the option that the report names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.fact import Fact
from vfioguard.finding import Finding, Found
from vfioguard.inference.host import Host
from vfioguard.logic import Answer
from vfioguard.remedy.setting import configured, removal
from vfioguard.report import GroupReport
from vfioguard.snapshot import IOMMUFD, TYPE1


def _find(host: Host, _: Sequence[GroupReport]) -> Iterator[Found]:
    for which in (TYPE1, IOMMUFD):
        parameter = host.snapshot.parameter(which)
        current, loaded = parameter.current, parameter.pending is None
        if loaded and not (isinstance(current, Fact) and not current.value):
            continue
        setting = configured(host, parameter)
        if setting is not None:
            when = "at the next boot" if loaded else "when its module loads"
            yield Found(
                f"{parameter} is off now, and {setting.source} sets it {when}",
                Answer(f"{parameter} is set when its module loads again", True, (current, setting)),
                (removal(host, setting, "If nobody needs it"),),
            )


# Asked at each reading: a Snapshot has what modprobe.d sets only while the module is not loaded.
FINDING = Finding("override_returns", "warning", find_in_groups=_find, of_facts=True)
