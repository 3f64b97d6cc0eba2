"""The forms of `vfioguard fleet`."""
