"""The forms of `vfioguard policies`."""
