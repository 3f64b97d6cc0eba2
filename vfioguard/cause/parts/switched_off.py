"""The cause that words of the kernel's command line are, and the edit against them."""

from __future__ import annotations

from vfioguard.cause import Caused
from vfioguard.cause.parts import ivrs_option, machine, tables
from vfioguard.inference.host import Host
from vfioguard.logic import ask
from vfioguard.remedy.command_line import edit
from vfioguard.report import Step


def caused(
    host: Host, *, sentence: str, rule: str, remove: tuple[str, ...], add: tuple[str, ...] = ()
) -> Caused:
    """The cause that these words of the command line are, and the edit against it.

    If the tables forbid remapping anyway, the edit cures that too, or it is said that it does not.
    """
    claim = f"the command line leaves interrupt remapping on ({' '.join(remove)})"
    cure = None if tables.possible(host).possible else ivrs_option.cure(host)
    words = edit(
        host,
        add=(*add, *(cure.add if cure else ())),
        remove=(*remove, *(cure.remove if cure else ())),
    )
    return Caused(
        sentence=sentence,
        rule=rule,
        because=ask(claim, host.snapshot.kernel.cmdline, lambda _: False),
        change=(words, *ivrs_option.caution(cure)) if cure else _by_tables(host, words),
    )


def _by_tables(host: Host, words: Step) -> tuple[Step, ...]:
    """The edit, and what the tables have against remapping beside it, if no option corrects them.

    If AMD's tables cannot be read, that comes first: somebody may have added the words because the
    machine hangs without them.
    """
    also = tables.forbidding(host)
    if also:
        text = "; ".join(part.finding for part in also)
        alone = f"That alone does not help: the firmware's tables forbid it too ({text})."
        return words, Step(alone)
    if machine.amd(host) and tables.possible(host).possible is None:
        first = (
            "First look at the firmware's tables as root: if they leave an IO-APIC out, "
            "ivrs_ioapic= is needed as well, and some machines hang without it."
        )
        return Step(first, "sudo vfioguard firmware"), words
    return (words,)
