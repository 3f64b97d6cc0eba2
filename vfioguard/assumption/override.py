"""Both `allow_unsafe_interrupts` are set, or not."""

from __future__ import annotations

from vfioguard.assumption import Assumption, source
from vfioguard.fact import Fact
from vfioguard.kernel.module_param import Parameter
from vfioguard.snapshot import IOMMUFD, TYPE1, Snapshot


def _assume(snapshot: Snapshot, on: bool) -> Snapshot:
    value = Fact(on, b"Y" if on else b"N", source("override", on))
    parameters = tuple([_set(parameter, value) for parameter in snapshot.parameters])
    return snapshot._replace(parameters=parameters)


def _set(parameter: Parameter, value: Fact[bool]) -> Parameter:
    """A parameter of a module that is not loaded gets the value when it loads."""
    if (parameter.module, parameter.name) not in {TYPE1, IOMMUFD}:
        return parameter
    if parameter.pending is None:
        return parameter._replace(current=value)
    return parameter._replace(pending=value)


ASSUMPTION = Assumption("override", "allow_unsafe_interrupts of type1 and iommufd", _assume)
