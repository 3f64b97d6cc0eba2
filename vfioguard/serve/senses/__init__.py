"""What tells that the host may have changed: uevents, the log, files, the clock."""
