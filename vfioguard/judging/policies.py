"""All policies, by name: the choices of `--policy` and of `?policy=`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from vfioguard import leaves
from vfioguard.policy import Policy


class UnknownPolicy(ValueError):
    """No policy has this name; the message lists the names."""


def policy_names() -> tuple[str, ...]:
    """The names of all policies, which `--policy` takes; no policy is imported."""
    return leaves.names("vfioguard.policy")


@cache  # they are constants, and every event needs them
def policies() -> Mapping[str, Policy]:
    """Every policy by its name."""
    return {p.name: p for p in leaves.all_of("vfioguard.policy", "POLICY", Policy)}


def policy(name: str) -> Policy:
    """The policy of this name. Raises UnknownPolicy."""
    known = policies().get(name)
    if known is None:
        raise UnknownPolicy(f"no policy {name!r}; there are {', '.join(sorted(policies()))}")
    return known
