"""What may have changed on the host. Only that: what it is now is read."""

from __future__ import annotations

from typing import NamedTuple

#: Changed functions that are read in one go while the loop waits.
_FEW = 4


class Hint(NamedTuple):
    """`devices` are PCI functions; `listings`: devices or groups came or went.

    `parameters`: a module or one of its parameters. `everything`: it is not known what, as
    when events were `lost`. `poll`: it is time to look for what nobody tells. `reconcile`: it is
    time to read everything, and to compare. `reload`: somebody asked for a reading, and waits.
    """

    devices: frozenset[str] = frozenset()
    listings: bool = False
    parameters: bool = False
    everything: bool = False
    poll: bool = False
    reconcile: bool = False
    lost: bool = False
    reload: bool = False

    def __or__(self, other: Hint) -> Hint:
        """Both at once."""
        return Hint(
            devices=self.devices | other.devices,
            listings=self.listings or other.listings,
            parameters=self.parameters or other.parameters,
            everything=self.everything or other.everything,
            poll=self.poll or other.poll,
            reconcile=self.reconcile or other.reconcile,
            lost=self.lost or other.lost,
            reload=self.reload or other.reload,
        )

    @property
    def costly(self) -> bool:
        """Whether directories of the whole host are listed for it: storms are made of these."""
        return self.listings or self.everything

    @property
    def small(self) -> bool:
        """Whether but a few files are read for it."""
        return not (self.costly or self.poll) and len(self.devices) <= _FEW


NOTHING = Hint()
EVERYTHING = Hint(everything=True)
RELOAD = Hint(everything=True, reload=True)
LOST = Hint(everything=True, lost=True)
PARAMETERS = Hint(parameters=True)
LISTINGS = Hint(listings=True)
POLL = Hint(poll=True)
RECONCILE = Hint(everything=True, reconcile=True)
