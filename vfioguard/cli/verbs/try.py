"""`vfioguard try`: ask the kernel itself, and hold its answer against ours."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from vfioguard import wording
from vfioguard.cli import asking, capturing, trying
from vfioguard.cli.arguments import Parser, add_backend, add_output
from vfioguard.cli.failure import Failure
from vfioguard.cli.trying import Planned
from vfioguard.cli.verbs import Verb
from vfioguard.report import Report
from vfioguard.trial.attach import opens
from vfioguard.trial.live import Live
from vfioguard.tried import NOT_AS_FORETOLD, Tried, differing

#: Where a capture has what the kernel answered.
ANSWER = "/CAPTURE/try.json"


def _arguments(parser: Parser) -> None:
    add_backend(parser)
    add_output(parser)
    parser.add_argument(
        "--open-devices",
        action="store_true",
        help="type1, spapr_tce: open the devices as well, which makes the kernel reset them",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before it is done")
    parser.add_argument(
        "--capture",
        default="vfioguard-try.tar.xz",
        metavar="FILE.tar.xz",
        help="the capture to write if the kernel does not do what was foretold "
        "(default %(default)s)",
    )
    parser.add_argument(
        "target", nargs="+", metavar="TARGET", help="a device or a group, as for `check`"
    )
    # What `check --now` is asked with; the running kernel has no other root.
    parser.set_defaults(
        root="/", acpi_tables=None, policy=None, now=True, interrupts=False, expect=[],
        refuse_host_critical=False,
    )  # fmt: skip


def _run(options: argparse.Namespace) -> int:
    """Ask the kernel for each target. The status is that of the worst; 3 is the worst of all."""
    capturing.check_name(options.capture)
    if os.geteuid() != 0:
        raise Failure("only root can ask the kernel: the nodes below /dev/vfio are root's")
    question = asking.read(options)
    question.asks = trying.one_group_each(question.asks)
    plans = trying.planned(question, asking.answers(options, question))
    _tell_refusals(plans)
    wanted = [each for each in plans if each.plan is not None]
    if wanted and not options.yes:
        ask(wanted, open_devices=options.open_devices)
    tries = trying.tried(Live(), plans, open_devices=options.open_devices)
    show(options, question.judged.report, tries)
    return max([each.status for each in tries], default=NOT_AS_FORETOLD)


def _tell_refusals(plans: Sequence[Planned]) -> None:
    for each in plans:
        if each.checked is None:
            print(f"vfioguard try: {each.why_not}", file=sys.stderr)
        elif each.why_not is not None:
            print(f"vfioguard try: not tried {each.target}: {each.why_not}", file=sys.stderr)


def ask(plans: Sequence[Planned], *, open_devices: bool) -> None:
    """Say what will be done and ask on the terminal. Raises `Failure` unless the answer is yes."""
    does = intention(plans, open_devices=open_devices)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Failure(f"say --yes if this shall be done: {'; '.join(does)}")
    print("\n".join(does), file=sys.stderr)
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise Failure("nothing was done")


def intention(plans: Sequence[Planned], *, open_devices: bool) -> list[str]:
    """What will be done to which groups and devices, a line for each kind."""
    groups = sorted({each.plan.group for each in plans if each.plan is not None})
    numbers = wording.listed([str(number) for number in groups])
    lines = [f"attach group {numbers} as a guest's program would, map nothing, and let go of it"]
    reset = {
        name: None
        for each in plans
        for backend in each.backends
        if each.plan is not None and opens(backend, open_devices=open_devices)
        for name in each.plan.devices
    }
    if reset:
        lines.append(f"open {wording.listed(list(reset))}: the kernel resets what it opens")
    return lines


def show(options: argparse.Namespace, report: Report, tries: Sequence[Tried]) -> None:
    """Print the answers; if one is not as foretold, write the capture, too."""
    from vfioguard.output.trial import json, text
    from vfioguard.proof_json import dumps

    path = options.capture if differing(tries) else None
    document = json.document(report, tries, path)
    if options.output == "json":
        print(dumps(document))
    else:
        for line in text.lines(tries):
            print(line)
    if path is not None:
        sys.stdout.flush()
        capturing.write(options, path, {ANSWER: dumps(document).encode() + b"\n"})
        print(
            f"vfioguard try: the kernel does not do what was foretold. {path} has the host and the "
            "answer: please send it",
            file=sys.stderr,
        )


VERB = Verb(
    help="ask the kernel itself: attach for a moment, and compare with `check --now` (root)",
    arguments=_arguments,
    run=_run,
    epilog=(
        "exit status: 0 attached, 1 attached by the override, 2 refused as foretold, 3 not as "
        "foretold, not tried, or an error; the highest counts. It opens the group, sets the "
        "container and the IOMMU, maps nothing and closes all. iommufd and --open-devices open the "
        "devices, too, and the kernel resets a device when it is opened and closed. It asks "
        "before it does so. It leaves alone a group that somebody has open, of which a member is "
        "on no VFIO driver, or which no IOMMU translates."
    ),
)
