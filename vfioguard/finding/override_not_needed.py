"""The override is on, and no group needs it: it only takes the protection of later devices away.

Change: switch it off: `echo N` to the parameter, and remove the option that sets it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.finding import Finding, Found
from vfioguard.inference.host import Host
from vfioguard.logic import Answer
from vfioguard.remedy.setting import configured, removal
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
            setting = configured(host, parameter)
            for_good = (
                Step("Remove the option that sets it from modprobe.d or the command line.")
                if setting is None
                else removal(host, setting)
            )
            yield Found(
                f"{parameter} {state}, and no group needs it",
                Answer(f"no group needs {parameter}", True, (override,)),
                (now, for_good) if loaded else (for_good,),
            )


FINDING = Finding("override_not_needed", "warning", find_in_groups=_find, of_facts=True)
