"""Which kernel runs, and on which machine: one file per kernel interface."""
