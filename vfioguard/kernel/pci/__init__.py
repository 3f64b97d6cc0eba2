"""What the PCI core shows of functions and buses: one file per kernel interface."""
