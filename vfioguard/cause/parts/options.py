"""Which words of the kernel's command line leave x86's interrupt remapping off.

drivers/iommu/irq_remapping.c setup_irqremap() (5.10 to 7.2): the last choice of `intremap=` counts,
and compares beginnings. kernel/identity/cmdline.py has the same rules as one answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.kernel.identity.cmdline import LOCAL_APIC_OFF


def words(host: Host) -> tuple[str, ...]:
    """The words of the command line; none if it cannot be read."""
    options = host.snapshot.kernel.cmdline
    return options.value if isinstance(options, Fact) else ()


def name(word: str) -> str:
    """The name of an option."""
    return word.partition("=")[0]


def switches_off(word: str) -> bool | None:
    """Whether this word leaves remapping off; None if it does not choose."""
    option, _, value = word.partition("=")
    if option == "nointremap":
        return True
    off: bool | None = None
    for choice in value.split(",") if option == "intremap" else ():
        off = True if choice.startswith("off") else False if choice.startswith("on") else off
    return off


def decides(options: Sequence[str]) -> str | None:
    """The word that wins, if it leaves remapping off. Returns None if none does."""
    chosen = [word for word in options if switches_off(word) is not None]
    return chosen[-1] if chosen and switches_off(chosen[-1]) else None


def without_off(word: str) -> str | None:
    """The word `intremap=` with its other choices. Returns None if no other is left."""
    option, _, value = word.partition("=")
    kept = [choice for choice in value.split(",") if choice and not choice.startswith("off")]
    return f"{option}={','.join(kept)}" if option == "intremap" and kept else None


def local_apics_off(options: Sequence[str]) -> tuple[str, ...]:
    """The words that leave the local APICs off."""
    return tuple(word for word in options if name(word) in LOCAL_APIC_OFF)


def io_apics_off(options: Sequence[str], off: Callable[[tuple[str, ...]], bool]) -> tuple[str, ...]:
    """The words that leave the IO-APICs off, each by itself. `off` is the kernel's own rule."""
    last = max((place for place, word in enumerate(options) if word == "apic"), default=-1)
    alone = [word for word in options[last + 1 :] if off((word,))]
    chosen = {"noapic", "nosmp", "maxcpus"}
    return tuple(word for word in alone if name(word) in chosen)
