"""The part of a Report that is about the host, not its groups. It depends on `Host.context`."""

from __future__ import annotations

from collections.abc import Mapping

from vfioguard.fact import Fact, Gap, value_or
from vfioguard.inference.host import Host
from vfioguard.judging import unread
from vfioguard.kernel.firmware import acpi_tables
from vfioguard.kernel.module_param import Parameter
from vfioguard.logic import Answer
from vfioguard.policy import Policy
from vfioguard.report import Choice, HostReport, PolicyReport
from vfioguard.typed import NamedTuple
from vfioguard.verdict import OverrideReport


class HostPart(NamedTuple):
    """The part that is about the host. While `context` stays the same, so do all other fields.

    Every verdict depends on `context`. `carried` maps a policy to whether the running kernel
    decides by it. `gaps` are those outside of groups and devices.
    """

    context: tuple[object, ...]
    carried: Mapping[str, Answer]
    host: HostReport
    overrides: tuple[OverrideReport, ...]
    policies: tuple[PolicyReport, ...]
    gaps: tuple[Gap, ...]
    firmware: tuple[tuple[str, str], ...]


def of(host: Host, policies: Mapping[str, Policy], chosen: Choice) -> HostPart:
    """Make the part for `host`; `chosen` is what the headlines are about."""
    carried = {name: policy.carried(host) for name, policy in policies.items()}
    in_force = tuple(
        name
        for name, policy in policies.items()
        if policy.backend and carried[name].truth and host.has_backend(policy.backend)
    )
    acpi = host.snapshot.acpi
    reports = _policies(host, policies, carried, in_force)
    return HostPart(
        context=_context(host, chosen),
        carried=carried,
        host=_host(host, in_force).choosing(chosen, reports),
        overrides=tuple(_override(parameter) for parameter in host.snapshot.parameters),
        policies=reports,
        gaps=unread.of_host(host.snapshot),
        firmware=tuple((name, acpi_tables.state(table)) for name, table in acpi.by_name()),
    )


def _policies(
    host: Host,
    policies: Mapping[str, Policy],
    carried: Mapping[str, Answer],
    in_force: tuple[str, ...],
) -> tuple[PolicyReport, ...]:
    return tuple(
        PolicyReport(
            name=policy.name,
            backend=policy.backend,
            kernels=policy.kernels,
            summary=policy.summary,
            source=policy.source,
            in_force=policy.name in in_force,
            carried=carried[policy.name],
            offered=host.backend_exists(policy.backend) if policy.backend else None,
        )
        for policy in policies.values()
    )


def of_later(
    host: Host, policies: Mapping[str, Policy], chosen: Choice, before: HostPart
) -> HostPart:
    """The part at a later moment. Returns `before` itself if the context is the same."""
    return before if before.context == _context(host, chosen) else of(host, policies, chosen)


def _context(host: Host, chosen: Choice) -> tuple[object, ...]:
    return (chosen, *host.context)


def choose(part: HostPart, chosen: Choice) -> HostPart:
    """The part with headlines that are about what is `chosen`."""
    return part._replace(host=part.host.choosing(chosen, part.policies))


def _host(host: Host, in_force: tuple[str, ...]) -> HostReport:
    snapshot = host.snapshot
    release = snapshot.kernel.release
    iommus = snapshot.iommus.value if isinstance(snapshot.iommus, Fact) else ()
    return HostReport(
        kernel=release.value.text if isinstance(release, Fact) else None,
        arch=value_or(snapshot.kernel.arch, None),
        iommu=tuple(unit.name for unit in iommus),
        policies_in_force=in_force,
        remapping=host.remapping if host.is_x86 else None,
        modules=snapshot.modules,
        counting=host.counting,
    )


def _override(parameter: Parameter) -> OverrideReport:
    pending = None if parameter.pending is None else value_or(parameter.pending, None)
    return OverrideReport(str(parameter), value_or(parameter.current, None), pending)
