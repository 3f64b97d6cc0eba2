"""The override is on, and no group needs it: it only takes the protection of later devices away.

Change: switch it off: `echo N` to the parameter, and remove the option that sets it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.fact import Fact
from vfioguard.finding import Finding, Found, removal
from vfioguard.inference.host import Host
from vfioguard.logic import Answer
from vfioguard.report import GroupReport, Step
from vfioguard.snapshot import IOMMUFD, TYPE1


def _find(host: Host, groups: Sequence[GroupReport]) -> Iterator[Found]:
    for backend, module in (("type1", TYPE1), ("iommufd", IOMMUFD)):
        if not host.has_backend(backend):
            continue
        override = host.override(backend)
        if override.truth is not True:
            continue
        verdicts = [dict(group.backends).get(backend) for group in groups if group.attachable]
        needs = [verdict.needs_override for verdict in verdicts if verdict is not None]
        if needs and not any(need is not False for need in needs):
            parameter = host.snapshot.parameter(module)
            path = f"/sys/module/{module[0]}/parameters/{module[1]}"
            loaded = parameter.pending is None
            state = "is on" if loaded else "will be on when its module loads"
            now = Step("Switch it off until the next boot", f"echo N > {path}")
            site = host.snapshot.site
            option = site.option(module) if site is not None else None
            for_good = (
                removal(option.source, "that sets it")
                if isinstance(option, Fact) and option.value
                else Step("Remove the option that sets it from modprobe.d or the command line.")
            )
            yield Found(
                f"{parameter} {state}, and none of {len(needs)} groups needs it",
                Answer(f"no group needs {parameter}", True, (override,)),
                (now, for_good) if loaded else (for_good,),
            )


FINDING = Finding("override_not_needed", "warning", find_in_groups=_find)
