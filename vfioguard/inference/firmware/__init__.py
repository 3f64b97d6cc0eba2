"""The firmware's tables and what they offer: the values that `vfioguard firmware` shows."""
