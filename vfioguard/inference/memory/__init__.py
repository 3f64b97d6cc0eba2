"""Memory that firmware keeps for a device (RMRR, IVMD, RMR): whose it is."""
