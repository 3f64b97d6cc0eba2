"""Who is told of a change: log, journal, systemd, state files, event streams."""
