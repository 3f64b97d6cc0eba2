"""The override is off now, and a file or the command line sets it when the module loads again.

Change: remove the option that the report names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.fact import Fact, Gap
from vfioguard.finding import Finding, Found, removal
from vfioguard.inference.host import Host
from vfioguard.kernel.module_param import Parameter, kstrtobool
from vfioguard.logic import Answer
from vfioguard.report import GroupReport
from vfioguard.snapshot import IOMMUFD, TYPE1


def _find(host: Host, _: Sequence[GroupReport]) -> Iterator[Found]:
    for which in (TYPE1, IOMMUFD):
        parameter = host.snapshot.parameter(which)
        configured = _configured(host, parameter)
        if isinstance(configured, Fact) and configured.value:
            claim = f"{parameter} is set when its module loads again"
            when = "at the next boot" if parameter.pending is None else "when its module loads"
            yield Found(
                f"{parameter} is off now, and {configured.source} sets it {when}",
                Answer(claim, True, (parameter.current, configured)),
                (removal(configured.source, "if nobody needs it"),),
            )


def _configured(host: Host, parameter: Parameter) -> Fact[bool] | None:
    """What sets the parameter at the next boot, if it is off now. The command line wins."""
    current, cmdline = parameter.current, host.snapshot.kernel.cmdline
    off = isinstance(current, Fact) and not current.value
    pending = parameter.pending
    if isinstance(pending, Fact) and pending.value:
        return pending
    if not off or isinstance(cmdline, Gap):
        return None
    for word in reversed(cmdline.value):
        key, equals, value = word.partition("=")
        if key.replace("-", "_") == str(parameter):
            truth = kstrtobool(value) if equals else True
            return Fact(True, word.encode(), cmdline.source) if truth else None
    return _by_modprobe_d(host, parameter)


def _by_modprobe_d(host: Host, parameter: Parameter) -> Fact[bool] | None:
    """The file of modprobe.d that sets the parameter. It does not reach what is built in."""
    site, config = host.snapshot.site, host.snapshot.kernel.config
    if isinstance(config, Fact) and config.value[parameter.module.upper()] == "y":
        return None
    option = site.option((parameter.module, parameter.name)) if site is not None else None
    return option if isinstance(option, Fact) and option.value else None


# Asked at each reading: a Snapshot has what modprobe.d sets only while the module is not loaded.
FINDING = Finding("override_returns", "warning", find_in_groups=_find)
