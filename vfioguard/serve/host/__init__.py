"""How the daemon reads the host, in a thread that may hang, and finds who holds its groups."""
