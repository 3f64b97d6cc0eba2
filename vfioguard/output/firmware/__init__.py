"""The forms in which `vfioguard firmware` shows the tables."""
