"""PCI functions and buses as the PCI core shows them: one file per kernel interface."""
