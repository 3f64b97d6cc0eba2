"""Hints: what may have changed on the host. A hint is not a fact; the host is read again."""

from __future__ import annotations

from vfioguard.typed import NamedTuple

#: A hint of more functions than this is not small.
_FEW = 4


class Hint(NamedTuple):
    """What may have changed, or why it is time to read the host.

    - `devices`: these PCI functions may have changed.
    - `listings`: devices or groups came or went.
    - `parameters`: a module or one of its parameters may have changed.
    - `everything`: anything may have changed. `lost`: that is so because events were lost.
    - `poll`: it is time to look for changes that send no event.
    - `reconcile`: it is time to read everything, and to compare it with the followed state.
    - `reload`: somebody asked for a reading and waits for it.
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
        """Returns a hint of all that the two hints say."""
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
        """Whether a reading for it lists directories of the whole host. Storms consist of these."""
        return self.listings or self.everything

    @property
    def small(self) -> bool:
        """Whether a reading for it reads only a few files."""
        return not (self.costly or self.poll) and len(self.devices) <= _FEW


NOTHING = Hint()
EVERYTHING = Hint(everything=True)
RELOAD = Hint(everything=True, reload=True)
LOST = Hint(everything=True, lost=True)
PARAMETERS = Hint(parameters=True)
LISTINGS = Hint(listings=True)
POLL = Hint(poll=True)
RECONCILE = Hint(everything=True, reconcile=True)
