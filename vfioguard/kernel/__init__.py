"""One file per kernel interface: its path, how it is read, and what it says."""
