"""What sets a module's parameter when the module loads again, and the step that takes it away."""

from __future__ import annotations

from vfioguard.fact import Fact, Gap
from vfioguard.inference.host import Host
from vfioguard.kernel.identity import cmdline
from vfioguard.kernel.module_param import Parameter, from_cmdline
from vfioguard.report import Step


def configured(host: Host, parameter: Parameter) -> Fact[bool] | None:
    """What sets the parameter to Y when its module loads again. The command line wins.

    Returns None if nothing is known to set it.
    """
    if parameter.pending is not None:  # not loaded: the Snapshot has what will set it
        pending = parameter.pending
        return pending if isinstance(pending, Fact) and pending.value else None
    words = host.snapshot.kernel.cmdline
    if isinstance(words, Gap):
        return None
    given = from_cmdline(words, str(parameter))
    if given is None:
        return _by_modprobe_d(host, parameter)
    return given if isinstance(given, Fact) and given.value else None


def _by_modprobe_d(host: Host, parameter: Parameter) -> Fact[bool] | None:
    """The file of modprobe.d that sets the parameter. It does not reach what is built in."""
    site, config = host.snapshot.site, host.snapshot.kernel.config
    if isinstance(config, Fact) and config.value[parameter.module.upper()] == "y":
        return None
    option = site.option((parameter.module, parameter.name)) if site is not None else None
    return option if isinstance(option, Fact) and option.value else None


def removal(host: Host, setting: Fact[bool], condition: str = "") -> Step:
    """The step that removes `setting`, on a condition such as "If nobody needs it"."""
    if setting.source == cmdline.PATH:  # nobody can edit that file
        from vfioguard.remedy.command_line import edit  # most hosts have no such setting

        step = edit(host, remove=(setting.raw.decode(),))
    else:
        step = Step("Remove the option that sets it.", setting.source)
    if not condition:
        return step
    return step._replace(do=f"{condition}, {step.do[0].lower()}{step.do[1:]}")
