"""Tells what changed: to the log, the journal, systemd, the state files and the event streams."""
