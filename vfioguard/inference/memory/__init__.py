"""Memory that firmware keeps for devices (RMRR, IVMD, RMR), and those devices."""
