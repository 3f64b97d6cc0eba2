"""How the machine routes interrupts: one file per kernel interface."""
