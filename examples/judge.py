"""Say whether VFIO would attach the devices that are named, and why not.

usage: python judge.py ROOT TARGET...

ROOT is `/`, a directory with another host's `sys` and `proc`, or a file that `vfioguard capture`
wrote. A target is `group:N`, a PCI address, or the name of another device. In a clone that is not
installed, `PYTHONPATH=. python3 examples/judge.py / group:2` runs it.
"""

import sys

from vfioguard import api


def main(root: str, names: list[str]) -> int:
    """Print a line for each target. The status is 0 if all of them are allowed, else 1."""
    try:
        report = api.judge(api.take(api.open_root(root)))
        targets = api.Targets(report)
        found = {name: targets.find(name) for name in names}
    except (api.CannotOpen, api.NoTarget) as error:
        print(error, file=sys.stderr)
        return 1
    allowed = True
    for name, target in found.items():
        if isinstance(target, api.GroupReport):
            print(f"{name}: {target.outcome}; {api.reason(target)}")
            allowed = allowed and target.outcome is api.Outcome.ALLOWED
        else:  # a device in no IOMMU group cannot be attached
            print(f"{name}: {target.reason}")
            allowed = False
    return 0 if allowed else 1


if __name__ == "__main__":
    if len(sys.argv) < 3:  # nothing to judge is not "all allowed"
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
