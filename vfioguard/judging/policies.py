"""The policies that there are, by name."""

from collections.abc import Mapping
from functools import cache

from vfioguard import leaves
from vfioguard.policy import Policy


class UnknownPolicy(ValueError):
    """A name that no policy has; the message lists those that exist."""


def policy_names() -> tuple[str, ...]:
    """What `--policy` takes, without importing a policy."""
    return leaves.names("vfioguard.policy")


@cache  # they are constants, and every event asks
def policies() -> Mapping[str, Policy]:
    """Every policy by its name."""
    return {p.name: p for p in leaves.all_of("vfioguard.policy", "POLICY", Policy)}


def policy(name: str) -> Policy:
    """The policy of this name. Raises `UnknownPolicy`."""
    found = policies().get(name)
    if found is None:
        raise UnknownPolicy(f"no policy {name!r}; there are {', '.join(sorted(policies()))}")
    return found
