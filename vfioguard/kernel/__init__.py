"""One file per kernel interface: what it is called there, how it is read, what it says."""
