"""What a Report says of the host beside its groups: it stays while `Host.context` does."""

from collections.abc import Mapping
from typing import NamedTuple

from vfioguard import unread
from vfioguard.fact import Fact, Gap, value_or
from vfioguard.inference.host import Host
from vfioguard.kernel.firmware import acpi_tables
from vfioguard.kernel.module_param import Parameter
from vfioguard.logic import Answer
from vfioguard.policy import Policy
from vfioguard.report import HostReport, OverrideReport, PolicyReport


class Frame(NamedTuple):
    """Everything here is made of `context` alone, which is what any verdict rests on.

    `carried`: policy -> whether the running kernel decides by it. `gaps` are neither those of
    groups nor of devices.
    """

    context: tuple[object, ...]
    carried: Mapping[str, Answer]
    host: HostReport
    overrides: tuple[OverrideReport, ...]
    policies: tuple[PolicyReport, ...]
    gaps: tuple[Gap, ...]
    firmware: tuple[tuple[str, str], ...]


def frame(
    host: Host, policies: Mapping[str, Policy], pinned: str | None, before: Frame | None
) -> Frame:
    """That of a host; the very same as `before` where nothing differs in what it rests on."""
    context = (pinned, *host.context)
    if before is not None and before.context == context:
        return before
    carried = {name: policy.carried(host) for name, policy in policies.items()}
    in_force = tuple(
        name
        for name, policy in policies.items()
        if policy.backend and carried[name].truth and host.has_backend(policy.backend)
    )
    acpi = host.snapshot.acpi
    return Frame(
        context,
        carried,
        _host(host, in_force, pinned),
        tuple(_override(parameter) for parameter in host.snapshot.parameters),
        tuple(
            PolicyReport(
                *policy[:5],
                policy.name in in_force,
                carried[policy.name],
                host.backend_exists(policy.backend) if policy.backend else None,
            )
            for policy in policies.values()
        ),
        unread.of_host(host.snapshot),
        tuple(zip(acpi._fields, map(acpi_tables.state, acpi), strict=True)),
    )


def _host(host: Host, in_force: tuple[str, ...], pinned: str | None) -> HostReport:
    snapshot = host.snapshot
    release = snapshot.kernel.release
    iommus = snapshot.iommus.value if isinstance(snapshot.iommus, Fact) else ()
    return HostReport(
        release.value.text if isinstance(release, Fact) else None,
        value_or(snapshot.kernel.arch, None),
        tuple(unit.name for unit in iommus),
        in_force,
        pinned,
        host.remapping if host.is_x86 else None,
        snapshot.modules,
    )


def _override(parameter: Parameter) -> OverrideReport:
    pending = None if parameter.pending is None else value_or(parameter.pending, None)
    return OverrideReport(str(parameter), value_or(parameter.current, None), pending)
