"""How the daemon reads the host: one thread that may hang, and who holds what."""
