"""What the firmware of this machine promises: the text of `vfioguard firmware`."""
